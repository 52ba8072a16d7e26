//! `cargo xtask msrv`: checks that each published crate builds with its oldest supported Rust.

use std::collections::BTreeMap;
use std::process::Command;

use crate::command::{run, succeeds};
use crate::workspace::{Member, members};

/// Separate build directory, so that other steps need not wait.
const TARGET: &str = "target/msrv";

/// Checks each published crate with its own `rust-version`.
///
/// A toolchain that is neither installed nor installable is skipped, with a notice.
pub(crate) fn check() -> Result<(), String> {
    for (version, crates) in by_version(&members()?)? {
        if has_toolchain(&version) || installs_toolchain(&version) {
            run(&mut check_command(&version, &crates))?;
        } else {
            println!("{}", skipped(&version, &crates));
        }
    }
    Ok(())
}

/// Returns the builds of the toolchains that are installed.
pub(crate) fn builds() -> Vec<Command> {
    let by_version = members().and_then(|members| by_version(&members)).unwrap_or_default();
    let installed = by_version.iter().filter(|(version, _)| has_toolchain(version));
    installed.map(|(version, crates)| check_command(version, crates)).collect()
}

/// Groups the published crates by the oldest Rust that they support.
fn by_version(members: &[Member]) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut by_version = BTreeMap::<_, Vec<_>>::new();
    for member in members.iter().filter(|member| member.is_published) {
        let version = member.rust_version.clone().ok_or_else(|| format!("{} has no rust-version", member.name))?;
        by_version.entry(version).or_default().push(member.name.clone());
    }
    Ok(by_version)
}

fn has_toolchain(version: &str) -> bool {
    succeeds(Command::new("rustup").args(["run", version, "rustc", "--version"]))
}

fn installs_toolchain(version: &str) -> bool {
    run(Command::new("rustup").args(["toolchain", "install", version, "--profile", "minimal"])).is_ok()
}

fn check_command(version: &str, crates: &[String]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", version, "cargo", "check", "--locked", "--all-features", "--target-dir", TARGET]);
    command.args(crates.iter().flat_map(|name| ["--package", name]));
    // The cargo that runs xtask sets these for its own toolchain.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command.current_dir(crate::command::root());
    command
}

fn skipped(version: &str, crates: &[String]) -> String {
    format!(
        "SKIPPED: Rust {version} is not installed and cannot be installed here, so these were not built with it: {}.\n\
         Only clippy's `incompatible_msrv` checked them. With access to Rust's releases, run: cargo xtask msrv",
        crates.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, rust_version: Option<&str>, is_published: bool) -> Member {
        Member {
            name: name.into(),
            manifest: "Cargo.toml".into(),
            is_published,
            depends_on: Vec::new(),
            features: Vec::new(),
            tests: Vec::new(),
            rust_version: rust_version.map(str::to_owned),
        }
    }

    #[test]
    fn published_crates_are_sorted_by_their_oldest_rust() {
        let members = [
            member("core", Some("1.89"), true),
            member("redb", Some("1.90"), true),
            member("axum", Some("1.89"), true),
            member("xtask", None, false),
        ];
        let expected = [("1.89", vec!["core", "axum"]), ("1.90", vec!["redb"])];
        let expected =
            expected.map(|(version, names)| (version.to_owned(), names.into_iter().map(str::to_owned).collect()));
        assert_eq!(by_version(&members), Ok(BTreeMap::from(expected)));
        assert!(by_version(&[member("core", None, true)]).is_err());
    }

    #[test]
    fn a_check_names_its_toolchain_and_crates() {
        let command = check_command("1.89", &["core".to_owned(), "axum".to_owned()]);
        let words: Vec<_> = command.get_args().filter_map(|word| word.to_str()).collect();
        let expected =
            "run 1.89 cargo check --locked --all-features --target-dir target/msrv --package core --package axum";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn an_unknown_toolchain_is_missing() {
        assert!(!has_toolchain("0.0.1"));
    }

    #[test]
    fn a_skipped_check_names_its_crates() {
        let text = skipped("1.89", &["sessions-core".to_owned()]);
        assert!(text.starts_with("SKIPPED: Rust 1.89 ") && text.contains("sessions-core"), "{text}");
    }
}
