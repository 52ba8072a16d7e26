//! The steps that run tests.

use std::process::Command;

use crate::command::{cargo, run};
use crate::install;
use crate::workspace::{Member, members, target_folder};

/// Packages and features of every suite. Cargo unifies features over its selection, so it would
/// compile many dependencies again for another one.
const SELECTION: &str = "--workspace --all-features";

/// The package whose integration tests have steps of their own: they start the demos or a browser.
const DEMO_TESTS: &str = "sessions-tests";

/// Variable with the number of tests that run at a time.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// Number of tests at a time. Half of their time, they wait for servers and timers.
const THREADS: &str = "6";

/// Number of tests with a browser at a time.
const BROWSER_THREADS: &str = "4";

/// Number of databases disturbed at a time: all of them, so that all take no longer than one.
const NEMESIS_THREADS: &str = "16";

/// Runs all tests except those with a step of their own.
pub(crate) fn unit() -> Result<(), String> {
    let mut tests = cargo(&format!("test {SELECTION} --lib --bins"));
    tests.env(TEST_THREADS, THREADS);
    tests.args(unit_tests(&members()?).iter().flat_map(|name| ["--test", name]));
    run(required(&mut tests))?;
    run(required(&mut cargo(&format!("test {SELECTION} --doc"))))
}

/// Runs the demos over real sockets, and disturbs each database for a minute.
pub(crate) fn wire() -> Result<(), String> {
    run_with_demos("--test wire --test stores", "-- --skip nemesis", &[(TEST_THREADS, THREADS)])?;
    disturb(1)
}

/// Disturbs each database for the given number of minutes, and checks the answers to clients.
pub(crate) fn run_nemesis(words: &[String]) -> Result<(), String> {
    let minutes = match words {
        [word] => word.parse::<u64>().ok().filter(|minutes| *minutes > 0),
        _ => None,
    };
    disturb(minutes.ok_or("usage: cargo xtask nemesis MINUTES")?)
}

fn disturb(minutes: u64) -> Result<(), String> {
    let seconds = (minutes * 60).to_string();
    let environment = [("SESSIONS_NEMESIS_SECONDS", seconds.as_str()), (TEST_THREADS, NEMESIS_THREADS)];
    run_with_demos("--test stores", "nemesis -- --nocapture", &environment)
}

/// Runs pages in a real browser.
pub(crate) fn browser() -> Result<(), String> {
    run_with_demos("--test browser", "", &[(TEST_THREADS, BROWSER_THREADS)])
}

/// Returns the names of the integration tests that have no step of their own.
///
/// A test of another package that has the name of such a step, such as `browser`, runs in it.
fn unit_tests(members: &[Member]) -> Vec<&str> {
    let (demo_tests, others): (Vec<_>, Vec<_>) = members.iter().partition(|member| member.name == DEMO_TESTS);
    let own_steps: Vec<&String> = demo_tests.iter().flat_map(|member| &member.tests).collect();
    let others = others.iter().flat_map(|member| &member.tests).filter(|name| !own_steps.contains(name));
    let mut names: Vec<&str> = others.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Builds the demos together with the tests. Otherwise the tests would build them with another
/// selection.
fn run_with_demos(tests: &str, choice: &str, environment: &[(&str, &str)]) -> Result<(), String> {
    run(&mut cargo(&format!("build {SELECTION} --profile test --bin demo-* {tests}")))?;
    let demos = target_folder()?.join("debug");
    let mut tests = cargo(&format!("test {SELECTION} {tests} {choice}"));
    tests.env("SESSIONS_DEMOS", demos).envs(environment.iter().copied());
    run(required(&mut tests))
}

/// Names of the variables that turn skipped tests into failures: the programs that they need were
/// installed.
const REQUIRED: [&str; 5] = [
    "SESSIONS_REQUIRE_REDIS",
    "SESSIONS_REQUIRE_POSTGRES",
    "SESSIONS_REQUIRE_MARIADB",
    "SESSIONS_REQUIRE_NGINX",
    "SESSIONS_REQUIRE_BROWSER",
];

/// Turns skipped tests into failures, where a program was installed or had to be.
fn required(tests: &mut Command) -> &mut Command {
    tests.envs(REQUIRED.map(|name| (name, "1")));
    if install::valkey_is_installed() {
        tests.env("SESSIONS_REQUIRE_VALKEY", "1");
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, tests: &[&str]) -> Member {
        Member {
            name: name.into(),
            manifest: "Cargo.toml".into(),
            is_published: true,
            depends_on: Vec::new(),
            features: Vec::new(),
            tests: tests.iter().map(ToString::to_string).collect(),
            rust_version: None,
        }
    }

    #[test]
    fn every_test_but_those_of_the_demos_is_a_unit_test() {
        let members = [member("core", &["it"]), member(DEMO_TESTS, &["wire"]), member("redb", &["it", "engine"])];
        assert_eq!(unit_tests(&members), ["engine", "it"]);
    }

    #[test]
    fn a_test_with_the_name_of_a_step_runs_there() {
        let members = [member("members", &["it", "browser"]), member(DEMO_TESTS, &["browser", "wire"])];
        assert_eq!(unit_tests(&members), ["it"]);
    }

    #[test]
    fn the_tests_of_this_workspace_are_found() {
        let members = members().unwrap();
        assert!(unit_tests(&members).contains(&"it"));
        assert!(members.iter().any(|member| member.name == DEMO_TESTS && member.tests.len() > 1));
    }
}
