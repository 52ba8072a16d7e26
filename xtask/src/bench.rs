//! `cargo xtask bench`: hands over to the benchmarks, which are a workspace of their own.

use crate::command::{cargo, root, run};
use crate::install;

/// Runs the benchmarks' own program with the words that follow `bench`.
pub(crate) fn run_sections(words: &[String]) -> Result<(), String> {
    let only_asks = words.iter().any(|word| matches!(word.as_str(), "help" | "--help" | "-h"));
    if !only_asks {
        install::install_for_bench()?;
    }
    let mut runner = cargo("run --release --quiet --package runner --manifest-path");
    run(runner.arg(root().join("bench/Cargo.toml")).arg("--").args(words))
}
