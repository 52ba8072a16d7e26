//! What both test binaries share: databases of their own, and a provider.

pub(crate) mod provider;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use test_servers::Postgres;

/// Returns the URL of an empty database, on a server that all tests of the process share.
///
/// If Postgres is missing, reports the test as skipped and returns `None`.
pub(crate) fn database() -> Option<String> {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if !Postgres::is_installed() {
        return None;
    }
    let server = SERVER.get_or_init(Postgres::start);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let _ = server.sql(&format!("CREATE DATABASE {name}"));
    Some(format!("{}/{name}", server.url().trim_end_matches("/postgres")))
}
