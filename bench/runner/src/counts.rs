//! The gate: instructions and allocations of the hot paths, against the figures that are committed.

mod figures;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::valgrind::{allocations_of_one, of_one, two_at_a_time};
use crate::{Outcome, build};
use figures::{Cost, Figures};
use verdict::{Comparison, compare};

/// Is how many walks of a path are counted, and twice as many.
const TIMES: u64 = 5000;
/// Is the same for allocations, which vary less and are counted more slowly.
const TIMES_FOR_ALLOCATIONS: u64 = 500;

const WRITE: &str = "cargo xtask bench counts --write";

/// Counts the hot paths, and fails if one has grown, or writes the figures anew.
pub(crate) fn run(write: bool) -> Outcome {
    let counted = count()?;
    let path = path();
    if write {
        fs::write(&path, counted.to_string())?;
        println!("{counted}\nwritten to {}", path.display());
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}; {WRITE} writes it", path.display()))?;
    let committed = Figures::parse(&text).map_err(|line| format!("{}: {line:?} is no figure", path.display()))?;
    if committed.counted_with != counted.counted_with {
        println!(
            "SKIPPED: the figures were counted with {}, here it is {}",
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
    let hot = build::program("hot")?;
    let names = said(&mut Command::new(&hot))?;
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

/// Names what figures depend on besides the code.
fn tools() -> Outcome<String> {
    let rustc = said(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"))?;
    let valgrind = said(Command::new("valgrind").arg("--version"))?;
    Ok(format!("{}, {}, {}", env::consts::ARCH, rustc.trim(), valgrind.trim()))
}

fn said(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn judge(comparison: &Comparison) -> Outcome {
    println!("{comparison}");
    if let Some(failure) = comparison.failure() {
        return Err(format!("{failure}\nIf it must be: {WRITE}").into());
    }
    if let Some(news) = comparison.good_news() {
        println!("{news}\nSo that it stays so: {WRITE}");
    }
    Ok(())
}
