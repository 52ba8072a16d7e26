//! The versions and the machine of a measurement.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::Outcome;

/// Packages whose versions matter, by name in the lock file.
const PACKAGES: [(&str, &[&str]); 3] = [
    (
        "ours",
        &[
            "sessions-store",
            "sessions-core",
            "sessions-axum",
            "sessions-actix",
            "sessions-hyper",
            "sessions-minihttp",
            "sessions-redb",
            "sessions-fjall",
            "sessions-redis",
            "sessions-sql",
        ],
    ),
    (
        "others",
        &[
            "tower-sessions",
            "tower-sessions-redis-store",
            "tower-sessions-sqlx-store",
            "axum_session",
            "actix-session",
            "poem",
        ],
    ),
    ("under both", &["axum", "actix-web", "hyper", "may_minihttp", "tokio", "redb", "fjall", "redis", "fred", "sqlx"]),
];

/// Returns all versions, and the machine without its host name.
pub(crate) fn describe() -> Outcome<String> {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock"))?;
    let mut facts = String::from("| | |\n|---|---|\n");
    for (whose, packages) in PACKAGES {
        let versions: Vec<_> =
            packages.iter().map(|package| format!("{package} {}", versions(&lock, package))).collect();
        writeln!(facts, "| {whose} | {} |", versions.join(", "))?;
    }
    writeln!(facts, "| programs | {} |", programs().join(", "))?;
    writeln!(facts, "| profile | release, `lto = \"thin\"`, `codegen-units = 1` |")?;
    writeln!(facts, "| machine | {} |", machine()?)?;
    Ok(facts)
}

fn versions(lock: &str, package: &str) -> String {
    let mut versions = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if line == format!("name = \"{package}\"") {
            let version = lines.next().and_then(|line| line.strip_prefix("version = "));
            versions.extend(version.map(|version| version.trim_matches('"')));
        }
    }
    versions.join(" and ")
}

fn programs() -> Vec<String> {
    let rustc = first_line("rustc", "--version", |line| line.split(' ').nth(1));
    let redis = first_line("redis-server", "--version", |line| line.split("v=").nth(1)?.split(' ').next());
    let valgrind = first_line("valgrind", "--version", |line| line.strip_prefix("valgrind-"));
    let wrk = first_line("wrk", "--version", |line| line.split(' ').nth(1));
    let all = [("rustc", rustc), ("redis-server", redis), ("valgrind", valgrind), ("wrk", wrk)];
    all.into_iter().map(|(name, version)| format!("{name} {version}")).collect()
}

/// Returns the version in the first line that a program prints, whatever its exit code.
fn first_line(program: &str, word: &str, version: impl Fn(&str) -> Option<&str>) -> String {
    let output = Command::new(program).arg(word).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().and_then(version).unwrap_or("of an unknown version").to_owned()
}

fn machine() -> Outcome<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kibibytes = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gibibytes = kibibytes.map_or(0.0, |number| number.parse().unwrap_or(0.0) / f64::from(1 << 20));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = thread::available_parallelism()?;
    Ok(format!("{model}, {cores} cores, {gibibytes:.0} GiB of memory, Linux {}", kernel.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_package_is_found() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0\"\n";
        assert_eq!(versions(lock, "a"), "1.0 and 2.0");
    }
}
