//! `cargo xtask bench`: builds the subjects, measures them and prints tables.

mod commits;
mod compile;
mod counts;
mod databases;
mod facts;
mod growth;
mod idle_memory;
mod instructions;
mod lost;
mod options;
mod outages;
mod page;
mod plot;
mod principals;
mod redis;
mod report;
mod server;
mod sizes;
mod sockets;
mod spread;
mod subjects;
mod table;
mod times;
mod traffic;
mod valgrind;
mod weights;
mod wrk;

use std::process::ExitCode;
use std::time::Instant;

use options::Options;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct Section {
    name: &'static str,
    about: &'static str,
    /// Prints progress, and returns its part of the report.
    run: fn(&Options) -> Outcome<String>,
}

const SECTIONS: &[Section] = &[
    Section {
        name: "instructions",
        about: "instructions and allocations of a request, without sockets",
        run: instructions::run,
    },
    Section { name: "weights", about: "what the instructions that a session adds are spent on", run: weights::run },
    Section { name: "times", about: "nanoseconds of CPU of a request, without sockets", run: times::run },
    Section { name: "sockets", about: "requests per second and CPU of the server, over sockets", run: sockets::run },
    Section { name: "memory", about: "bytes of an idle session, in memory and in Redis", run: idle_memory::run },
    Section { name: "redis", about: "round trips, commands and bytes between server and Redis", run: traffic::run },
    Section {
        name: "commits",
        about: "commits and loads per second of each store, and what sweeping takes from them",
        run: commits::run,
    },
    Section {
        name: "databases",
        about: "commits and loads per second of stores behind a network, and what they cost the database",
        run: databases::run,
    },
    Section {
        name: "sizes",
        about: "bytes of a session in databases with SQL, and of what a commit logs there",
        run: sizes::run,
    },
    Section {
        name: "growth",
        about: "what a request costs as sessions, keys, values and clients grow, and while a million expire",
        run: growth::run,
    },
    Section {
        name: "principals",
        about: "how long a server is held by a principal with a million sessions",
        run: principals::run,
    },
    Section {
        name: "outages",
        about: "what visitors notice while Redis is killed, or its network falls silent",
        run: outages::run,
    },
    Section { name: "lost", about: "changes that survive eight parallel requests of one visitor", run: lost::run },
];

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: impl Iterator<Item = String>) -> Outcome {
    let (names, mut options) = Options::parse(words)?;
    if options.help {
        println!("{}", help());
        return Ok(());
    }
    if names == ["counts"] {
        return counts::run(options.write);
    }
    let is_report = names == ["report"];
    let sections: Vec<&Section> = if names.is_empty() || is_report {
        SECTIONS.iter().collect()
    } else {
        let find = |name: &String| SECTIONS.iter().find(|section| section.name == name).ok_or_else(help);
        names.iter().map(find).collect::<Result<_, _>>()?
    };
    if is_report {
        report::begin()?;
        (options.write, options.peers) = (true, true);
    }
    for section in sections {
        let begin = Instant::now();
        let text = (section.run)(&options)?;
        println!("\n{text}");
        eprintln!("{} took {:.0} s", section.name, begin.elapsed().as_secs_f64());
        if options.write {
            report::put(section, &options, &text)?;
        }
    }
    Ok(())
}

fn help() -> String {
    let mut help = String::from(options::USAGE);
    for Section { name, about, .. } in SECTIONS {
        help.push_str(&format!("\n  {name:<14}{about}"));
    }
    help.push_str("\n  counts        fails if a hot path has grown; with --write, renews bench/figures.txt");
    help.push_str("\n  report        all of them, written into BENCHMARKS.md");
    help
}
