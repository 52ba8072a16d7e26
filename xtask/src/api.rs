//! `cargo xtask api`: compares the public API of each published crate with the directory `api/`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::command::{cargo, root, run};
use crate::workspace::members;

/// Version of rustdoc's JSON that the crate `public-api` reads, that of Rust 1.95.
const FORMAT: u32 = 57;

/// Environment variable that names the real rustdoc.
const RUSTDOC: &str = "XTASK_RUSTDOC";

/// Compares the public API with the committed one, or replaces the latter with `--bless`.
pub(crate) fn run_words(words: &[String]) -> Result<(), String> {
    match words {
        [] => check(),
        [word] if word == "--bless" => bless(),
        _ => Err("usage: cargo xtask api [--bless]".into()),
    }
}

/// Fails with every line in which the public API differs from the committed one.
pub(crate) fn check() -> Result<(), String> {
    let Some(current) = current()? else {
        println!("SKIPPED: rustdoc writes no JSON of format {FORMAT}, so the public API was not compared.");
        println!("With Rust 1.95, by rustup: cargo +1.95 xtask api");
        return Ok(());
    };
    let mut changes = String::new();
    for (name, api) in &current {
        let committed = fs::read_to_string(file(name)).unwrap_or_default();
        changes.push_str(&difference(name, &committed, api));
    }
    if changes.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public API changed:{changes}\nIf this is intended, run: cargo xtask api --bless, and commit the result"
    ))
}

fn bless() -> Result<(), String> {
    let current = current()?.ok_or_else(|| format!("rustdoc writes no JSON of format {FORMAT}: use Rust 1.95"))?;
    let folder = root().join("api");
    let failed = |error| format!("cannot write {}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    current.iter().try_for_each(|(name, api)| fs::write(file(name), api)).map_err(failed)
}

fn file(name: &str) -> PathBuf {
    root().join("api").join(format!("{name}.txt"))
}

/// Returns each published crate with its public API, or nothing if rustdoc's JSON is of another
/// format.
fn current() -> Result<Option<Vec<(String, String)>>, String> {
    let members = members()?;
    let names: Vec<&str> =
        members.iter().filter(|member| member.is_published).map(|member| member.name.as_str()).collect();
    write_json(&names)?;
    let mut apis = Vec::new();
    for name in names {
        let json = root().join(format!("target/doc/{}.json", name.replace('-', "_")));
        let text = fs::read_to_string(&json).map_err(|error| format!("cannot read {}: {error}", json.display()))?;
        if !text.contains(&format!("\"format_version\":{FORMAT}")) {
            return Ok(None);
        }
        // Auto traits and blanket implementations follow from the listed items.
        let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
        let api = api.build().map_err(|error| format!("cannot list the API of {name}: {error}"))?;
        apis.push((name.to_owned(), format!("{api}\n")));
    }
    Ok(Some(apis))
}

/// Makes rustdoc write JSON, which by default only a nightly compiler does.
fn write_json(names: &[&str]) -> Result<(), String> {
    let own = env::current_exe().map_err(|error| format!("cannot find the program of xtask: {error}"))?;
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let mut doc = cargo("doc --quiet --no-deps --lib --all-features");
    doc.args(names.iter().flat_map(|name| ["--package", name])).env("RUSTDOC", own).env(RUSTDOC, rustdoc);
    run(doc.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow"))
}

/// Runs rustdoc with unstable options permitted, if this program was started in its place.
///
/// Cargo cannot permit them for rustdoc alone: `RUSTC_BOOTSTRAP` in its own environment would make
/// it recompile most dependencies.
pub(crate) fn stand_in_for_rustdoc() -> Option<ExitCode> {
    let rustdoc: OsString = env::var_os(RUSTDOC)?;
    let status = Command::new(rustdoc).args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    Some(if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lists the lines that were removed and added.
fn difference(name: &str, committed: &str, current: &str) -> String {
    let lines = |text| str::lines(text).collect::<BTreeSet<_>>();
    let (committed, current) = (lines(committed), lines(current));
    let removed = committed.difference(&current).map(|line| format!("\n  {name}: - {line}"));
    removed.chain(current.difference(&committed).map(|line| format!("\n  {name}: + {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_api_has_no_difference() {
        assert_eq!(difference("core", "pub fn a()\npub fn b()\n", "pub fn a()\npub fn b()\n"), "");
    }

    #[test]
    fn removed_and_added_lines_are_listed() {
        let expected = "\n  core: - pub fn a()\n  core: + pub fn a(u8)";
        assert_eq!(difference("core", "pub fn a()\npub fn b()\n", "pub fn a(u8)\npub fn b()\n"), expected);
    }

    #[test]
    fn a_crate_without_a_snapshot_is_all_new() {
        assert_eq!(difference("core", "", "pub fn a()\n"), "\n  core: + pub fn a()");
    }

    #[test]
    fn only_bless_is_accepted() {
        assert!(run_words(&["--bles".to_owned()]).is_err());
    }
}
