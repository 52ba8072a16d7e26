//! Code that the tests share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sessions_remote::RemoteStore;
use sessions_sql::{Database, Sql, SqlBuilder, SqlStore};
use test_servers::{MariaDb, Postgres};

/// Returns the PostgreSQL server that tests share. It ends with the process.
pub(crate) fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start_with(&[("max_connections", "900")]))
}

/// Returns the MariaDB server that tests share. It ends with the process.
pub(crate) fn mariadb() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(|| MariaDb::start_with(&[("max-connections", "900")]))
}

/// Returns the name of a table that no other test uses.
pub(crate) fn table() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("sessions_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a builder with deadlines for a machine that is busy with other tests.
pub(crate) fn patient<D: Database>(table: &str) -> SqlBuilder<D> {
    let deadline = Duration::from_secs(20);
    SqlBuilder::new().table(table).load_deadline(deadline).commit_deadline(deadline).max_connections(4)
}

/// Opens a store and creates its table.
pub(crate) fn migrated<D: Database>(url: &str, table: &str) -> RemoteStore<Sql<D>> {
    let store = patient::<D>(table).open(url).unwrap();
    pollster::block_on(store.migrate()).unwrap();
    store
}
