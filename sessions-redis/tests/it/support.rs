//! Code that the tests share.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sessions_redis::{RedisBuilder, RedisStore};
use sessions_store::{
    Changes, Created, Record, RecordBuilder, Refusal, SecretHash, SessionId, Store, StoreFuture, Timestamp,
};
use test_servers::{Cluster, Options, Server};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const SECRET: SecretHash = SecretHash::from_bytes([7; 32]);
pub(crate) const IDLE: Duration = Duration::from_secs(1800);

/// Returns the server that tests share. It ends with the process.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

/// Returns the Valkey server that tests share. It ends with the process.
pub(crate) fn valkey() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Options::new().valkey().start())
}

/// Returns the cluster that tests share. It ends with the process.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// Returns a prefix that no other test uses.
pub(crate) fn prefix() -> String {
    format!("test-{:08x}:", getrandom::u32().unwrap())
}

/// Returns a builder with deadlines for a machine that is busy with other tests.
pub(crate) fn patient() -> RedisBuilder {
    let deadline = Duration::from_secs(20);
    RedisStore::builder().prefix(prefix()).load_deadline(deadline).commit_deadline(deadline)
}

pub(crate) fn id() -> SessionId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    SessionId::from_bytes(bytes)
}

/// Returns a builder for a record that lives for half an hour.
pub(crate) fn record<'a>(id: SessionId) -> RecordBuilder<'a> {
    Record::builder(id, SECRET, NOW).idle(Some(IDLE))
}

/// Creates a session on a server that writes to a disk before it answers.
///
/// While the disk is busy, the answer may be too late. Then the store takes the session back, and
/// another one is created.
pub(crate) fn create_on_disk(store: &RedisStore, key: &str, value: &str) -> SessionId {
    for _ in 0..10 {
        let id = id();
        let new = record(id).entry(key, value.as_bytes()).build().unwrap();
        let created = pollster::block_on(store.create(&new)).unwrap();
        if created == Created::STORED {
            return id;
        }
        assert_eq!(created, Created::Unanswered);
    }
    panic!("no answer to any of ten sessions");
}

pub(crate) fn changes() -> Changes {
    Changes::new(NOW, SECRET)
}

/// Commits to a session from an old base.
pub(crate) fn commit(store: &RedisStore, id: SessionId, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
    store.commit(&record(id).build().unwrap(), changes)
}

/// Returns the text of a record's entry.
pub(crate) fn text(record: &Record, key: &str) -> Option<String> {
    record.entry(key).map(|entry| String::from_utf8_lossy(entry.value()).into_owned())
}

/// Returns the names of the commands that a server received.
pub(crate) fn names(commands: &[Vec<String>]) -> Vec<&str> {
    commands.iter().filter_map(|words| words.first()).map(String::as_str).collect()
}

/// Waits until a condition holds, and panics after a minute.
pub(crate) fn until(mut is_done: impl FnMut() -> bool, otherwise: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < end, "{otherwise}");
        std::thread::yield_now();
    }
}

/// Lists all sessions, page by page.
pub(crate) fn list(store: &RedisStore) -> BTreeSet<SessionId> {
    let mut listed = BTreeSet::new();
    let mut cursor = None;
    let begun = Instant::now();
    loop {
        let page = pollster::block_on(store.scan(cursor, 10, NOW)).unwrap();
        listed.extend(page.records.iter().map(Record::id));
        cursor = page.next;
        if cursor.is_none() {
            return listed;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the listing has no end");
    }
}
