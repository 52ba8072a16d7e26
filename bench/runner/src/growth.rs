//! The cost of a request as sessions, keys, values and clients grow.

mod clients;
mod crowd;
mod entries;
mod expiry;

use std::path::Path;
use std::process::Command;

use crate::subjects::output_of;
use crate::{Options, Outcome, compile};

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let program = compile::program("growth")?;
    let parts = [
        crowd::run(&program)?,
        entries::run(&program)?,
        clients::run(options)?,
        expiry::run(&program, options.rounds.unwrap_or(3))?,
    ];
    Ok(parts.join("\n"))
}

/// Returns a command for the program that makes the requests.
fn command(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    command
}

/// Runs the program and returns the numbers that it prints.
fn numbers<const N: usize>(program: &Path, words: &[&str]) -> Outcome<[f64; N]> {
    let output = output_of(command(program, words))?;
    println!("{} {}", words.join(" "), output.trim());
    parsed(&output)
}

fn parsed<const N: usize>(words: &str) -> Outcome<[f64; N]> {
    let numbers = words.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    numbers.try_into().map_err(|numbers| format!("{N} numbers, not {numbers:?}").into())
}
