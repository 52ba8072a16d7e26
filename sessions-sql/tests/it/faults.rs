//! Faults of PostgreSQL: killed connections and servers, lost answers, a silent network.
//!
//! What was acknowledged holds, nothing counts twice, and the store works again once the server
//! does.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    NOW, assert_increments_survive, chain, changes, count, id, increment, migrated, patient, postgres, stored, table,
};
use pollster::block_on;
use sessions_remote::RemoteStore;
use sessions_sql::{PostgresStore, Sql};
use sessions_store::{Store, StoreErrorKind};
use sqlx::PgPool;
use test_servers::{Postgres, Proxy, RaiseOnDrop};

fn open(url: &str, table: &str) -> RemoteStore<Sql<sessions_sql::Postgres>> {
    migrated(url, table)
}

#[test]
fn increments_survive_killed_connections() {
    if !Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let url = format!("{}?application_name={table}", server.url());
    let stores = [open(&url, &table), open(&url, &table)];
    let is_over = AtomicBool::new(false);
    let kill =
        format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{table}'");
    thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut killed = 0;
            while !is_over.load(Ordering::SeqCst) || killed == 0 {
                killed += server.sql(&kill).parse::<usize>().unwrap();
            }
            killed
        });
        let over = RaiseOnDrop(&is_over);
        let failed = assert_increments_survive(&[&stores[0], &stores[1]], 100, || {});
        drop(over);
        assert!(killer.join().unwrap() > 0);
        assert_eq!(failed, 0, "each was tried until it was known to be done");
    });
}

/// Regression: each try took another connection that was lost.
#[test]
fn one_try_finds_that_all_idle_connections_are_lost() {
    if !Postgres::is_installed() {
        return;
    }
    const CONNECTIONS: usize = 12;
    let (server, table) = (postgres(), table());
    let url = format!("{}?application_name={table}", server.url());
    drop(open(&server.url(), &table));
    let store = patient::<sessions_sql::Postgres>(&table).max_connections(CONNECTIONS as u32).open(&url).unwrap();
    let of_store = format!("FROM pg_stat_activity WHERE application_name = '{table}'");
    let mut context = Context::from_waker(Waker::noop());
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut recovers_soon = |_| {
        while server.sql(&format!("SELECT count(*) {of_store}")) != CONNECTIONS.to_string() {
            assert!(Instant::now() < deadline, "not all connections are made");
            // Dropped before most are answered, so that the connections go back to the pool.
            let mut calls = [(); CONNECTIONS].map(|()| store.load(id(), NOW));
            for call in &mut calls {
                let _ = Pin::new(call).poll(&mut context);
            }
        }
        let _ = server.sql(&format!("SELECT count(pg_terminate_backend(pid)) {of_store}"));
        let begun = Instant::now();
        block_on(store.ping()).unwrap();
        begun.elapsed() < Duration::from_millis(500)
    };
    // On a busy machine, a new connection may take as long as many tries.
    assert!((0..5).any(&mut recovers_soon), "each try took another connection");
}

#[test]
fn increments_survive_a_killed_server() {
    if !Postgres::is_installed() {
        return;
    }
    let mut server = Postgres::start();
    let stores = [open(&server.url(), "sessions"), open(&server.url(), "sessions")];
    assert_increments_survive(&[&stores[0], &stores[1]], 400, || {
        for _ in 0..3 {
            server.kill();
            server.restart();
        }
    });
    server.stop();
    server.restart();
    crate::support::assert_usable(&stores[1]);
}

#[test]
fn increments_survive_lost_answers() {
    if !Postgres::is_installed() {
        return;
    }
    let (proxy, table) = (Proxy::to(postgres().port()), table());
    let stores = [open(&postgres().url_through(&proxy), &table), open(&postgres().url_through(&proxy), &table)];
    let record = stored(&stores[0]);
    // The statement is prepared, and the next answer is that to the swap.
    increment(&stores[0], &record).unwrap();
    proxy.lose_next_reply();
    increment(&stores[0], &record).unwrap();
    assert_eq!((proxy.losses(), count(&stores[0], &record)), (1, 2));
    proxy.lose_every(8);
    assert_eq!(assert_increments_survive(&[&stores[0], &stores[1]], 50, || {}), 0);
    assert!(proxy.losses() > 10);
}

#[test]
fn a_silent_connection_is_replaced() {
    if !Postgres::is_installed() {
        return;
    }
    let (proxy, table) = (Proxy::to(postgres().port()), table());
    drop(open(&postgres().url(), &table));
    let builder = patient::<sessions_sql::Postgres>(&table).max_connections(1);
    let store = builder.clone().open(&postgres().url_through(&proxy)).unwrap();
    let record = stored(&store);
    let hasty = builder.load_deadline(Duration::from_millis(100)).commit_deadline(Duration::from_millis(100));
    let hasty = hasty.open(&postgres().url_through(&proxy)).unwrap();
    while block_on(hasty.ping()).is_err() {}
    proxy.swallow();
    for _ in 0..3 {
        let kind = increment(&hasty, &record).unwrap_err().kind();
        assert!(matches!(kind, StoreErrorKind::TimedOut | StoreErrorKind::Unavailable), "{kind:?}");
    }
    proxy.heal();
    let deadline = Instant::now() + Duration::from_secs(30);
    while block_on(hasty.ping()).is_err() {
        assert!(Instant::now() < deadline, "the connection is kept out of the pool");
    }
    increment(&hasty, &record).unwrap();
}

/// Regression: what a login, a new password and an operator wait for waited a minute.
#[test]
fn a_silent_connection_holds_up_no_call() {
    if !Postgres::is_installed() {
        return;
    }
    type Call = fn(&PostgresStore) -> bool;
    let calls: [Call; 6] = [
        |store| block_on(store.count_of_principal("ann", NOW)).is_err(),
        |store| block_on(store.of_principal("ann", NOW)).is_err(),
        |store| block_on(store.destroy_of_principal("ann", None)).is_err(),
        |store| block_on(store.destroy_all()).is_err(),
        |store| block_on(store.count()).is_err(),
        |store| block_on(store.sweep(10, NOW)).is_err(),
    ];
    let (proxy, table) = (Proxy::to(postgres().port()), table());
    drop(open(&postgres().url(), &table));
    let builder = PostgresStore::builder().table(&table).load_deadline(Duration::from_secs(20));
    let builder = builder.commit_deadline(Duration::from_millis(200));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let begun = Instant::now();
    for call in calls {
        let pool = PgPool::connect_lazy(&postgres().url_through(&proxy)).unwrap();
        let store = builder.clone().open_pool(pool.clone()).unwrap();
        block_on(store.ping()).unwrap();
        // The pool has checked the connection, and will hand it out as it is.
        while pool.num_idle() == 0 {
            thread::yield_now();
        }
        proxy.swallow();
        assert!(call(&store));
        proxy.heal();
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
}

#[test]
fn a_synchronous_standby_has_what_was_acknowledged() {
    if !Postgres::is_installed() {
        return;
    }
    let mut primary =
        Postgres::start_with(&[("synchronous_standby_names", "*"), ("synchronous_commit", "remote_apply")]);
    let standby = Postgres::start_standby(&primary);
    let store = open(&primary.url(), "sessions");
    let (record, ended) = (stored(&store), stored(&store));
    increment(&store, &record).unwrap();
    assert!(block_on(store.destroy(ended.id())).unwrap());

    // A standby that is written to says so. It answers reads.
    let other = patient::<sessions_sql::Postgres>("sessions").open(&standby.url()).unwrap();
    let error = increment(&other, &record).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains("is read-only"), "{}", chain(&error));

    primary.kill();
    standby.promote();
    assert_eq!(count(&other, &record), 1);
    assert_eq!(block_on(other.load(ended.id(), NOW)).unwrap(), None, "a logout holds");
    increment(&other, &record).unwrap();
}

#[test]
fn a_frozen_server_costs_no_more_than_the_deadline() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start();
    let store = open(&server.url(), "sessions");
    let record = stored(&store);
    let hasty = patient::<sessions_sql::Postgres>("sessions").commit_deadline(Duration::from_millis(100));
    let hasty = hasty.open(&server.url()).unwrap();
    block_on(hasty.ping()).unwrap();
    server.freeze();
    assert_eq!(increment(&hasty, &record).unwrap_err().kind(), StoreErrorKind::TimedOut);
    server.thaw();
    assert!(block_on(store.commit(&record, &changes().set("after", b"1"))).unwrap().is_ok());
    assert!(count(&store, &record) <= 1, "the late one is done once or not at all");
}
