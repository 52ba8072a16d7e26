//! The gate: compares the instructions and allocations of the hot paths with the committed figures.

mod figures;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::valgrind::{allocations_of_one, of_one, two_at_a_time};
use crate::{Outcome, compile};
use figures::{Cost, Figures};
use verdict::{Comparison, compare};

/// Number of walks of a path to count. Twice as many are counted too.
const TIMES: u64 = 5000;
/// Number for allocations, which vary less and are slower to count.
const TIMES_FOR_ALLOCATIONS: u64 = 500;

const WRITE: &str = "cargo xtask bench counts --write";

/// Counts the hot paths. Fails if one has grown, or rewrites the figures.
pub(crate) fn run(write: bool) -> Outcome {
    let counted = count()?;
    let path = path();
    if write {
        fs::write(&path, counted.to_string())?;
        println!("{counted}\nwritten to {}", path.display());
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}; {WRITE} writes it", path.display()))?;
    let committed = Figures::parse(&text).map_err(|line| format!("{}: not a figure: {line:?}", path.display()))?;
    if committed.counted_with != counted.counted_with {
        println!(
            "SKIPPED: the figures were counted with {}, not with {}",
            committed.counted_with, counted.counted_with
        );
        return Ok(());
    }
    judge(&compare(&committed, &counted))
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("figures.txt")
}

fn count() -> Outcome<Figures> {
    let hot = compile::program("hot")?;
    let names = output_of(&mut Command::new(&hot))?;
    let names: Vec<&str> = names.lines().collect();
    let costs = two_at_a_time(&names, |name| cost(&hot, name).map_err(|error| error.to_string()));
    let mut paths = Vec::new();
    for (name, cost) in names.into_iter().zip(costs) {
        paths.push((name.to_owned(), cost?));
    }
    Ok(Figures { counted_with: tools()?, paths })
}

fn cost(hot: &Path, path: &str) -> Outcome<Cost> {
    let walk = |times: u64| {
        let mut command = Command::new(hot);
        command.args([path, &times.to_string()]);
        command
    };
    Ok(Cost { instructions: of_one(TIMES, walk)?, allocations: allocations_of_one(TIMES_FOR_ALLOCATIONS, walk)? })
}

/// Returns the tools that the figures depend on.
fn tools() -> Outcome<String> {
    let rustc = output_of(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"))?;
    let valgrind = output_of(Command::new("valgrind").arg("--version"))?;
    Ok(format!("{}, {}, {}", env::consts::ARCH, rustc.trim(), valgrind.trim()))
}

fn output_of(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn judge(comparison: &Comparison) -> Outcome {
    println!("{comparison}");
    if let Some(failure) = comparison.failure() {
        return Err(format!("{failure}\nIf the cost is justified: {WRITE}").into());
    }
    if let Some(news) = comparison.good_news() {
        println!("{news}\nTo update the figures: {WRITE}");
    }
    Ok(())
}
