//! `cargo xtask bench`: runs the benchmarks, which are a workspace of their own.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{cargo, root, run};
use crate::install;
use crate::workspace::target_folder;

/// Benchmark crates that are checked for warnings. Not `peers`, which takes minutes to build.
const CHECKED: &str = "-p harness -p ours -p hot -p growth -p stores -p runner";

/// Runs the benchmark runner with the arguments that follow `bench`.
pub(crate) fn run_sections(words: &[String]) -> Result<(), String> {
    let only_asks = words.iter().any(|word| matches!(word.as_str(), "help" | "--help" | "-h"));
    if !only_asks {
        install::install_for_bench()?;
    }
    run(runner().args(words))
}

/// Tests the benchmark runner and compares the hot paths with the committed figures.
///
/// Without valgrind the comparison is skipped, with a notice.
pub(crate) fn counts() -> Result<(), String> {
    run(&mut test_of_runner())?;
    match install::install_for_counts() {
        Ok(()) => run(runner().arg("counts")),
        Err(why) => {
            println!("SKIPPED: the hot paths were not counted, so they may have grown.\n{why}");
            Ok(())
        }
    }
}

/// Returns the build that [`counts`] needs.
pub(crate) fn builds() -> Vec<Command> {
    let mut build = cargo("build --release --quiet --package runner --package hot --bins --manifest-path");
    build.arg(manifest());
    let mut test = test_of_runner();
    test.arg("--no-run");
    vec![build, test]
}

fn test_of_runner() -> Command {
    let mut test = cargo("test --quiet --package runner --manifest-path");
    test.arg(manifest());
    test
}

/// Checks the benchmarks' formatting.
pub(crate) fn fmt() -> Result<(), String> {
    run(cargo("fmt --all --check --manifest-path").arg(manifest()))
}

/// Checks the benchmarks for warnings.
///
/// They are built in the root's target directory, which already has most of the dependencies.
pub(crate) fn clippy() -> Result<(), String> {
    let mut clippy = cargo(&format!("clippy {CHECKED} --all-targets --manifest-path"));
    clippy.arg(manifest()).arg("--target-dir").arg(target_folder()?);
    run(clippy.args(["--", "-D", "warnings"]))
}

fn runner() -> Command {
    let mut runner = cargo("run --release --quiet --package runner --manifest-path");
    runner.arg(manifest()).arg("--");
    runner
}

fn manifest() -> PathBuf {
    root().join("bench/Cargo.toml")
}
