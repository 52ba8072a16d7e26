//! A million sessions that expire.

use std::path::Path;

use super::{command, parsed};
use crate::Outcome;
use crate::plot::{Line, Plot, Scale, short};
use crate::subjects::output_of;
use crate::table::Table;

const SESSIONS: u64 = 1_000_000;

/// The percentiles, as one in so many reads, in the order of the program's output.
const ONE_IN: [f64; 6] = [10.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0];

const WHAT: [(&str, &str); 4] = [
    ("clock", "nothing is read but the clock"),
    ("nothing", "nothing expires"),
    ("staggered", "one after the other"),
    ("at-once", "all at once"),
];

/// Times of reads, in nanoseconds.
struct Waits {
    name: &'static str,
    reads: f64,
    longest: f64,
    longest_own: f64,
    exceeded: [f64; 6],
}

pub(crate) fn run(program: &Path, rounds: usize) -> Outcome<String> {
    let output = output_of(command(program, &["expiry", &SESSIONS.to_string(), &rounds.to_string()]))?;
    print!("{output}");
    let told_of = |what: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(what));
        line.ok_or_else(|| format!("no result for {what}"))
    };
    let mut all = Vec::new();
    for (what, name) in WHAT {
        let [reads, longest, longest_own, exceeded @ ..] = parsed::<9>(told_of(what)?)?;
        all.push(Waits { name, reads, longest, longest_own, exceeded });
    }
    let [seconds] = parsed(told_of("seconds")?)?;
    Ok(format!("{}\n{}", table(&all, rounds, seconds), plot(&all).write("expiry")?))
}

fn table(all: &[Waits], rounds: usize, seconds: f64) -> String {
    let columns = ["reads", "one in 1,000 takes, µs", "longest, ms", "longest without waiting for a processor, ms"];
    let mut table = Table::new("of a million sessions", &columns);
    for Waits { name, reads, longest, longest_own, exceeded } in all {
        let millis = |nanoseconds: f64| Some(format!("{:.2}", nanoseconds / 1e6));
        let thousandth = format!("{:.1}", exceeded[2] / 1000.0);
        table.row(name, [Some(short(*reads)), Some(thousandth), millis(*longest), millis(*longest_own)]);
    }
    format!(
        "{table}\nReads of 10,000 other sessions through sessions-core, by one thread on each processor but one, while the manager's own \
         thread sweeps; {rounds} rounds. If all expire at once, a million are swept within {seconds:.1} s; if one after the other, they \
         expire over 4 s. The first line is for idle threads, one per processor: how long the machine itself stops a thread. Such a stop \
         delays a read if it stops the reader, or the sweeping thread while it holds a lock that the reader needs. The last column \
         excludes the time that the kernel counts as waiting for a processor (`schedstat`). The kernel does not count a stop of the whole \
         machine.\n"
    )
}

fn plot(all: &[Waits]) -> Plot<'static> {
    // A percentile of fewer reads than that is meaningless.
    let line = |waits: &Waits| {
        let points = ONE_IN.into_iter().zip(waits.exceeded).filter(|(many, _)| *many <= waits.reads);
        Line { name: waits.name, points: points.map(|(many, nanoseconds)| (many, nanoseconds / 1000.0)).collect() }
    };
    Plot {
        title: "The slowest reads while a million sessions expire",
        x: "one read in so many takes longer",
        y: "µs",
        scale: Scale::Log,
        ticks: ONE_IN.map(|many| (many, short(many))).to_vec(),
        lines: all.iter().map(line).collect(),
    }
}
