//! Installs the programs that the checks need besides Rust, with apt-get as root. Otherwise prints
//! what to install.

mod valkey;

use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{env, fs};

use crate::command::{cargo, read, run, succeeds};

pub(crate) use valkey::is_installed as valkey_is_installed;

/// A program that tests or benchmarks start.
#[derive(Clone, Copy, Debug)]
struct Tool {
    binary: &'static str,
    /// The Debian package that contains it.
    package: &'static str,
    used_by: &'static str,
}

/// Programs that the tests start.
const TOOLS: &[Tool] = &[
    Tool { binary: "redis-server", package: "redis-server", used_by: "the Redis store" },
    Tool { binary: "postgres", package: "postgresql", used_by: "the SQL stores" },
    Tool { binary: "mariadbd", package: "mariadb-server", used_by: "the SQL stores" },
    Tool { binary: "pgbouncer", package: "pgbouncer", used_by: "a pooler between a store and Postgres" },
    Tool { binary: "strace", package: "strace", used_by: "the contents of a disk after a power failure" },
    Tool { binary: "nginx", package: "nginx-light", used_by: "caching between visitor and server" },
    Tool { binary: "chromium", package: "chromium", used_by: "pages in a real browser" },
    Tool { binary: "chromedriver", package: "chromium-driver", used_by: "driving that browser" },
];

/// The program that counts instructions on the hot paths.
const VALGRIND: Tool = Tool { binary: "valgrind", package: "valgrind", used_by: "counting instructions" };

/// The compiler of the fuzzing engine.
const CXX: Tool = Tool { binary: "c++", package: "g++", used_by: "fuzzing" };

/// Programs that the benchmarks start.
const BENCH_TOOLS: &[Tool] =
    &[TOOLS[0], VALGRIND, Tool { binary: "wrk", package: "wrk", used_by: "requests over sockets" }];

/// Components of a Rust toolchain that a minimal installation leaves out.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt --version"), ("clippy", "clippy --version")];

/// Installs the missing programs for the checks, or fails with a list.
pub(crate) fn install() -> Result<(), String> {
    install_components()?;
    install_tools(TOOLS)?;
    valkey::install();
    Ok(())
}

/// Installs the missing programs for the benchmarks, or fails with a list.
pub(crate) fn install_for_bench() -> Result<(), String> {
    install_tools(BENCH_TOOLS)
}

/// Installs the missing programs for counting, or fails with a list.
pub(crate) fn install_for_counts() -> Result<(), String> {
    install_tools(&[VALGRIND])
}

/// Installs the missing programs for fuzzing, or fails with a list.
pub(crate) fn install_for_fuzz() -> Result<(), String> {
    install_tools(&[CXX])
}

/// Installs cargo-deny if it is missing.
pub(crate) fn install_cargo_deny() -> Result<(), String> {
    missing_cargo_deny().iter_mut().try_for_each(run)
}

/// Returns the installation of cargo-deny if it is missing.
pub(crate) fn missing_cargo_deny() -> Vec<Command> {
    missing_cargo_tool("deny", "0.20.2").into_iter().collect()
}

/// Installs cargo-mutants if it is missing.
pub(crate) fn install_cargo_mutants() -> Result<(), String> {
    missing_cargo_tool("mutants", "27.1.0").iter_mut().try_for_each(run)
}

/// Returns a command that builds a subcommand of cargo from its sources, if it is missing.
///
/// Without optimizations, which would take longer than they save.
fn missing_cargo_tool(name: &str, version: &str) -> Option<Command> {
    let is_installed = succeeds(&mut cargo(&format!("{name} --version")));
    (!is_installed).then(|| cargo(&format!("install cargo-{name} --version {version} --locked --debug --quiet")))
}

fn install_tools(tools: &[Tool]) -> Result<(), String> {
    let missing = missing_of(tools, on_path);
    if missing.is_empty() {
        return Ok(());
    }
    if !(on_path("apt-get") && is_root()) {
        return Err(advice(&missing));
    }
    install_packages(&missing)?;
    match missing_of(tools, on_path).as_slice() {
        [] => Ok(()),
        still => Err(advice(still)),
    }
}

fn install_components() -> Result<(), String> {
    for (component, probe) in COMPONENTS {
        if !succeeds(&mut cargo(probe)) {
            run(Command::new("rustup").args(["component", "add", component]))
                .map_err(|why| format!("{component} is missing from the Rust toolchain: {why}"))?;
        }
    }
    Ok(())
}

fn install_packages(missing: &[&Tool]) -> Result<(), String> {
    let _quiet = NoServices::new()?;
    run(&mut apt_get("update"))?;
    let packages = missing.iter().map(|tool| tool.package);
    run(apt_get("install").args(["--yes", "--no-install-recommends"]).args(packages))
}

fn apt_get(verb: &str) -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg(verb)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // In the single-user runlevel, Debian's scripts start no service: tests start their own.
        .env("RUNLEVEL", "1");
    command
}

/// A ban on starting services of installed packages, for systemd, which ignores the runlevel.
///
/// Debian's scripts ask the program at [`POLICY`](Self::POLICY) before they start one.
#[derive(Debug)]
struct NoServices {
    is_ours: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn new() -> Result<Self, String> {
        let is_ours = !Path::new(Self::POLICY).exists();
        if is_ours {
            let failed = |why| format!("cannot write {}: {why}", Self::POLICY);
            fs::write(Self::POLICY, policy(process::id())).map_err(failed)?;
            run(Command::new("chmod").args(["+x", Self::POLICY]))?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(Self::POLICY);
        }
    }
}

/// Returns a script that denies services while a process runs, since a killed process leaves the
/// script behind.
fn policy(process: u32) -> String {
    format!(
        "#!/bin/sh\n# Denies services while `cargo xtask test` installs packages.\n! kill -0 {process} 2>/dev/null || exit 101\n"
    )
}

fn missing_of(tools: &[Tool], is_there: impl Fn(&str) -> bool) -> Vec<&Tool> {
    tools.iter().filter(|tool| !is_there(tool.binary)).collect()
}

fn advice(missing: &[&Tool]) -> String {
    let mut text = String::from("these programs are not on the PATH:");
    let mut packages = Vec::new();
    for Tool { binary, package, used_by } in missing {
        text.push_str(&format!("\n  {binary}, for {used_by}"));
        packages.push(*package);
    }
    let packages = packages.join(" ");
    text.push_str(&format!(
        "\nOn Debian and Ubuntu: sudo apt-get install {packages}\n\
         Elsewhere: the packages of your system that contain them"
    ));
    text
}

fn on_path(binary: &str) -> bool {
    let name = format!("{binary}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(more_folders()).any(|folder| folder.join(&name).is_file())
}

/// Returns the directories of servers that Debian keeps off the `PATH`, or off that of most users.
fn more_folders() -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let postgres = versions.map(|version| version.path().join("bin"));
    postgres.chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
}

fn is_root() -> bool {
    read(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Tool] = &[
        Tool { binary: "here", package: "here-bin", used_by: "one test" },
        Tool { binary: "gone", package: "gone-bin", used_by: "the other" },
    ];

    #[test]
    fn only_what_is_missing_is_listed() {
        let missing = missing_of(TWO, |binary| binary == "here");
        assert_eq!(missing.iter().map(|tool| tool.binary).collect::<Vec<_>>(), ["gone"]);
    }

    #[test]
    fn the_advice_names_program_purpose_and_package() {
        let text = advice(&missing_of(TWO, |binary| binary == "here"));
        assert!(text.contains("gone, for the other"), "{text}");
        assert!(text.contains("apt-get install gone-bin\n"), "{text}");
        assert!(!text.contains("one test"), "{text}");
    }

    #[test]
    fn the_ban_on_services_ends_with_its_process() {
        let run = |process| {
            let status = Command::new("sh").args(["-c", &policy(process)]).status().unwrap();
            status.code().unwrap()
        };
        let mut ended = Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        assert_eq!((run(process::id()), run(ended.id())), (101, 0));
    }

    #[test]
    fn the_path_is_searched_for_whole_names() {
        assert!(on_path("cargo"));
        assert!(!on_path("cargo-of-another-kind"));
    }
}
