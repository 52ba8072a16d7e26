//! Creating the table, and the rights that are needed afterwards.

use std::thread;

use crate::support::{NOW, assert_usable, chain, id, migrated, patient, postgres, stored, table};
use pollster::block_on;
use sessions_sql::{PostgresStore, SqlBuilder, SqlStore};
use sessions_store::Store;

#[test]
fn many_may_create_the_table_at_once() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let (server, role) = (postgres(), format!("role_of_{}", table()));
    let isolation = format!("ALTER ROLE {role} SET default_transaction_isolation = serializable");
    let _ = server.sql(&format!("CREATE ROLE {role} LOGIN SUPERUSER; {isolation}"));
    for url in [server.url(), server.url().replace("postgres@", &format!("{role}@"))] {
        let table = table();
        let migrate = || {
            thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| migrated::<sessions_sql::Postgres>(&url, &table))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            })
        };
        let stores = migrate();
        let record = stored(&stores[0]);
        assert!(
            block_on(migrate()[0].load(record.id(), NOW)).unwrap().is_some(),
            "migrating again keeps what is there"
        );
        assert_usable(&stores[7]);
    }
}

#[test]
fn the_four_rights_are_enough() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let (server, table, role) = (postgres(), table(), format!("role_of_{}", table()));
    let _owner = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let _ = server.sql(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}"));
    let url = server.url().replace("postgres@", &format!("{role}@"));
    let store = migrated::<sessions_sql::Postgres>(&url, &table);
    assert_usable(&store);

    let _ = server.sql(&format!("REVOKE DELETE ON {table} FROM {role}"));
    let error = chain(&block_on(store.destroy(id())).unwrap_err());
    assert!(error.contains(&format!("needs SELECT, INSERT, UPDATE and DELETE on the table {table};")), "{error}");
}

#[test]
fn the_schema_can_be_run_by_hand() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let _ = server.sql(&format!("CREATE SCHEMA app_{table}"));
    let builder: SqlBuilder<sessions_sql::Postgres> = patient(&table).schema(format!("app_{table}"));
    let _ = server.sql(&builder.schema_sql().unwrap());
    let store = builder.open(&server.url()).unwrap();
    assert_usable(&store);
    assert_eq!(server.sql(&format!("SELECT count(*) FROM pg_tables WHERE tablename = '{table}'")), "1");
    let url =
        format!("{}?table={table}&schema=app_{table}&load_deadline_ms=20000&commit_deadline_ms=20000", server.url());
    assert_usable(&PostgresStore::open(&url).unwrap());
}

/// Regression: an index of that name existed, and each login scanned the table.
#[test]
fn a_table_after_a_renamed_one_has_its_indexes() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let _ = server.sql(&format!("ALTER TABLE {table} RENAME TO old_{table}"));
    block_on(store.migrate()).unwrap();
    assert_eq!(server.sql(&format!("SELECT count(*) FROM pg_indexes WHERE tablename = '{table}'")), "3");
    assert_usable(&store);
}
