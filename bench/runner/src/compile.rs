//! Builds the measured programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// A program with subjects, built with and without a counting allocator.
pub(crate) struct Program {
    pub(crate) plain: PathBuf,
    pub(crate) counting: PathBuf,
}

/// Builds the programs of our package or of the peers'.
pub(crate) fn subjects(package: &str) -> Outcome<Program> {
    let plain = program(package)?;
    let counting = plain.with_file_name(format!("{package}-counting"));
    Ok(Program { plain, counting })
}

/// Builds a package and returns the program of the same name.
pub(crate) fn program(package: &str) -> Outcome<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "--package", package, "--bins", "--manifest-path"]).arg(manifest);
    if !command.status()?.success() {
        return Err(format!("cannot build {package}").into());
    }
    // This program was built into the same directory.
    Ok(env::current_exe()?.with_file_name(package))
}
