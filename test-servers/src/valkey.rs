//! The program of a Valkey server.

use std::env;
use std::path::PathBuf;

use crate::programs::{find, report_missing, target, version};

/// The oldest version that the tests support.
const OLDEST: (u32, u32) = (8, 1);

/// Returns whether a Valkey server can be started, and prints a notice if not.
///
/// # Panics
///
/// Panics if none can be started and `SESSIONS_REQUIRE_VALKEY` is set.
#[must_use]
pub fn valkey_is_installed() -> bool {
    let is_recent = version(program()).and_then(|text| parse(&text)).is_some_and(|version| version >= OLDEST);
    let is_installed = is_recent && version("redis-cli").is_some();
    if !is_installed {
        report_missing("Valkey 8.1 or later", "SESSIONS_REQUIRE_VALKEY", "");
    }
    is_installed
}

/// Returns the program to start: the one named by the environment, installed by xtask, or on the
/// `PATH`.
pub(crate) fn program() -> PathBuf {
    if let Some(program) = env::var_os("SESSIONS_VALKEY_SERVER") {
        return program.into();
    }
    let installed = target().join("tools/valkey-server");
    if installed.is_file() { installed } else { find("valkey-server").unwrap_or(installed) }
}

/// Reads a version from `Valkey server v=9.1.2 sha=…`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let version = text.strip_prefix("Valkey server v=")?.split_whitespace().next()?;
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64"), Some((9, 1)));
        assert!(parse("Valkey server v=10.0.1 sha=0").unwrap() > OLDEST);
        assert!(parse("Valkey server v=8.0.9 sha=0").unwrap() < OLDEST);
        assert_eq!(parse("Redis server v=7.0.15 sha=0"), None);
    }
}
