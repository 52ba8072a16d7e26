//! An engine that keeps principals apart from the values is told of every change.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_remote::{Failure, Options, RemoteStore, Swap, Values};
use sessions_store::{Changes, Created, Lifetime, Record, SecretHash, SessionId, Store, Timestamp};

use crate::map_engine::MapEngine;

const SECRET: SecretHash = SecretHash::from_bytes([2; 32]);
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn open() -> RemoteStore<MapEngine> {
    RemoteStore::new(MapEngine::default(), Options::default()).unwrap()
}

fn record(principal: Option<&str>) -> Record {
    Record::builder(SessionId::from_bytes([1; 16]), SECRET, NOW).principal(principal).build().unwrap()
}

/// Waits until the engine was asked for all of this, and for nothing else.
fn expect(store: &RemoteStore<MapEngine>, calls: &[&str]) {
    let begun = Instant::now();
    while store.engine().log.lock().unwrap().len() < calls.len() && begun.elapsed() < Duration::from_secs(5) {
        std::thread::yield_now();
    }
    assert_eq!(std::mem::take(&mut *store.engine().log.lock().unwrap()), calls);
}

#[test]
fn a_session_is_listed_before_it_is_written_and_unlisted_afterwards() {
    let store = open();
    let base = record(None);
    block_on(store.create(&base)).unwrap();
    expect(&store, &["insert"]);
    let touch = || Changes::new(NOW, SECRET);
    let anonymous = block_on(store.commit(&base, &touch().set("k", b"1"))).unwrap().unwrap();
    expect(&store, &["swap"]);
    let ann = block_on(store.commit(&anonymous, &touch().bind("ann"))).unwrap().unwrap();
    expect(&store, &["list Some(\"ann\")", "swap"]);
    let still = block_on(store.commit(&ann, &touch().bind("ann"))).unwrap().unwrap();
    expect(&store, &["swap"]);
    let until = |hours: u64| Lifetime::ENDLESS.with_absolute_deadline(NOW.after(Duration::from_secs(hours * 3600)));
    let brief = block_on(store.commit(&still, &touch().lifetime(until(1)))).unwrap().unwrap();
    expect(&store, &["swap"]);
    let longer = block_on(store.commit(&brief, &touch().lifetime(until(2)))).unwrap().unwrap();
    expect(&store, &["list Some(\"ann\")", "swap"]);
    let same = block_on(store.commit(&longer, &touch().lifetime(until(2)).set("k", b"2"))).unwrap().unwrap();
    expect(&store, &["swap"]);
    let bob = block_on(store.commit(&same, &touch().bind("bob"))).unwrap().unwrap();
    expect(&store, &["list Some(\"bob\")", "swap", "unlist ann"]);
    assert!(block_on(store.destroy(bob.id())).unwrap());
    expect(&store, &["unlist bob"]);
    assert!(!block_on(store.destroy(bob.id())).unwrap());
    expect(&store, &[]);
}

#[test]
fn a_new_session_of_a_principal_is_listed_first() {
    let store = open();
    block_on(store.create(&record(Some("ann")))).unwrap();
    expect(&store, &["list Some(\"ann\")", "insert"]);
    assert!(block_on(store.ping()).is_ok());
}

#[test]
fn debug_shows_no_values() {
    let value = b"secret value".to_vec();
    let shown = format!("{:?} {:?}", Swap::Changed(value.clone()), Values::new(vec![value], Some(vec![1])));
    assert_eq!(shown, "Changed(..) Values { values: 1, .. }");
    assert_eq!(format!("{:?} {:?}", Swap::Done, Swap::Missing), "Done Missing");
}

#[test]
fn a_failure_says_what_became_of_the_call_and_why() {
    let failures = [
        (Failure::unreached("no route"), "the database cannot be reached"),
        (Failure::refused("no table"), "the database refused the call"),
        (Failure::full("no room"), "the database is full"),
        (Failure::lost("reset"), "the database did not answer"),
        (Failure::unreadable("a list"), "the stored value is not a session"),
    ];
    for (failure, text) in failures {
        assert_eq!(failure.to_string(), text);
        assert!(std::error::Error::source(&failure).is_some());
    }
}

#[test]
fn a_session_that_a_full_database_cannot_list_is_full() {
    let store = open();
    store.engine().full.store(1, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(Some("ann")))).unwrap(), Created::Full);
    assert!(store.engine().map.lock().unwrap().is_empty());
    assert_eq!(block_on(store.create(&record(Some("ann")))).unwrap(), Created::STORED);
}
