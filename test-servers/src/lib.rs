//! Real servers for tests: Redis, Valkey and Redis clusters, Postgres, PgBouncer and MariaDB. Each
//! has a private port of the loopback interface, and its data in a temporary directory.
//!
//! A server stops when its [`Server`], [`Postgres`], [`PgBouncer`] or [`MariaDb`] is dropped, or
//! when the test process ends, even if that is killed. If a server is not installed, [`installed`],
//! [`valkey_is_installed`], [`Postgres::is_installed`] and so on print a notice and return `false`,
//! and the test returns early.
//!
//! The environment variable `SESSIONS_REDIS_SERVER` names the program to start instead of the
//! redis-server on the `PATH`, and `SESSIONS_VALKEY_SERVER` that instead of the valkey-server.
//! redis-cli is required for both. If tests run as root, databases run as another user, as they
//! refuse root.
//!
//! A [`Proxy`] in front of a server simulates a bad network.
//!
//! ```
//! if !test_servers::installed() {
//!     return;
//! }
//! let server = test_servers::Server::start();
//! assert_eq!(server.cli(&["PING"]), "PONG");
//! ```

mod account;
mod certificate;
mod cluster;
mod daemon;
mod guard;
mod mariadb;
mod monitor;
mod options;
mod pgbouncer;
mod port;
mod postgres;
mod programs;
mod proxy;
mod raise_on_drop;
mod server;
mod template;
mod valkey;

pub use certificate::Certificate;
pub use cluster::Cluster;
pub use mariadb::MariaDb;
pub use options::Options;
pub use pgbouncer::PgBouncer;
pub use port::free_port;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use raise_on_drop::RaiseOnDrop;
pub use server::Server;
pub use valkey::valkey_is_installed;

use std::path::PathBuf;
use std::sync::OnceLock;

use programs::{report_missing, version};

/// Returns whether a redis-server can be started, and prints a notice if not.
///
/// # Panics
///
/// Panics if none can be started and `SESSIONS_REQUIRE_REDIS` is set.
#[must_use]
pub fn installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| version(program()).is_some() && version("redis-cli").is_some());
    if !installed {
        report_missing("redis-server", "SESSIONS_REQUIRE_REDIS", ", or on Debian `apt-get install redis-server`");
    }
    installed
}

/// Returns the program to start as a server.
fn program() -> PathBuf {
    std::env::var_os("SESSIONS_REDIS_SERVER").map_or_else(|| "redis-server".into(), PathBuf::from)
}
