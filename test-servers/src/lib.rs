//! Real Redis servers and clusters for tests: each on a private port of the loopback interface,
//! with its data in a temporary folder.
//!
//! A server stops when its [`Server`] is dropped, or when the test process ends, even if that is
//! killed. If redis-server is not installed, [`installed`] prints a notice and returns `false`, and
//! the test returns early. The environment variable `SESSIONS_REDIS_SERVER` names another program
//! to start, such as a valkey-server or a Redis of another version. redis-cli is always required.
//!
//! A [`Proxy`] in front of a server acts as a bad network.
//!
//! ```
//! if !test_servers::installed() {
//!     return;
//! }
//! let server = test_servers::Server::start();
//! assert_eq!(server.cli(&["PING"]), "PONG");
//! ```

mod cluster;
mod guard;
mod monitor;
mod options;
mod port;
mod proxy;
mod server;

pub use cluster::Cluster;
pub use options::Options;
pub use proxy::Proxy;
pub use server::Server;

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Returns whether a redis-server can be started, and prints a notice if not.
///
/// # Panics
///
/// Panics if none can be started and `SESSIONS_REQUIRE_REDIS` is set.
#[must_use]
pub fn installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| runs(program()) && runs("redis-cli".into()));
    if !installed {
        assert!(std::env::var_os("SESSIONS_REQUIRE_REDIS").is_none(), "redis-server is not installed");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not with `eprintln!`: the test harness hides its output while the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {test}: no redis-server found; `cargo xtask test` installs it, or on Debian `apt-get install redis-server`"
        );
    }
    installed
}

/// Returns the program to start as a server.
fn program() -> OsString {
    std::env::var_os("SESSIONS_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

fn runs(program: OsString) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
