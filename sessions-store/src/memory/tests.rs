//! Tests of the limits, index and slices. `sessions-conformance` tests the contract.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use super::*;
use crate::record::SecretHash;

const SECRET: SecretHash = SecretHash::from_bytes([7; 32]);
const IDLE: Duration = Duration::from_secs(60);

fn id(number: usize) -> SessionId {
    SessionId::from_bytes((number as u128).to_be_bytes())
}

fn at(seconds: usize) -> Timestamp {
    Timestamp::from_millis(seconds as u64 * 1000)
}

fn record(number: usize, seen: usize, principal: Option<&str>, value: &[u8]) -> Record {
    let record = Record::builder(id(number), SECRET, at(seen)).idle(Some(IDLE));
    record.principal(principal).entry("value", value).build().unwrap()
}

fn anonymous(number: usize, seen: usize) -> Record {
    record(number, seen, None, b"")
}

fn signed_in(number: usize, seen: usize) -> Record {
    record(number, seen, Some("ada"), b"")
}

fn evicted_by(store: &MemoryStore, record: &Record) -> Vec<SessionId> {
    match store.insert(record) {
        Created::Stored { evicted } => evicted,
        other => panic!("{other:?}"),
    }
}

fn bytes(store: &MemoryStore) -> usize {
    store.room.bytes()
}

fn is_alive(store: &MemoryStore, number: usize, now: usize) -> bool {
    store.find(id(number)).is_some_and(|record| record.is_live(at(now)))
}

#[test]
fn the_least_recently_seen_session_is_evicted_first() {
    let store = MemoryStore::builder().max_sessions(3).build();
    for (number, seen) in [(1, 12), (2, 10), (3, 11)] {
        assert!(evicted_by(&store, &anonymous(number, seen)).is_empty());
    }
    store.replace(id(2), |record| record.apply(&Changes::new(at(20), SECRET))).unwrap();
    assert_eq!(evicted_by(&store, &anonymous(4, 21)), [id(3)]);
    assert_eq!(evicted_by(&store, &anonymous(5, 21)), [id(1)]);
    assert_eq!(evicted_by(&store, &anonymous(6, 22)), [id(2)]);
}

#[test]
fn expired_sessions_go_first_signed_in_ones_stay() {
    let store = MemoryStore::builder().max_sessions(3).build();
    let brief = Record::builder(id(1), SECRET, at(30)).idle(Some(Duration::from_secs(5))).principal(Some("ada"));
    store.insert(&brief.build().unwrap());
    store.insert(&signed_in(2, 1));
    store.insert(&anonymous(3, 10));
    assert_eq!(evicted_by(&store, &anonymous(4, 35)), [id(1)]);
    assert_eq!(evicted_by(&store, &anonymous(5, 36)), [id(3)]);
    assert!(is_alive(&store, 2, 36));
    assert_eq!(store.index.ids("ada"), [id(2)]);
}

#[test]
fn a_store_of_signed_in_sessions_is_full() {
    let store = MemoryStore::builder().max_sessions(2).build();
    store.insert(&signed_in(1, 0));
    store.insert(&anonymous(2, 30));
    // A login makes the last evictable session unevictable.
    store.replace(id(2), |record| record.apply(&Changes::new(at(31), SECRET).bind("bob"))).unwrap();
    assert_eq!(store.insert(&anonymous(3, 31)), Created::Full);
    assert_eq!(store.insert(&signed_in(3, 31)), Created::Full);
    assert_eq!(store.insert(&anonymous(2, 31)), Created::Exists);
    assert_eq!(evicted_by(&store, &anonymous(3, 60)), [id(1)]);
    assert!(store.remove_if(id(2), |_| true));
    assert!(evicted_by(&store, &anonymous(4, 61)).is_empty());
}

#[test]
fn a_large_session_evicts_enough_small_ones() {
    let small = bytes_of(&anonymous(1, 0));
    let store = MemoryStore::builder().max_bytes(10 * small).build();
    for number in 0..10 {
        assert!(evicted_by(&store, &anonymous(number, number)).is_empty());
    }
    let large = record(10, 10, None, &vec![0; 3 * small]);
    let evicted: HashSet<_> = evicted_by(&store, &large).into_iter().collect();
    assert_eq!(evicted, (0..4).map(id).collect());
    assert!(bytes(&store) <= 10 * small);
}

fn bytes_of(record: &Record) -> usize {
    let store = MemoryStore::default();
    store.insert(record);
    bytes(&store)
}

#[test]
fn a_session_that_cannot_fit_evicts_nobody() {
    let small = bytes_of(&anonymous(1, 0));
    let store = MemoryStore::builder().max_bytes(4 * small).build();
    store.insert(&anonymous(1, 0));
    assert_eq!(store.insert(&record(2, 0, None, &vec![0; 4 * small])), Created::Full);
    assert!(is_alive(&store, 1, 0));
    let huge = record(2, 1000, None, &vec![0; 5 * small]);
    assert_eq!(store.insert(&huge), Created::Full);
    assert_eq!(store.room.sessions(), 1);
    assert_eq!(MemoryStore::builder().max_sessions(0).build().insert(&anonymous(1, 0)), Created::Full);
}

#[test]
fn writes_are_admitted_and_the_next_session_evicts() {
    let small = bytes_of(&anonymous(1, 0));
    let store = MemoryStore::builder().max_bytes(3 * small).build();
    for number in 0..3 {
        store.insert(&anonymous(number, number));
    }
    let growth = Changes::new(at(10), SECRET).set("value", &vec![0; small]);
    store.replace(id(2), |record| record.apply(&growth)).unwrap();
    assert!(bytes(&store) > 3 * small);
    let evicted: HashSet<_> = evicted_by(&store, &anonymous(3, 11)).into_iter().collect();
    assert_eq!(evicted, HashSet::from([id(0), id(1)]));
    assert!(bytes(&store) <= 3 * small);
}

#[test]
fn a_flood_evicts_in_batches_and_reports_each_once() {
    let store = MemoryStore::builder().max_sessions(2000).build();
    let (mut evictions, mut evicted) = (0, HashSet::new());
    for number in 0..10_000 {
        let batch = evicted_by(&store, &anonymous(number, 0));
        evictions += usize::from(!batch.is_empty());
        assert!(batch.into_iter().all(|id| evicted.insert(id)));
        assert!(store.room.sessions() <= 2000);
    }
    assert!(evictions < 300, "8,000 were evicted in {evictions} batches");
    assert_eq!(evicted.len(), 10_000 - store.room.sessions());
    assert!((0..10_000).all(|number| is_alive(&store, number, 0) != evicted.contains(&id(number))));
}

#[test]
fn a_rare_evictable_session_is_found() {
    let store = MemoryStore::builder().max_sessions(20_000).build();
    for number in 0..19_999 {
        store.insert(&signed_in(number, 0));
    }
    for number in 20_000..20_100 {
        let evicted = evicted_by(&store, &anonymous(number, 0));
        let expected = if number == 20_000 { vec![] } else { vec![id(number - 1)] };
        assert_eq!(evicted, expected);
    }
}

#[test]
fn concurrent_creates_stay_within_the_limit() {
    let store = Arc::new(MemoryStore::builder().max_sessions(100).build());
    let flood = |first: usize| {
        let store = Arc::clone(&store);
        let create = move |number| evicted_by(&store, &anonymous(number, number)).len();
        thread::spawn(move || (first..first + 2000).map(create).sum::<usize>())
    };
    let threads: Vec<_> = [0, 10_000, 20_000, 30_000].map(flood).into();
    let evicted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let living = store.room.sessions();
    assert!(living <= 100, "{living}");
    assert_eq!(living + evicted, 8000);
    assert_eq!(store.slices.all().map(|slice| slice.records.len()).sum::<usize>(), living);
}

#[test]
fn removals_leave_no_count_and_no_index_entry() {
    let store = MemoryStore::default();
    let removals: [fn(&MemoryStore); 4] = [
        |store| assert!((0..9).all(|number| store.remove_if(id(number), |_| true))),
        |store| assert_eq!(store.clear(), 9),
        |store| assert_eq!(store.remove_expired(100, at(1000)).len(), 9),
        |store| {
            let ended = |principal| store.remove_of_principal(principal, None).len();
            assert_eq!(ended("ada") + ended("bob") + ended("eve"), 7);
            assert_eq!(store.clear(), 2);
        },
    ];
    for remove in removals {
        for number in 0..9 {
            let principal = [None, Some("ada"), Some("bob")][number % 3];
            store.insert(&record(number, 0, principal, &vec![0; number]));
            let changes = Changes::new(at(1), SECRET).set("value", &vec![1; 9 - number]);
            let changes = if number < 3 { changes.bind("eve") } else { changes };
            store.replace(id(number), |record| record.apply(&changes)).unwrap();
        }
        assert_eq!(store.room.sessions(), 9);
        assert_eq!(store.index.ids("eve").len(), 3);
        store.insert(&record(9, 0, None, b""));
        store.replace(id(9), |record| record.apply(&Changes::new(at(1), SECRET).set("more", b"more"))).unwrap();
        assert!(store.remove_if(id(9), |_| true));
        remove(&store);
        assert_eq!((store.room.sessions(), bytes(&store)), (0, 0));
        assert!(store.room.is_empty());
        assert!(store.index.is_empty());
        assert!(store.slices.all().all(|slice| !slice.has_anonymous()));
    }
}

#[test]
fn a_sweep_continues_where_the_last_one_ended() {
    let store = MemoryStore::default();
    for number in 0..5000 {
        store.insert(&anonymous(number, if number % 2 == 0 { 0 } else { 1000 }));
    }
    let mut swept = HashSet::new();
    for left in (0..25).rev() {
        let slice = store.remove_expired(100, at(1000));
        assert_eq!(slice.len(), 100);
        swept.extend(slice);
        assert_eq!(store.room.sessions(), 2500 + left * 100);
    }
    assert_eq!(swept, (0..2500).map(|number| id(2 * number)).collect());
    assert!(store.remove_expired(100, at(1000)).is_empty());
    assert!(store.sweep_from.load(Relaxed) > 0);
}

#[test]
fn a_page_ends_with_a_slice_and_bad_cursors_are_empty() {
    let store = MemoryStore::default();
    for number in 0..10_000 {
        store.insert(&anonymous(number, 0));
    }
    let first = store.list(None, 1, at(0));
    assert!(!first.records.is_empty() && first.records.len() < 1000);
    let next = first.next.unwrap();
    assert!(store.list(Some(&next), 1, at(0)).records.iter().all(|record| !first.records.contains(record)));
    for cursor in [&b""[..], b"x", &[0xff; 8], &[0; 9], &slices::COUNT.to_le_bytes()] {
        let page = store.list(Some(&Cursor::from_bytes(cursor)), 1, at(0));
        assert!(page.records.is_empty() && page.next.is_none());
    }
}

#[test]
fn debug_shows_only_the_count() {
    let store = MemoryStore::default();
    store.insert(&record(1, 0, Some("ada"), b"secret"));
    assert_eq!(format!("{store:?}"), "MemoryStore { sessions: 1, .. }");
}

#[test]
fn a_store_of_size_zero_admits_nothing() {
    let footprint = Footprint { id: id(1), principal: None, bytes: 1 };
    for (sessions, bytes, fits) in [(0, 10, false), (1, 0, false), (1, 1, true)] {
        let room = Room::new(sessions, bytes);
        assert_eq!((room.fits(&footprint), room.admits(&footprint)), (fits, fits));
    }
}

#[test]
fn the_store_has_a_name_and_a_cursor_keeps_its_bytes() {
    assert_eq!(MemoryStore::default().name(), "memory");
    assert_eq!(Cursor::from_bytes(*b"page 2").as_bytes(), b"page 2");
}
