//! Callers on other runtimes, or on none, and the application's own pool.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::support::{NOW, changes, count, id, migrated, patient_in_pool, postgres, stored, table};
use pollster::block_on;
use sessions_sql::{OpenErrorKind, PostgresStore, SqlStore};
use sessions_store::Store;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use test_servers::Postgres;

#[test]
fn coroutines_may_call_the_store() {
    if !Postgres::is_installed() {
        return;
    }
    may::config().set_workers(1).set_stack_size(0x8000);
    let store = Arc::new(migrated::<sessions_sql::Postgres>(&postgres().url(), &table()));
    let record = stored(&*store);
    let write = || {
        let (store, record) = (Arc::clone(&store), record.clone());
        spawn(move || {
            for _ in 0..10 {
                wait_in_coroutine(store.commit(&record, &changes().increment("count", 1))).unwrap().unwrap();
            }
        })
    };
    let writers: Vec<_> = (0..16).map(|_| write()).collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(count(&*store, &record), 160);
}

/// Regression: each stayed in the pool's queue, in front of the application's own queries.
#[test]
fn calls_that_give_up_leave_the_queue_of_the_pool() {
    if !Postgres::is_installed() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy(&postgres().url()).unwrap();
    let builder = PostgresStore::builder().table(table()).load_deadline(Duration::from_millis(20));
    let store = builder.open_pool(pool.clone()).unwrap();
    block_on(store.migrate()).unwrap();
    let _busy = runtime.block_on(pool.acquire()).unwrap();
    for _ in 0..20 {
        assert!(block_on(store.load(id(), NOW)).is_err());
    }
    let tasks = runtime.metrics().num_alive_tasks();
    assert!(tasks < 5, "{tasks} tasks wait for 20 calls that have ended");
}

#[test]
fn a_pool_of_the_application_may_be_shared() {
    if !Postgres::is_installed() {
        return;
    }
    let (url, table) = (postgres().url(), table());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let pool = runtime.block_on(async { PgPool::connect_lazy(&url).unwrap() });
    let error = PostgresStore::builder().table(&table).open_pool(pool.clone()).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Runtime);
    let builder = patient_in_pool::<sessions_sql::Postgres>(&table);
    let store = runtime.block_on(async { builder.open_pool(pool.clone()).unwrap() });
    block_on(store.migrate()).unwrap();
    crate::support::assert_usable(&store);
    let text = format!("SELECT count(*) FROM {table}");
    let rows = || runtime.block_on(sqlx::query_scalar::<_, i64>(&text).fetch_one(&pool)).unwrap();
    assert_eq!(rows(), 0);
    let record = stored(&store);
    drop(store);
    assert_eq!(rows(), 1, "the pool outlives the store");
    let options = PostgresStore::builder().max_connections(2);
    let error = runtime.block_on(async { options.open_pool(pool.clone()).unwrap_err() });
    assert_eq!(error.kind(), OpenErrorKind::Options);
    let error = runtime.block_on(async { PostgresStore::builder().pgbouncer(true).open_pool(pool).unwrap_err() });
    assert_eq!(error.kind(), OpenErrorKind::Options);
    drop(record);
}

#[test]
fn calls_that_are_dropped_keep_no_connection() {
    if !Postgres::is_installed() {
        return;
    }
    let builder = crate::support::patient::<sessions_sql::Postgres>(&table()).max_connections(1);
    let store = builder.open(&postgres().url()).unwrap();
    block_on(store.migrate()).unwrap();
    let record = stored(&store);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        let mut call = store.load(record.id(), NOW);
        let _ = Pin::new(&mut call).poll(&mut context);
    }
    assert_eq!(count(&store, &record), 0);
}

fn wait_in_coroutine<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(Arc<may::sync::Blocker>);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    loop {
        let blocker = may::sync::Blocker::current();
        let waker = Waker::from(Arc::new(Unpark(Arc::clone(&blocker))));
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => blocker.park(Some(Duration::from_secs(60))).expect("the call wakes its caller"),
        }
    }
}

#[expect(unsafe_code, reason = "may offers no other way to start a coroutine")]
fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> may::coroutine::JoinHandle<T> {
    // SAFETY: the stack is large enough, as set above, and the work keeps no thread-local across a
    // wait.
    unsafe { may::coroutine::spawn(work) }
}

/// Regression: a timer of a runtime that has ended panics.
#[test]
fn a_call_after_the_runtime_of_its_pool_fails() {
    if !Postgres::is_installed() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy(&postgres().url()).unwrap();
        PostgresStore::builder().table(table()).open_pool(pool).unwrap()
    });
    block_on(store.migrate()).unwrap();
    drop(runtime);
    for _ in 0..3 {
        assert!(block_on(store.load(id(), NOW)).is_err());
        assert!(block_on(store.destroy(id())).is_err());
    }
}

#[test]
fn a_call_may_be_dropped_at_any_await() {
    if Postgres::is_installed() {
        crate::support::assert_calls_may_be_dropped::<sessions_sql::Postgres>(&postgres().url());
    }
}

#[test]
fn calls_that_wait_end_with_the_pool() {
    if !Postgres::is_installed() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = runtime.block_on(async { pool.connect(&postgres().url()).await.unwrap() });
    let store = runtime.block_on(async {
        let builder = PostgresStore::builder().table(table()).load_deadline(Duration::from_secs(60));
        builder.commit_deadline(Duration::from_secs(60)).open_pool(pool.clone()).unwrap()
    });
    let busy = runtime.block_on(pool.acquire()).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut calls = [(); 3].map(|()| store.load(id(), NOW));
    for call in &mut calls {
        assert!(Pin::new(call).poll(&mut context).is_pending());
    }
    let closing = runtime.spawn(async move { pool.close().await });
    for call in calls {
        let error = crate::support::chain(&block_on(call).unwrap_err());
        assert!(error.contains("has closed the pool"), "{error}");
    }
    runtime.block_on(async { drop(busy) });
    runtime.block_on(closing).unwrap();
}
