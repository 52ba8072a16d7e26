//! Real redis servers and clusters for tests: each on a private port of the loopback interface,
//! with its data in a temporary folder.
//!
//! What is started here ends with the value that stands for it, or with the process that started
//! it, however that ends. Where no redis-server is installed, [`installed`] says so on the
//! terminal, and the test that asked returns. `SESSIONS_REDIS_SERVER` in the environment names
//! another program to start, such as a valkey-server or a Redis of another version; redis-cli is
//! needed beside it.
//!
//! A [`Proxy`] is a bad network in front of a server.
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

/// Says whether there is a redis-server to start; where there is none, it says so on the terminal.
///
/// # Panics
///
/// With `SESSIONS_REQUIRE_REDIS` set, a missing redis-server is a failure.
#[must_use]
pub fn installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| runs(program()) && runs("redis-cli".into()));
    if !installed {
        assert!(std::env::var_os("SESSIONS_REQUIRE_REDIS").is_none(), "redis-server is not installed");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not by `eprintln!`, which the test harness keeps to itself as long as the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {test}: no redis-server found; `cargo xtask test` installs it, or on Debian `apt-get install redis-server`"
        );
    }
    installed
}

/// Returns the program that a server is.
fn program() -> OsString {
    std::env::var_os("SESSIONS_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

fn runs(program: OsString) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
