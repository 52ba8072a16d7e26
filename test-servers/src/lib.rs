//! Real redis servers and clusters for tests: each on a private port of the loopback interface, with its data in a temporary folder.
//!
//! What is started here ends with the value that stands for it, or with the process that started it, however that ends. Where no
//! redis-server is installed, [`installed`] says so on the terminal, and the test that asked returns.
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
mod server;

pub use cluster::Cluster;
pub use options::Options;
pub use server::Server;

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
    let installed = *INSTALLED.get_or_init(|| runs("redis-server") && runs("redis-cli"));
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

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
