//! The steps of `cargo xtask test`.

use std::time::{Duration, Instant};

use crate::ahead::{self, Ahead};
use crate::command::{cargo, run};
use crate::{
    api, bench, deny, direction, features, fuzz, install, lints, msrv, packages, snippets, suites, tree, watchdog,
    words,
};

/// Time after which a step counts as hanging. On two cores the longest takes about ten minutes.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// A check, which can also be run alone by its name.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn() -> Result<(), String>,
}

/// Every step, in the order of `cargo xtask test`.
pub(crate) const ALL: &[Step] = &[
    Step {
        name: "install",
        about: "install the programs that the tests start, where they are missing",
        run: install::install,
    },
    Step { name: "fmt", about: "the code is formatted", run: fmt },
    Step { name: "clippy", about: "no warning from the compiler or clippy", run: clippy },
    Step { name: "unit", about: "unit, integration and documentation tests of every crate", run: suites::unit },
    Step { name: "wire", about: "the demos, driven over real sockets", run: suites::wire },
    Step { name: "browser", about: "pages in a real Chromium", run: suites::browser },
    Step { name: "doc", about: "the documentation builds without a warning", run: doc },
    Step { name: "api", about: "the public API of every crate is the committed one", run: api::check },
    Step { name: "examples", about: "the demos and every example compile with their own features", run: examples },
    Step { name: "features", about: "every crate builds with each feature alone and with none", run: features::check },
    Step { name: "packages", about: "each published crate contains what its page shows", run: packages::check },
    Step { name: "snippets", about: "the README's snippets compile as they are pasted", run: snippets::check },
    Step {
        name: "tree",
        about: "sessions-core and sessions-store pull in only what they should, and demo-axum no framework but axum",
        run: tree::check,
    },
    Step {
        name: "direction",
        about: "our crates, and the rooms of core and of the store contract, depend on each other in one direction",
        run: direction::check,
    },
    Step { name: "msrv", about: "every crate builds with the oldest Rust that it supports", run: msrv::check },
    Step { name: "deny", about: "licenses, sources and advisories of the dependencies", run: deny::check },
    Step {
        name: "counts",
        about: "no hot path takes more instructions than the committed figures",
        run: bench::counts,
    },
    Step {
        name: "fuzz",
        about: "no warning from the fuzz targets, and a few seconds of each find nothing",
        run: fuzz::run_briefly,
    },
    Step {
        name: "words",
        about: "comments are short lines, and no summary begins with a banned word",
        run: words::check,
    },
    Step { name: "lints", about: "every crate enables the workspace's lints", run: lints::check },
];

/// Returns the step with this name.
pub(crate) fn find(name: &str) -> Option<&'static Step> {
    ALL.iter().find(|step| step.name == name)
}

/// Runs the steps in order until one fails, and prints the time that each took.
pub(crate) fn run_all(steps: &[&Step]) -> Result<(), String> {
    let mut took = Vec::new();
    let mut ahead = Ahead::default();
    for (index, step) in steps.iter().enumerate() {
        println!("==> {}: {}", step.name, step.about);
        let start = Instant::now();
        if step.name == ahead::DURING {
            ahead.start(steps[index..].iter().map(|later| later.name));
        }
        let name = step.name;
        let result = watchdog::run_within(LIMIT, step.run, move || {
            println!("xtask: step `{name}` hangs: killing its programs after {}", seconds(LIMIT));
            watchdog::kill_programs();
        });
        let time = seconds(start.elapsed());
        result.map_err(|why| failure(step.name, &time, &why))?;
        println!("<== {}: ok, {time}\n", step.name);
        took.push(format!("{} {time}", step.name));
    }
    println!("all passed: {}", took.join(", "));
    Ok(())
}

fn failure(name: &str, time: &str, why: &str) -> String {
    format!("step `{name}` failed after {time}: {why}\nxtask: to run it alone: cargo xtask {name}")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn fmt() -> Result<(), String> {
    run(&mut cargo("fmt --all --check"))?;
    bench::fmt()?;
    fuzz::fmt()
}

fn clippy() -> Result<(), String> {
    run(&mut cargo("clippy --workspace --all-targets --all-features -- -D warnings"))?;
    bench::clippy()
}

/// Checks the default features, which no other step builds, and runs the tests of a demo that lacks
/// a store.
fn examples() -> Result<(), String> {
    run(&mut cargo("check --package demo-* --bins --examples"))?;
    run(&mut cargo("check --package members-* --bins"))?;
    run(&mut cargo("test --package demo-* --test it"))
}

fn doc() -> Result<(), String> {
    run(cargo("doc --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-D warnings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSES: Step = Step { name: "passes", about: "", run: || Ok(()) };
    const FAILS: Step = Step { name: "fails", about: "", run: || Err("as it must".into()) };
    const NOT_REACHED: Step = Step { name: "late", about: "", run: || panic!("ran after a failure") };

    #[test]
    fn the_first_failure_ends_the_run_and_names_its_step() {
        let message = run_all(&[&PASSES, &FAILS, &NOT_REACHED]).unwrap_err();
        assert!(message.starts_with("step `fails` failed after "), "{message}");
        assert!(message.contains("as it must"), "{message}");
    }

    #[test]
    fn passing_steps_pass_together() {
        assert_eq!(run_all(&[&PASSES, &PASSES]), Ok(()));
    }

    #[test]
    fn every_name_finds_its_own_step() {
        for step in ALL.iter() {
            assert_eq!(find(step.name).unwrap().about, step.about);
        }
        assert!(find("test").is_none(), "`test` means all of them");
    }
}
