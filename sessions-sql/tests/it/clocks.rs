//! Servers with a wrong clock.

use std::time::{Duration, SystemTime};

use pollster::block_on;
use sessions_remote::RemoteStore;
use sessions_sql::{Database, Sql};
use sessions_store::{Created, Record, Store, Timestamp};

use crate::support::{IDLE, SECRET, id, migrated, table};

const HOUR: Duration = Duration::from_secs(3600);

/// Checks that a sweep removes what has expired by the server's and by the database's clock.
///
/// A server whose clock was ahead removed the live sessions of all others.
fn assert_both_clocks_count<D: Database>(store: &RemoteStore<Sql<D>>) {
    let now = SystemTime::now();
    let begin = |last_seen: SystemTime| {
        let record = Record::builder(id(), SECRET, last_seen.into()).idle(Some(IDLE)).build().unwrap();
        assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
        record
    };
    let (live, expired) = (begin(now), begin(now - HOUR));
    let sweep = |now: SystemTime| block_on(store.sweep(10, now.into())).unwrap();
    assert_eq!(sweep(now - HOUR), [], "by the clock of a server that is behind");
    assert_eq!(sweep(now + 13 * HOUR), [expired.id()], "by the clock of a server that is ahead");
    assert_eq!(block_on(store.sweep(10, Timestamp::NEVER)).unwrap(), []);
    assert!(block_on(store.load(live.id(), now.into())).unwrap().is_some());
}

#[cfg(feature = "postgres")]
#[test]
fn a_server_whose_clock_is_ahead_sweeps_no_live_session_of_postgres() {
    if test_servers::Postgres::is_installed() {
        let url = crate::support::postgres().url();
        assert_both_clocks_count(&migrated::<sessions_sql::Postgres>(&url, &table()));
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_server_whose_clock_is_ahead_sweeps_no_live_session_through_pgbouncer() {
    if test_servers::PgBouncer::is_installed() {
        let pooler = test_servers::PgBouncer::start(crate::support::postgres());
        let url = format!("{}?pgbouncer=true", pooler.url());
        assert_both_clocks_count(&migrated::<sessions_sql::Postgres>(&url, &table()));
    }
}

#[cfg(feature = "mysql")]
#[test]
fn a_server_whose_clock_is_ahead_sweeps_no_live_session_of_mariadb() {
    if test_servers::MariaDb::is_installed() {
        assert_both_clocks_count(&migrated::<sessions_sql::MySql>(&crate::support::mariadb().url(), &table()));
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn a_process_whose_clock_is_ahead_sweeps_no_live_session_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.sqlite").display());
    assert_both_clocks_count(&migrated::<sessions_sql::Sqlite>(&url, &table()));
}
