//! `cargo xtask bench`: builds the subjects, measures them, prints tables.

mod build;
mod instructions;
mod redis;
mod subjects;
mod table;
mod valgrind;

use std::process::ExitCode;

/// What a section is run with.
struct Options {
    /// Parts of the names of the subjects that are wanted; all if there are none.
    only: Vec<String>,
}

impl Options {
    fn wants(&self, subject: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| subject.contains(&**part))
    }
}

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct Section {
    name: &'static str,
    about: &'static str,
    /// Prints what it measures while it does, and returns its part of the report.
    run: fn(&Options) -> Outcome<String>,
}

const SECTIONS: &[Section] = &[Section {
    name: "instructions",
    about: "instructions and allocations of a request, without sockets",
    run: instructions::run,
}];

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Outcome {
    let (mut sections, mut options) = (Vec::new(), Options { only: Vec::new() });
    while let Some(word) = words.next() {
        match &*word {
            "help" | "--help" | "-h" => {
                println!("{}", help());
                return Ok(());
            }
            "--only" => options.only.extend(words.next().unwrap_or_default().split(',').map(str::to_owned)),
            name => sections.push(SECTIONS.iter().find(|section| section.name == name).ok_or_else(help)?),
        }
    }
    if sections.is_empty() {
        sections.extend(SECTIONS);
    }
    for section in sections {
        println!("\n{}", (section.run)(&options)?);
    }
    Ok(())
}

fn help() -> String {
    let mut help = String::from("usage: cargo xtask bench [SECTION]... [--only PART-OF-A-SUBJECT'S-NAME,...]\n");
    for Section { name, about, .. } in SECTIONS {
        help.push_str(&format!("\n  {name:<14}{about}"));
    }
    help
}
