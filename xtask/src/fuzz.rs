//! `cargo xtask fuzz`: builds the fuzz targets and runs each of them for some seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::command::{cargo, line, root, run};
use crate::install;

/// Seconds that each target runs in `cargo xtask test`: some hundred thousand inputs for most.
const SECONDS: u32 = 4;

/// Options of libFuzzer for every target.
const OPTIONS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// Runs each target for the number of seconds in `words`.
pub(crate) fn run_words(words: &[String]) -> Result<(), String> {
    match words {
        [] => run_all(SECONDS),
        [seconds] => run_all(seconds.parse().map_err(|_| format!("`{seconds}` is not a number of seconds"))?),
        _ => Err("usage: cargo xtask fuzz [SECONDS]".into()),
    }
}

/// Checks the targets for warnings, and runs each of them for a few seconds.
///
/// One step does both: their builds take some time and are [started early](crate::ahead).
pub(crate) fn run_briefly() -> Result<(), String> {
    run(&mut clippy())?;
    run_all(SECONDS)
}

/// Checks the targets' formatting.
pub(crate) fn fmt() -> Result<(), String> {
    run(cargo("fmt --all --check").current_dir(folder()))
}

fn run_all(seconds: u32) -> Result<(), String> {
    install::install_for_fuzz()?;
    let targets = targets()?;
    run(&mut build())?;
    // Each target uses one processor.
    for pair in targets.chunks(2) {
        let results = thread::scope(|scope| {
            let threads: Vec<_> = pair.iter().map(|target| scope.spawn(|| run_target(target, seconds))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a target's run does not panic")).collect::<Vec<_>>()
        });
        results.into_iter().collect::<Result<(), String>>()?;
    }
    Ok(())
}

/// Returns the builds that [`run_briefly`] needs. They run one after the other.
pub(crate) fn builds() -> Vec<Command> {
    vec![build(), clippy()]
}

fn clippy() -> Command {
    in_folder("clippy --release -- -D warnings")
}

fn build() -> Command {
    in_folder("build --release --bins")
}

/// Returns a command for cargo in `fuzz/`, whose `.cargo/config.toml` sets the compiler's flags.
fn in_folder(arguments: &str) -> Command {
    let mut command = cargo(arguments);
    // Flags in the environment would override those in the file.
    command.current_dir(folder()).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

fn folder() -> PathBuf {
    root().join("fuzz")
}

/// Returns the names of the targets.
fn targets() -> Result<Vec<String>, String> {
    let sources = folder().join("src/bin");
    let files = fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    let stems = files.filter_map(|file| file.ok()?.path().file_stem()?.to_str().map(str::to_owned));
    let mut targets: Vec<String> = stems.collect();
    targets.sort_unstable();
    if targets.is_empty() { Err(format!("no fuzz target in {}", sources.display())) } else { Ok(targets) }
}

/// Runs one target, starting with its seeds and the inputs that earlier runs found.
fn run_target(target: &str, seconds: u32) -> Result<(), String> {
    let found = folder().join("target/corpus").join(target);
    let crashes = folder().join("target/crashes");
    for folder in [&found, &crashes] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = in_folder(&format!("run --release --quiet --bin {target} --"));
    command.args([&found, &folder().join("seeds").join(target)]).args(OPTIONS);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}", crashes.join(format!("{target}-")).display()));
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output();
    let output = output.map_err(|error| format!("`{}`: {error}", line(&command)))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(failure(target, &log));
    }
    println!("{target}: {}", Progress::read(&log).ok_or_else(|| failure(target, &log))?.verdict()?);
    Ok(())
}

fn failure(target: &str, log: &str) -> String {
    let line = |part: &str| log.lines().find(|line| line.contains(part)).unwrap_or_default();
    let file = line("Test unit written to").rsplit(' ').next().unwrap_or_default();
    let again = if file.is_empty() { String::new() } else { format!("; to repeat it: {}", again(target, file)) };
    format!("{log}\nthe fuzz target {target} failed, see above{again}")
}

fn again(target: &str, file: &str) -> String {
    format!("(cd fuzz && cargo run --release --bin {target} -- {})", Path::new(file).display())
}

/// The result of a libFuzzer run.
#[derive(Debug, PartialEq)]
struct Progress {
    runs: u64,
    /// Number of edges that the seeds reach, and that were reached at the end.
    edges: (u64, u64),
}

impl Progress {
    /// Reads the log of a run, with lines such as `#2 INITED cov: 17 ft: 17 corp: 1/1b exec/s: 0
    /// rss: 27Mb`.
    fn read(log: &str) -> Option<Self> {
        let mut lines = log.lines().filter(|line| line.starts_with('#') && line.contains(" cov: "));
        let (first, last) = (lines.next()?, lines.next_back()?);
        Some(Self {
            runs: number_after(last, "#")?,
            edges: (number_after(first, " cov: ")?, number_after(last, " cov: ")?),
        })
    }

    /// Describes the run, or fails if it cannot have explored any code.
    ///
    /// A build without coverage reports no edges.
    fn verdict(&self) -> Result<String, String> {
        let Self { runs, edges: (first, last) } = self;
        if *last < 20 || *runs < 100 {
            return Err(format!("only {runs} runs and {last} edges: the build has no coverage, or is too slow"));
        }
        Ok(format!("{runs} runs, {first} edges at the first inputs, {last} at the end"))
    }
}

fn number_after(line: &str, mark: &str) -> Option<u64> {
    let (_, rest) = line.split_once(mark)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Seed: 1\n\
        #2\tINITED cov: 112 ft: 112 corp: 1/1b exec/s: 0 rss: 28Mb\n\
        #931990\tREDUCE cov: 232 ft: 940 corp: 304/112Kb lim: 4096 exec/s: 116498 rss: 29Mb\n\
        #940563\tDONE   cov: 232 ft: 940 corp: 304/112Kb lim: 4096 exec/s: 104507 rss: 29Mb\n\
        stat::number_of_executed_units: 940563\n";

    #[test]
    fn progress_is_read_from_the_log() {
        let progress = Progress::read(LOG).unwrap();
        assert_eq!(progress, Progress { runs: 940_563, edges: (112, 232) });
        assert_eq!(progress.verdict().unwrap(), "940563 runs, 112 edges at the first inputs, 232 at the end");
    }

    #[test]
    fn a_log_without_coverage_is_a_failure() {
        assert_eq!(Progress::read("#2\tINITED exec/s: 0 rss: 27Mb\n"), None);
        assert!(Progress { runs: 5_000, edges: (0, 0) }.verdict().is_err());
        assert!(Progress { runs: 2, edges: (500, 500) }.verdict().is_err());
    }

    #[test]
    fn a_failure_names_the_command_to_repeat_it() {
        let message = failure("urls", "panicked\nartifact_prefix='x'; Test unit written to /w/crashes/urls-crash-1\n");
        assert!(message.ends_with("--bin urls -- /w/crashes/urls-crash-1)"), "{message}");
        assert!(message.starts_with("panicked"), "{message}");
    }

    #[test]
    fn every_target_has_seeds() {
        for target in targets().unwrap() {
            let seeds = folder().join("seeds").join(&target);
            assert!(fs::read_dir(&seeds).is_ok_and(|mut seeds| seeds.next().is_some()), "{}", seeds.display());
        }
    }

    #[test]
    fn only_a_number_of_seconds_is_accepted() {
        for words in [&["soon"][..], &["1", "2"]] {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            assert!(run_words(&words).is_err());
        }
    }
}
