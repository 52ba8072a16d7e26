//! Counting with valgrind.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Outcome;

/// Counts the instructions of a program, without those of the kernel and of other processes.
fn instructions(program: &Command) -> Outcome<u64> {
    let cachegrind = ["--tool=cachegrind", "--cache-sim=no", "--branch-sim=no", "--cachegrind-out-file=/dev/null"];
    number_after("refs:", &summary(&cachegrind, program)?)
}

/// Counts the allocations of a program.
fn allocations(program: &Command) -> Outcome<u64> {
    number_after(
        "total heap usage:",
        &summary(&["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"], program)?,
    )
}

/// Runs a program under valgrind and returns valgrind's summary.
pub(crate) fn summary(options: &[&str], program: &Command) -> Outcome<String> {
    let mut command = Command::new("valgrind");
    command.args(options).arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("BENCH_UNDER_VALGRIND", "1");
    let output = command.output().map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind {program:?} ended with {}:\n{text}", output.status).into());
    }
    Ok(text.into_owned())
}

fn number_after(word: &str, output: &str) -> Outcome<u64> {
    let number = output.lines().find_map(|line| line.split_once(word)?.1.split_whitespace().next());
    Ok(number.ok_or("valgrind counted nothing")?.replace(',', "").parse()?)
}

/// Returns the instructions of one run, without those of start and end.
///
/// They are the difference between `times` and twice as many runs, divided by `times`.
pub(crate) fn of_one(times: u64, program: impl Fn(u64) -> Command) -> Outcome<u64> {
    let (once, twice) = (instructions(&program(times))?, instructions(&program(2 * times))?);
    Ok(twice.saturating_sub(once).div_ceil(times))
}

/// Returns the allocations of one run, rounded, in the same way.
pub(crate) fn allocations_of_one(times: u64, program: impl Fn(u64) -> Command) -> Outcome<u64> {
    let (once, twice) = (allocations(&program(times))?, allocations(&program(2 * times))?);
    Ok((twice.saturating_sub(once) + times / 2) / times)
}

/// Runs the jobs on two threads, and returns the results in order.
pub(crate) fn two_at_a_time<J: Sync, R: Send>(jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(place) else { return done };
            done.push((place, run(job)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().expect("a job does not panic")).collect()
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
