//! MariaDB: migrations, rights, faults and errors.

use std::thread;

use crate::support::{
    assert_increments_survive, assert_usable, chain, count, id, increment, mariadb, migrated, patient, patient_in_pool,
    poll_and_drop, record, stored, table,
};
use pollster::block_on;
use sessions_sql::{MySql, SqlStore};
use sessions_store::{Store, StoreErrorKind};
use sqlx::Executor;
use test_servers::{MariaDb, Proxy};

#[test]
fn many_may_create_the_table_at_once() {
    if !MariaDb::is_installed() {
        return;
    }
    let table = table();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| migrated::<MySql>(&mariadb().url(), &table))).collect();
        threads.into_iter().for_each(|thread| assert_usable_once(&thread.join().unwrap()));
    });
}

fn assert_usable_once(store: &dyn Store) {
    let record = stored(store);
    increment(store, &record).unwrap();
    assert_eq!(count(store, &record), 1);
}

#[test]
fn the_four_rights_are_enough() {
    if !MariaDb::is_installed() {
        return;
    }
    let (server, table) = (mariadb(), table());
    let owner = migrated::<MySql>(&server.url(), &table);
    let _ = server.sql(&format!(
        "CREATE USER role_{table}@'127.0.0.1' IDENTIFIED BY 'hunter2'; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON test.{table} TO role_{table}@'127.0.0.1'"
    ));
    let url = server.url().replace("root@", &format!("role_{table}:hunter2@"));
    let store = migrated::<MySql>(&url, &table);
    assert_usable(&store);

    let _ = server.sql(&format!("REVOKE DELETE ON test.{table} FROM role_{table}@'127.0.0.1'"));
    let error = block_on(store.destroy(id())).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains("needs SELECT, INSERT, UPDATE and DELETE"), "{}", chain(&error));

    let record = stored(&owner);
    let _ = server.sql(&format!("DROP TABLE {table}"));
    let error = increment(&owner, &record).unwrap_err();
    assert!(chain(&error).contains(&format!("lacks the table {table}")), "{}", chain(&error));

    let wrong = patient::<MySql>(&table).open(&url.replace("hunter2", "hunter3")).unwrap();
    let error = block_on(wrong.ping()).unwrap_err();
    assert!(chain(&error).contains("Access denied for user"), "{}", chain(&error));
    assert!(!format!("{}{error:?}", chain(&error)).contains("hunter3"));
}

#[test]
fn increments_survive_killed_servers_and_lost_answers() {
    if !MariaDb::is_installed() {
        return;
    }
    let mut server = MariaDb::start();
    let proxy = Proxy::to(server.port());
    let stores =
        [migrated::<MySql>(&server.url_through(&proxy), "sessions"), migrated::<MySql>(&server.url(), "sessions")];
    proxy.lose_every(20);
    assert_eq!(assert_increments_survive(&[&stores[0], &stores[1]], 50, || {}), 0);
    assert!(proxy.losses() > 5);
    assert_increments_survive(&[&stores[0], &stores[1]], 200, || {
        server.kill();
        server.restart();
    });
    proxy.lose_every(-1);
    assert_usable(&stores[1]);
}

#[test]
fn a_read_only_server_says_so() {
    if !MariaDb::is_installed() {
        return;
    }
    let server = MariaDb::start();
    let store = migrated::<MySql>(&server.url(), "sessions");
    let record = stored(&store);
    let _ = server.sql(
        "CREATE USER app@'127.0.0.1'; GRANT SELECT, INSERT, UPDATE, DELETE ON test.* TO app@'127.0.0.1'; \
         SET GLOBAL read_only = 1",
    );
    let url = server.url().replace("root@", "app@");
    let app = patient::<MySql>("sessions").open(&url).unwrap();
    let error = increment(&app, &record).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains("is read-only"), "{}", chain(&error));
    block_on(app.migrate()).unwrap();
}

/// Regression: a logout on all devices ended none or some, and what was acknowledged after it was
/// never committed.
#[test]
fn no_setting_of_the_server_breaks_a_promise() {
    if !MariaDb::is_installed() {
        return;
    }
    let settings = "SET autocommit = 0, completion_type = CHAIN, sql_safe_updates = 1, sql_select_limit = 2, \
                    sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL'";
    let server = MariaDb::start_with(&[("init-connect", settings)]);
    let _ = server.sql("CREATE USER app@'127.0.0.1'; GRANT ALL ON test.* TO app@'127.0.0.1'");
    let app = patient::<MySql>("sessions").max_connections(1).open(&server.url().replace("root@", "app@")).unwrap();
    block_on(app.migrate()).unwrap();
    let other = migrated::<MySql>(&server.url(), "sessions");
    let mut all = [(); 5].map(|()| stored(&app).id());
    assert_eq!(block_on(other.count()).unwrap(), 5);
    all.sort_unstable();
    let mut ended = block_on(app.destroy_of_principal("ann", None)).unwrap();
    ended.sort_unstable();
    assert_eq!((&ended[..], block_on(other.count()).unwrap()), (&all[..], 0));

    let record = stored(&app);
    increment(&other, &record).unwrap();
    assert_eq!(count(&app, &record), 1, "a read is no older than the call");
    increment(&app, &record).unwrap();
    assert_eq!(count(&other, &record), 2);
    assert_eq!(block_on(app.destroy_all()).unwrap(), 1);
    assert_usable(&app);
}

#[test]
fn a_pool_with_settings_that_break_promises_is_refused() {
    if !MariaDb::is_installed() {
        return;
    }
    let table = table();
    drop(migrated::<MySql>(&mariadb().url(), &table));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    for (settings, is_refused) in [
        ("sql_select_limit = 1", false),
        ("autocommit = 0", true),
        ("completion_type = CHAIN", true),
        ("sql_mode = 'EMPTY_STRING_IS_NULL'", true),
    ] {
        let pool = sqlx::mysql::MySqlPoolOptions::new().after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(&*format!("SET {settings}")).await.map(drop) })
        });
        let pool = pool.connect_lazy(&mariadb().url()).unwrap();
        let store = patient_in_pool::<MySql>(&table).open_pool(pool).unwrap();
        if !is_refused {
            assert_usable(&store);
            let all = [stored(&store).id(), stored(&store).id()];
            let ended = block_on(store.destroy_of_principal("ann", None)).unwrap();
            assert!(all.iter().all(|id| ended.contains(id)), "{settings}");
            continue;
        }
        for error in [block_on(store.create(&record().build().unwrap())).map(drop), block_on(store.ping())] {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(chain(&error).contains("in the pool's connections"), "{settings}: {}", chain(&error));
        }
    }
}

#[test]
fn a_log_of_statements_is_named() {
    if !MariaDb::is_installed() {
        return;
    }
    let server = MariaDb::start_with(&[("log-bin", "bin"), ("binlog-format", "STATEMENT")]);
    let store = migrated::<MySql>(&server.url(), "sessions");
    let record = stored(&store);
    let error = block_on(store.destroy_of_principal("ann", None)).unwrap_err();
    assert!(chain(&error).contains("set `binlog_format` to ROW or MIXED"), "{}", chain(&error));
    let _ = server.sql("SET GLOBAL binlog_format = 'MIXED'");
    drop(store);
    let store = patient::<MySql>("sessions").open(&server.url()).unwrap();
    assert_eq!(block_on(store.destroy_of_principal("ann", None)).unwrap(), [record.id()]);
}

#[test]
fn a_call_may_be_dropped_at_any_await() {
    if MariaDb::is_installed() {
        crate::support::assert_calls_may_be_dropped::<MySql>(&mariadb().url());
    }
}

#[test]
fn a_dropped_transaction_holds_nothing_back() {
    if !MariaDb::is_installed() {
        return;
    }
    let table = table();
    let store = patient::<MySql>(&table).max_connections(1).open(&mariadb().url()).unwrap();
    block_on(store.migrate()).unwrap();
    let other = patient::<MySql>(&table).open(&mariadb().url()).unwrap();
    let record = stored(&store);
    for polls in 1..30 {
        poll_and_drop(store.destroy_of_principal("bob", None), polls);
        increment(&store, &record).unwrap();
        assert_eq!(count(&other, &record), polls, "what is acknowledged is seen by others");
    }
}
