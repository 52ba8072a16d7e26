//! Builds the demos once per test run, and locates their binaries.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::Framework;

/// Environment variable with a directory of prebuilt demos, to be tested in place of this
/// workspace's.
const PREBUILT: &str = "SESSIONS_DEMOS";

/// Returns the demo's binary. The first call builds all demos.
pub(crate) fn binary(framework: Framework) -> PathBuf {
    if let Some(folder) = env::var_os(PREBUILT) {
        return Path::new(&folder).join(framework.binary());
    }
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    match built.get(framework.binary()) {
        Some(path) => path.clone(),
        None => panic!("the demos lack {framework}; there are {:?}", built.keys()),
    }
}

/// Builds the demos into the target directory and with the profile of the running test.
fn build() -> HashMap<String, PathBuf> {
    let test = env::current_exe().expect("a running test has a path");
    let profile = test.ancestors().nth(2).expect("tests are in target/PROFILE/deps");
    let target = profile.parent().expect("tests are in target/PROFILE/deps");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--package", "demo-*", "--bins", "--all-features"]);
    cargo.arg("--profile").arg(if profile.ends_with("release") { "release" } else { "test" });
    cargo.arg("--message-format=json-render-diagnostics").arg("--target-dir").arg(target);
    // These variables describe the running test's package. Build scripts that watch them would run
    // again for each cargo that is started by hand.
    for (name, _) in env::vars_os() {
        let is_of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_package) {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("cannot run cargo: {error}"));
    assert!(output.status.success(), "cannot build the demos: cargo ended with {}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().filter_map(executable).collect()
}

/// Returns the name and the path of a binary from one of cargo's messages.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message["target"]["name"].as_str()?;
    let path = message["executable"].as_str()?;
    Some((name.to_owned(), path.into()))
}
