//! `cargo xtask bench`: hands over to the benchmarks, which are a workspace of their own.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{cargo, root, run};
use crate::install;

/// Holds the crates that are checked for warnings with the library's own: not `peers`, which takes
/// minutes to build.
const CHECKED: &str = "-p harness -p ours -p hot -p growth -p stores -p runner";

/// Runs the benchmarks' own program with the words that follow `bench`.
pub(crate) fn run_sections(words: &[String]) -> Result<(), String> {
    let only_asks = words.iter().any(|word| matches!(word.as_str(), "help" | "--help" | "-h"));
    if !only_asks {
        install::install_for_bench()?;
    }
    run(runner().args(words))
}

/// Tests what measures, and compares what the hot paths take with the committed figures. Without
/// valgrind it cannot, and says so.
pub(crate) fn counts() -> Result<(), String> {
    run(cargo("test --quiet --package runner --manifest-path").arg(manifest()))?;
    match install::install_for_counts() {
        Ok(()) => run(runner().arg("counts")),
        Err(why) => {
            println!("SKIPPED: nobody has counted what the hot paths take, so they may have grown.\n{why}");
            Ok(())
        }
    }
}

/// Checks the benchmarks' formatting.
pub(crate) fn fmt() -> Result<(), String> {
    run(cargo("fmt --all --check --manifest-path").arg(manifest()))
}

/// Looks for warnings in the benchmarks.
pub(crate) fn clippy() -> Result<(), String> {
    run(cargo(&format!("clippy {CHECKED} --all-targets --manifest-path"))
        .arg(manifest())
        .args(["--", "-D", "warnings"]))
}

fn runner() -> Command {
    let mut runner = cargo("run --release --quiet --package runner --manifest-path");
    runner.arg(manifest()).arg("--");
    runner
}

fn manifest() -> PathBuf {
    root().join("bench/Cargo.toml")
}
