//! Code that the tests share.

use std::error::Error;
use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use pollster::block_on;
use sessions_remote::RemoteStore;
use sessions_sql::{Database, Sql, SqlBuilder, SqlStore};
use sessions_store::{Changes, Created, Record, RecordBuilder, SecretHash, SessionId, Store, StoreError, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const SECRET: SecretHash = SecretHash::from_bytes([7; 32]);
pub(crate) const IDLE: Duration = Duration::from_secs(1800);

/// Returns the PostgreSQL server that tests share. It ends with the process.
#[cfg(feature = "postgres")]
pub(crate) fn postgres() -> &'static test_servers::Postgres {
    static SERVER: std::sync::OnceLock<test_servers::Postgres> = std::sync::OnceLock::new();
    SERVER.get_or_init(|| test_servers::Postgres::start_with(&[("max_connections", "900")]))
}

/// Returns the MariaDB server that tests share. It ends with the process.
#[cfg(feature = "mysql")]
pub(crate) fn mariadb() -> &'static test_servers::MariaDb {
    static SERVER: std::sync::OnceLock<test_servers::MariaDb> = std::sync::OnceLock::new();
    SERVER.get_or_init(|| test_servers::MariaDb::start_with(&[("max-connections", "900")]))
}

/// Returns the name of a table that no other test uses.
pub(crate) fn table() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("sessions_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a builder with deadlines for a machine that is busy with other tests.
pub(crate) fn patient<D: Database>(table: &str) -> SqlBuilder<D> {
    patient_in_pool(table).max_connections(4)
}

/// Returns such a builder for an existing pool.
pub(crate) fn patient_in_pool<D: Database>(table: &str) -> SqlBuilder<D> {
    let deadline = Duration::from_secs(20);
    SqlBuilder::default().table(table).load_deadline(deadline).commit_deadline(deadline)
}

/// Opens a store and creates its table.
pub(crate) fn migrated<D: Database>(url: &str, table: &str) -> RemoteStore<Sql<D>> {
    let store = patient::<D>(table).open(url).unwrap();
    block_on(store.migrate()).unwrap();
    store
}

pub(crate) fn id() -> SessionId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    SessionId::from_bytes(bytes)
}

/// Returns a builder for a record that lives for half an hour.
pub(crate) fn record<'a>() -> RecordBuilder<'a> {
    Record::builder(id(), SECRET, NOW).idle(Some(IDLE))
}

pub(crate) fn changes() -> Changes {
    Changes::new(NOW, SECRET)
}

/// Stores a record with a counter of zero.
pub(crate) fn stored(store: &dyn Store) -> Record {
    for _ in 0..10 {
        let record = record().entry("count", b"0").principal(Some("ann")).build().unwrap();
        match block_on(store.create(&record)).unwrap() {
            Created::Unanswered => {}
            created => {
                assert_eq!(created, Created::STORED);
                return record;
            }
        }
    }
    panic!("no answer to any of ten sessions");
}

pub(crate) fn increment(store: &dyn Store, base: &Record) -> Result<Record, StoreError> {
    block_on(store.commit(base, &changes().increment("count", 1))).map(|committed| committed.unwrap())
}

/// Returns the counter of a stored record.
pub(crate) fn count(store: &dyn Store, record: &Record) -> usize {
    let record = block_on(store.load(record.id(), NOW)).unwrap().unwrap();
    std::str::from_utf8(record.entry("count").unwrap().value()).unwrap().parse().unwrap()
}

/// Checks that a store does all that a store does.
pub(crate) fn assert_usable(store: &dyn Store) {
    let record = stored(store);
    increment(store, &record).unwrap();
    assert_eq!(count(store, &record), 1);
    assert!(block_on(store.count()).unwrap() >= 1);
    assert!(!block_on(store.of_principal("ann", NOW)).unwrap().is_empty());
    assert!(block_on(store.destroy_of_principal("ann", None)).unwrap().contains(&record.id()));
    let record = stored(store);
    assert!(block_on(store.destroy(record.id())).unwrap());
    let record = stored(store);
    assert!(block_on(store.sweep(1000, NOW.after(2 * IDLE))).unwrap().contains(&record.id()));
}

/// Increments one counter on four threads, alternating between stores, while `disturb` runs.
///
/// Checks that each increment that succeeded counts once, and each other one at most once. Returns
/// how many did not succeed.
pub(crate) fn assert_increments_survive(stores: &[&dyn Store], times: usize, disturb: impl FnOnce()) -> usize {
    let record = stored(stores[0]);
    let failed = thread::scope(|scope| {
        let run = |number: usize| {
            let (store, record) = (stores[number % stores.len()], &record);
            let fails =
                |_: &usize| increment(store, record).inspect_err(|error| eprintln!("{}", chain(error))).is_err();
            scope.spawn(move || (0..times).filter(fails).count())
        };
        let threads: Vec<_> = (0..4).map(run).collect();
        disturb();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    let (count, all) = (count(stores[0], &record), 4 * times);
    assert!((all - failed..=all).contains(&count), "{count} of {all} counted, {failed} failed");
    failed
}

/// Polls a future some times, whenever it asks to be polled, and drops it.
pub(crate) fn poll_and_drop<F: Future + Unpin>(mut future: F, polls: usize) {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    for _ in 0..polls {
        if std::pin::Pin::new(&mut future).poll(&mut context).is_ready() {
            return;
        }
        thread::park();
    }
}

/// Checks that a call which is dropped at any await leaves nothing half done, on a connection that
/// the next calls share.
pub(crate) fn assert_calls_may_be_dropped<D: Database>(url: &str) {
    type Call = fn(&dyn Store, &Record, usize);
    let calls: [(&str, Call); 7] = [
        ("load", |store, record, polls| poll_and_drop(store.load(record.id(), NOW), polls)),
        ("commit", |store, record, polls| poll_and_drop(store.commit(record, &changes().increment("count", 1)), polls)),
        ("create", |store, _, polls| poll_and_drop(store.create(&record().build().unwrap()), polls)),
        ("destroy", |store, _, polls| poll_and_drop(store.destroy(id()), polls)),
        ("of_principal", |store, _, polls| poll_and_drop(store.of_principal("ann", NOW), polls)),
        ("count", |store, _, polls| poll_and_drop(store.count(), polls)),
        ("sweep", |store, _, polls| poll_and_drop(store.sweep(10, NOW), polls)),
    ];
    let table = table();
    let other = migrated::<D>(url, &table);
    let record = stored(&other);
    for (name, call) in calls {
        for polls in 1..25 {
            // A connection on which nothing is prepared.
            let store = patient::<D>(&table).max_connections(1).open(url).unwrap();
            call(&store, &record, polls);
            let before = count(&store, &record);
            increment(&store, &record).unwrap();
            let counts = (count(&store, &record), count(&other, &record));
            assert_eq!(counts, (before + 1, before + 1), "after {name}, dropped after {polls} polls");
        }
    }
}

/// Returns an error and its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").unwrap();
        cause = error.source();
    }
    text
}
