//! `cargo xtask mutants`: makes thousands of small changes to the code and finds those that no test
//! notices.

mod outcomes;

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{cargo, line, read, root};
use crate::install;
use outcomes::{Known, Outcomes};

/// Crates that are mutated.
const PACKAGES: &str = "-p sessions-store -p sessions-core -p sessions-http -p sessions-disk";

/// Options of cargo-mutants for every file. Documentation tests are left out: each takes longer
/// than all others together. The build has a time limit, because a mutated constant may be computed
/// in an endless loop.
const OPTIONS: &str = "--jobs 1 --no-shuffle --colors never --no-times --cap-lints true --minimum-test-timeout 30 \
                       --build-timeout 300 --cargo-test-arg=--lib --cargo-test-arg=--tests";

/// Exit codes of cargo-mutants: all caught, some missed, some timed out, which also counts as
/// noticed.
const DONE: [i32; 3] = [0, 2, 3];

const USAGE: &str = "usage: cargo xtask mutants [SHARD/COUNT | FILE...], such as 1/8, or sessions-store/src/record.rs";

/// Runs the files that `words` choose, except those with results, and checks all results.
pub(crate) fn run_words(words: &[String]) -> Result<(), String> {
    let choice = Choice::parse(words)?;
    install::install_cargo_mutants()?;
    let list = read(&mut cargo(&format!("mutants --list-files {PACKAGES}")))?;
    let files = choice.of(&list.lines().map(str::to_owned).collect::<Vec<_>>())?;
    let mut outcomes = Outcomes::default();
    for (number, file) in files.iter().enumerate() {
        println!("{}/{}: {file}", number + 1, files.len());
        outcomes.add(outcomes_of(file)?);
    }
    let known = root().join("mutants.txt");
    let known = fs::read_to_string(&known).map_err(|error| format!("{}: {error}", known.display()))?;
    println!("{}", outcomes.summary());
    outcomes.verdict(&Known::parse(&known)?)
}

/// The files to run.
#[derive(Debug, PartialEq)]
enum Choice {
    All,
    /// Every `count`th file, starting with number `first`.
    Shard {
        first: usize,
        count: usize,
    },
    Files(Vec<String>),
}

impl Choice {
    fn parse(words: &[String]) -> Result<Self, String> {
        match words {
            [] => Ok(Self::All),
            [word] if !word.ends_with(".rs") => {
                let numbers =
                    word.split_once('/').and_then(|(shard, count)| Some((shard.parse().ok()?, count.parse().ok()?)));
                match numbers {
                    Some((shard, count)) if (1..=count).contains(&shard) => Ok(Self::Shard { first: shard - 1, count }),
                    _ => Err(USAGE.into()),
                }
            }
            files if files.iter().all(|file| file.ends_with(".rs")) => Ok(Self::Files(files.to_vec())),
            _ => Err(USAGE.into()),
        }
    }

    fn of(&self, files: &[String]) -> Result<Vec<String>, String> {
        match self {
            Self::All => Ok(files.to_vec()),
            Self::Shard { first, count } => Ok(files.iter().skip(*first).step_by(*count).cloned().collect()),
            Self::Files(chosen) => match chosen.iter().find(|file| !files.contains(file)) {
                Some(unknown) => Err(format!("{unknown} is not a source file of {PACKAGES}")),
                None => Ok(chosen.clone()),
            },
        }
    }
}

/// Returns the outcomes of a file's mutants, from an earlier run if nothing has changed.
fn outcomes_of(file: &str) -> Result<Outcomes, String> {
    let folder = root().join("target/mutants").join(file.replace('/', "+"));
    let finished = folder.join("finished");
    let sources = fingerprint(file)?;
    if fs::read_to_string(&finished).ok().as_ref() != Some(&sources) {
        run_file(file, &folder)?;
        fs::write(&finished, sources).map_err(|error| format!("{}: {error}", finished.display()))?;
    }
    Outcomes::read(&folder.join("mutants.out"))
}

fn run_file(file: &str, folder: &Path) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    let mut command = command(file, folder);
    println!("$ {}", line(&command));
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("`{}`: {error}", line(&command)))?;
    match status.code() {
        Some(code) if DONE.contains(&code) => Ok(()),
        _ => Err(format!("`{}` ended with {status}", line(&command))),
    }
}

fn command(file: &str, folder: &Path) -> Command {
    let package = package_of(file);
    let mut command = cargo(&format!("mutants {OPTIONS} --package {package} --file {file}"));
    for tests in tested_by(package) {
        command.args(["--test-package", tests]);
    }
    command.arg("--output").arg(folder);
    // One build directory for all copies of the tree, so that dependencies are built once; and no
    // debug information.
    command.env("CARGO_TARGET_DIR", root().join("target/mutants/build"));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
    command
}

/// Returns the packages whose tests have to catch the mutants of a package: usually its own.
///
/// What the store contract promises is tested by `sessions-conformance`, and what a request makes
/// of it by core.
fn tested_by(package: &str) -> Vec<&str> {
    let mut packages = vec![package];
    if package == "sessions-store" {
        packages.extend(["sessions-core", "sessions-conformance"]);
    }
    packages
}

/// Returns a hash of the sources and tests of the packages that test a file, and of the store
/// contract, which all of them build on.
///
/// If it changes, earlier results are discarded.
fn fingerprint(file: &str) -> Result<String, String> {
    let mut hash = DefaultHasher::new();
    let packages: BTreeSet<&str> = tested_by(package_of(file)).into_iter().chain(["sessions-store"]).collect();
    for package in packages {
        for part in ["src", "tests"] {
            for file in files_below(&root().join(package).join(part))? {
                let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                (file, bytes).hash(&mut hash);
            }
        }
    }
    Ok(format!("{:016x}\n", hash.finish()))
}

/// Returns the package of a source file: the name of its top directory.
fn package_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut files = Vec::new();
    for entry in entries.map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(words: &[&str]) -> Result<Choice, String> {
        Choice::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn shards_take_each_file_once() {
        let files: Vec<String> = (0..10).map(|number| format!("{number}.rs")).collect();
        let mut taken: Vec<String> =
            ["1/3", "2/3", "3/3"].iter().flat_map(|word| choice(&[word]).unwrap().of(&files).unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, files);
    }

    #[test]
    fn files_are_taken_by_name() {
        let files = ["a.rs".to_owned(), "b.rs".to_owned()];
        assert_eq!(choice(&["b.rs"]).unwrap().of(&files), Ok(vec!["b.rs".to_owned()]));
        assert!(choice(&["c.rs"]).unwrap().of(&files).is_err());
        assert_eq!(choice(&[]).unwrap().of(&files), Ok(files.to_vec()));
    }

    #[test]
    fn anything_else_is_refused() {
        for words in [&["0/3"][..], &["4/3"], &["1"], &["x/y"], &["a.rs", "1/2"]] {
            assert_eq!(choice(words), Err(USAGE.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn files_of_a_package_share_a_fingerprint() {
        let (core, also_core) = (fingerprint("sessions-core/src/a.rs"), fingerprint("sessions-core/src/b.rs"));
        assert_eq!(core, also_core);
        assert_ne!(core.unwrap(), fingerprint("sessions-http/src/lib.rs").unwrap());
    }
}
