//! Parser for callgrind's output.

use std::collections::HashMap;
use std::process::Command;
use std::{env, fs, process};

use crate::Outcome;
use crate::valgrind::summary;

/// Instructions of each function, without those of the functions it calls.
pub(crate) type Profile = HashMap<String, i64>;

/// Returns the profile of one run: the difference between `times` and twice as many runs.
pub(super) fn of_one(times: u64, name: &str, program: impl Fn(u64) -> Command) -> Outcome<Profile> {
    let (once, mut twice) = (profile(name, &program(times))?, profile(name, &program(2 * times))?);
    for (function, instructions) in &mut twice {
        *instructions = (*instructions - once.get(function).copied().unwrap_or_default()) / times.cast_signed();
    }
    Ok(twice)
}

fn profile(name: &str, program: &Command) -> Outcome<Profile> {
    let path = env::temp_dir().join(format!("callgrind-{}-{name}", process::id()));
    let output = summary(&["--tool=callgrind", &format!("--callgrind-out-file={}", path.display())], program);
    let written = fs::read_to_string(&path);
    let _ = fs::remove_file(&path);
    output?;
    Ok(read(&written?))
}

/// Parses the format in valgrind's manual: names are abbreviated after their first use, and the
/// line after a call has the cost of the called function.
fn read(written: &str) -> Profile {
    let (mut names, mut profile) = (HashMap::new(), Profile::new());
    let (mut function, mut is_call) = (String::new(), false);
    for line in written.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = resolve(&mut names, name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            resolve(&mut names, name);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if let Some(cost) = cost(line)
            && !std::mem::take(&mut is_call)
        {
            *profile.entry(function.clone()).or_default() += cost;
        }
    }
    profile
}

fn resolve<'a>(names: &mut HashMap<&'a str, &'a str>, said: &'a str) -> String {
    let (number, name) = said.split_once(' ').unwrap_or((said, ""));
    if !name.is_empty() {
        names.insert(number, name);
    }
    names.get(number).copied().unwrap_or(number).to_owned()
}

fn cost(line: &str) -> Option<i64> {
    let (position, cost) = line.split_once(' ')?;
    position.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)).then(|| cost.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_does_not_count_for_its_caller() {
        let written = "events: Ir\nfn=(1) outer\n0 10\n+3 5\ncfn=(2) inner\ncalls=2 0\n* 100\n0 1\n\nfn=(2)\n0 100\n\nfn=(1)\n0 4\n";
        let expected = Profile::from([("outer".to_owned(), 20), ("inner".to_owned(), 100)]);
        assert_eq!(read(written), expected);
    }
}
