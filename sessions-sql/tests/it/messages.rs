//! What errors say, and what they must not.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::{chain, id, increment, migrated, patient, postgres, stored, table};
use pollster::block_on;
use sessions_sql::{OpenErrorKind, PostgresStore, SqlStore};
use sessions_store::{Store, StoreErrorKind};

fn open_error(url: &str) -> (OpenErrorKind, String) {
    let error = PostgresStore::open(url).unwrap_err();
    assert!(!format!("{error}{error:?}").contains("hunter2"), "{error:?}");
    (error.kind(), error.to_string())
}

#[test]
fn a_refused_url_names_the_option_and_no_password() {
    for (url, kind, part) in [
        ("redis://:hunter2@localhost", OpenErrorKind::Url, "postgres:// or postgresql://"),
        ("postgres://app:hunter2@localhost:port/app", OpenErrorKind::Url, "is no URL"),
        ("postgres://app:hunter2@localhost/app#x", OpenErrorKind::Url, "is no URL"),
        (
            "postgres://app:hunter2@localhost/app?tabel=x",
            OpenErrorKind::UrlOption,
            "`tabel` of the URL is unknown; the known options are table,",
        ),
        ("postgres://app:x?hunter2@localhost/app", OpenErrorKind::UrlOption, "in a password, write `?` as %3F"),
        (
            "postgres://app:hunter2@localhost/app?table=x&table=y",
            OpenErrorKind::UrlOption,
            "`table` of the URL is given twice",
        ),
        (
            "postgres://app:hunter2@localhost/app?max_connections=many",
            OpenErrorKind::UrlOption,
            "has to be a whole number",
        ),
        ("postgres://app:hunter2@localhost/app?pgbouncer=yes", OpenErrorKind::UrlOption, "has to be true or false"),
        ("postgres://app:hunter2@localhost/app?max_connections=0", OpenErrorKind::Options, "`max_connections` is 0"),
        ("postgres://app:hunter2@localhost/app?table=a-b", OpenErrorKind::Options, "letters, digits and underscores"),
    ] {
        let (found, text) = open_error(url);
        assert_eq!(found, kind, "{url}");
        assert!(text.contains(part), "{text}");
    }
    let option = PostgresStore::open("postgres://localhost/?tabel=x").unwrap_err().option().map(str::to_owned);
    assert_eq!(option.as_deref(), Some("tabel"));
}

#[test]
fn a_missing_table_asks_for_a_migration() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let record = stored(&store);
    let _ = server.sql(&format!("DROP TABLE {table}"));
    let error = increment(&store, &record).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains(&format!("lacks the table {table} or an index")), "{}", chain(&error));
    block_on(store.migrate()).unwrap();
    crate::support::assert_usable(&store);
}

#[test]
fn a_read_only_database_says_so() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let (server, table, role) = (postgres(), table(), format!("role_of_{}", table()));
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let record = stored(&store);
    let _ = server.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON {table} TO {role}; ALTER ROLE {role} SET default_transaction_read_only = on"
    ));
    let url = server.url().replace("postgres@", &format!("{role}@"));
    let reader = patient::<sessions_sql::Postgres>(&table).max_connections(1).open(&url).unwrap();
    assert!(block_on(reader.load(record.id(), crate::support::NOW)).unwrap().is_some());
    let error = increment(&reader, &record).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains("is read-only") && chain(&error).contains("25006"), "{}", chain(&error));
    // As after a failover, a new connection may write, and the one that may not is closed.
    assert!(block_on(reader.load(record.id(), crate::support::NOW)).unwrap().is_some());
    let _ = server.sql(&format!("ALTER ROLE {role} RESET default_transaction_read_only"));
    _ = increment(&reader, &record).unwrap();
    // After the next one too.
    let _ = server.sql(&format!(
        "ALTER ROLE {role} SET default_transaction_read_only = on;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    ));
    assert!(block_on(reader.load(record.id(), crate::support::NOW)).unwrap().is_some());
    let _ = server.sql(&format!("ALTER ROLE {role} RESET default_transaction_read_only"));
    _ = increment(&reader, &record).unwrap();
}

#[test]
fn a_refused_login_names_the_user_and_no_password() {
    if !test_servers::Postgres::is_installed() {
        return;
    }
    let url = postgres().url().replace("postgres@", "nobody:hunter2@");
    let error = block_on(patient::<sessions_sql::Postgres>("sessions").open(&url).unwrap().ping()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains("role \"nobody\" does not exist"), "{}", chain(&error));
    assert!(!format!("{}{error:?}", chain(&error)).contains("hunter2"));
}

#[test]
fn a_server_that_is_down_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let deadline = Duration::from_millis(300);
    let builder = PostgresStore::builder().load_deadline(deadline).commit_deadline(deadline);
    let store = builder.open(&format!("postgres://app:hunter2@127.0.0.1:{port}/app")).unwrap();
    // The first call waits for the server to return, and the others know that it is down.
    for _ in 0..3 {
        let load = block_on(store.load(id(), crate::support::NOW)).map(drop);
        let destroy = block_on(store.destroy(id())).map(drop);
        for error in [load, destroy].map(Result::unwrap_err) {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "nothing was sent: {}", chain(&error));
            assert!(chain(&error).contains(&format!("postgres database 127.0.0.1:{port}")), "{}", chain(&error));
            assert!(!format!("{}{error:?}{store:?}", chain(&error)).contains("hunter2"));
        }
    }
}
