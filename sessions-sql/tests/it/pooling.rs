//! PostgreSQL behind a pooler.
//!
//! sqlx names its prepared statements by number. In transaction mode, a pooler may run that of
//! another client in place of ours: loads removed sessions, and logouts that were acknowledged
//! ended none.

use pollster::block_on;
use sessions_remote::RemoteStore;
use sessions_sql::{Sql, SqlBuilder};
use sessions_store::StoreErrorKind;
use test_servers::{PgBouncer, Postgres};

use crate::support::{assert_usable, chain, migrated, patient, patient_in_pool, postgres, table};

type Builder = SqlBuilder<sessions_sql::Postgres>;

/// Starts a pooler, and creates a table for stores behind it.
fn pooled(settings: &[(&str, &str)]) -> Option<(PgBouncer, Builder)> {
    PgBouncer::is_installed().then(|| {
        let table = table();
        drop(migrated::<sessions_sql::Postgres>(&postgres().url(), &table));
        (PgBouncer::start_with(postgres(), settings), patient(&table))
    })
}

fn assert_refused(store: &RemoteStore<Sql<sessions_sql::Postgres>>, part: &str) {
    let error = block_on(store.ping()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains(part), "{}", chain(&error));
}

#[test]
fn a_pooler_is_found_at_the_first_call() {
    let Some((pooler, builder)) = pooled(&[]) else { return };
    assert_refused(&builder.open(&pooler.url()).unwrap(), "add `pgbouncer=true` to the URL");
}

#[test]
fn a_pooler_needs_no_setting() {
    let Some((pooler, builder)) = pooled(&[("ignore_startup_parameters", "")]) else { return };
    assert_refused(&builder.clone().open(&pooler.url()).unwrap(), "open the store with `pgbouncer=true`");
    assert_usable(&builder.open(&format!("{}?pgbouncer=true", pooler.url())).unwrap());
}

#[test]
fn a_pooler_in_session_mode_passes_prepared_statements_on() {
    let Some((pooler, builder)) = pooled(&[("pool_mode", "session")]) else { return };
    assert_refused(&builder.clone().open(&pooler.url()).unwrap(), "or `pgbouncer=false`");
    assert_usable(&builder.open(&format!("{}?pgbouncer=false", pooler.url())).unwrap());
}

#[test]
fn a_failed_prepared_statement_names_the_option() {
    let Some((pooler, builder)) = pooled(&[("default_pool_size", "1")]) else { return };
    let [first, second] = [(); 2].map(|()| builder.clone().pgbouncer(false).open(&pooler.url()).unwrap());
    block_on(first.ping()).unwrap();
    // The name is taken by the statement of the first.
    assert_refused(&second, "open the store with `pgbouncer=true` (42P05)");
}

/// Regression: with either setting, each session was reported as unreadable.
#[test]
fn bytes_pass_a_pooler_whatever_the_server_escapes() {
    if !PgBouncer::is_installed() {
        return;
    }
    let server = Postgres::start_with(&[("standard_conforming_strings", "off"), ("bytea_output", "escape")]);
    drop(migrated::<sessions_sql::Postgres>(&server.url(), "sessions"));
    let open = || {
        let pooler = PgBouncer::start(&server);
        (patient("sessions").pgbouncer(true).open(&pooler.url()).unwrap(), pooler)
    };
    assert_refused(&open().0, "`bytea_output` has to be `hex`");
    let _ = server.sql("ALTER ROLE CURRENT_USER SET bytea_output = hex");
    let (store, _pooler) = open();
    assert_usable(&store);
}

/// Regression: every later call on the connection failed, too.
#[test]
fn a_connection_that_has_lost_its_statements_is_replaced() {
    if !Postgres::is_installed() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let table = table();
    drop(migrated::<sessions_sql::Postgres>(&postgres().url(), &table));
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_lazy(&postgres().url()).unwrap();
    let store = patient_in_pool(&table).open_pool(pool.clone()).unwrap();
    block_on(store.ping()).unwrap();
    runtime.block_on(sqlx::raw_sql("DEALLOCATE ALL").execute(&pool)).unwrap();
    assert_refused(&store, "(26000)");
    block_on(store.ping()).unwrap();
}
