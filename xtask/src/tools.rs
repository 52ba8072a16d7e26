//! The commands with arguments of their own, in addition to the steps of `cargo xtask test`.

use crate::{advisories, api, bench, fuzz, mutants, suites};

/// A command with arguments of its own.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&[String]) -> Result<(), String>,
}

/// Every tool, in the order of the help.
pub(crate) const ALL: &[Tool] = &[
    Tool {
        name: "advisories",
        about: "renew the snapshot of the advisories, from GitHub or a clone",
        run: advisories::renew,
    },
    Tool {
        name: "api",
        about: "compare the public API with the committed one: cargo xtask api [--bless]",
        run: api::run_words,
    },
    Tool { name: "bench", about: "run benchmarks; `cargo xtask bench help` lists them", run: bench::run_sections },
    Tool { name: "fuzz", about: "run each fuzz target for some seconds: cargo xtask fuzz 60", run: fuzz::run_words },
    Tool {
        name: "mutants",
        about: "list code changes that no test catches: in all files, 1/8 of them, or one",
        run: mutants::run_words,
    },
    Tool {
        name: "nemesis",
        about: "kill, freeze, cut off and fail over each database for minutes, and check the answers to clients: cargo xtask nemesis 60",
        run: suites::run_nemesis,
    },
];

/// Returns the tool with this name.
pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    ALL.iter().find(|tool| tool.name == name)
}
