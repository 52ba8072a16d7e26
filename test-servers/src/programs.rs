//! Search for the programs that tests start, and notices about those that are missing.

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Directories of servers that are not on every user's `PATH`.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Returns the directory that cargo builds into by default.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target")
}

/// Returns the path of a program.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Returns the output of a program's `--version`, or `None` if the program does not run.
pub(crate) fn version(program: impl AsRef<OsStr>) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Prints that a test is skipped because a server is missing.
///
/// # Panics
///
/// Panics if the environment variable `required_by` is set.
pub(crate) fn report_missing(server: &str, required_by: &str, advice: &str) {
    assert!(env::var_os(required_by).is_none(), "{server} is not installed, and {required_by} is set");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not with `eprintln!`: the test harness hides its output while the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: no {server} found; `cargo xtask test` installs it{advice}");
}
