//! Calls whose answers are lost, and databases that cannot be reached.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_remote::{Engine, Options, RemoteStore};
use sessions_store::{Changes, Created, Record, Refusal, SecretHash, SessionId, Store, StoreErrorKind, Timestamp};

use crate::map_engine::{Map, MapEngine};

const SECRET: SecretHash = SecretHash::from_bytes([2; 32]);
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn open(map: &Map) -> RemoteStore<MapEngine> {
    RemoteStore::new(MapEngine::over(map), Options::default()).unwrap()
}

fn record(number: u8) -> Record {
    Record::builder(SessionId::from_bytes([number; 16]), SECRET, NOW).entry("n", b"0").build().unwrap()
}

fn increment() -> Changes {
    Changes::new(NOW, SECRET).increment("n", 1)
}

fn n(store: &RemoteStore<MapEngine>, record: &Record) -> String {
    let found = block_on(store.load(record.id(), NOW)).unwrap().unwrap();
    String::from_utf8(found.entry("n").unwrap().value().to_vec()).unwrap()
}

fn calls(store: &RemoteStore<MapEngine>) -> usize {
    store.engine().calls.swap(0, Ordering::SeqCst)
}

#[test]
fn an_increment_is_done_once_however_often_its_answer_is_lost() {
    let store = open(&Map::default());
    let mut base = record(1);
    assert_eq!(block_on(store.create(&base)).unwrap(), Created::STORED);
    for round in 1..=5 {
        store.engine().lost.store(round, Ordering::SeqCst);
        base = block_on(store.commit(&base, &increment())).unwrap().unwrap();
        assert_eq!(n(&store, &base), round.to_string());
    }
}

#[test]
fn a_lost_swap_is_found_behind_those_of_others() {
    let map = Map::default();
    let [store, other] = [open(&map), open(&map)];
    let base = record(1);
    block_on(store.create(&base)).unwrap();
    std::thread::scope(|scope| {
        let lossy = scope.spawn(|| {
            for _ in 0..200 {
                store.engine().lost.store(1, Ordering::SeqCst);
                block_on(store.commit(&base, &increment())).unwrap().unwrap();
            }
        });
        for _ in 0..200 {
            block_on(other.commit(&base, &increment())).unwrap().unwrap();
        }
        lossy.join().unwrap();
    });
    assert_eq!(n(&store, &base), "400");
}

#[test]
fn a_swap_that_cannot_be_judged_is_not_repeated() {
    let map = Map::default();
    let writers: Vec<_> = (0..5).map(|_| open(&map)).collect();
    block_on(writers[0].create(&record(1))).unwrap();
    let base = block_on(writers[0].load(record(1).id(), NOW)).unwrap().unwrap();
    // The store loses an answer, and cannot ask again before four others have written.
    let engine = writers[0].engine();
    engine.lost.store(1, Ordering::SeqCst);
    let kind = std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let commit = block_on(writers[0].commit(&base, &increment()));
            commit.map(drop).map_err(|error| error.kind())
        });
        while engine.lost.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        for other in &writers[1..] {
            block_on(other.commit(&base, &increment())).unwrap().unwrap();
        }
        slow.join().unwrap()
    });
    // Its pause may have ended before the others came; then the swap is known to be done.
    assert!(kind == Err(StoreErrorKind::TimedOut) || kind == Ok(()), "{kind:?}");
    assert_eq!(n(&writers[0], &base), "5", "it is not done twice");
}

#[test]
fn a_lost_swap_of_a_session_that_has_ended_is_unknown() {
    let map = Map::default();
    let [store, other] = [open(&map), open(&map)];
    block_on(store.create(&record(1))).unwrap();
    let base = block_on(store.load(record(1).id(), NOW)).unwrap().unwrap();
    let engine = store.engine();
    engine.lost.store(1, Ordering::SeqCst);
    let kind = std::thread::scope(|scope| {
        let slow = scope.spawn(|| block_on(store.commit(&base, &increment())).map(drop).map_err(|error| error.kind()));
        while engine.lost.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        assert!(block_on(other.destroy(base.id())).unwrap());
        slow.join().unwrap()
    });
    // Its pause may have ended before the other came; then the swap is known to be done.
    assert!(kind == Err(StoreErrorKind::TimedOut) || kind == Ok(()), "{kind:?}");
}

#[test]
fn a_late_swap_changes_nothing() {
    let store = open(&Map::default());
    let base = record(1);
    block_on(store.create(&base)).unwrap();
    let first = block_on(store.commit(&base, &increment())).unwrap().unwrap();
    assert!(block_on(store.destroy(base.id())).unwrap());
    assert_eq!(block_on(store.commit(&first, &increment())).unwrap().unwrap_err(), Refusal::Gone);
    assert!(store.engine().map.lock().unwrap().is_empty());
}

#[test]
fn a_create_without_an_answer_is_removed() {
    let store = open(&Map::default());
    store.engine().lost.store(1, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::Unanswered);
    let begun = Instant::now();
    while !store.engine().map.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5), "what was created is removed");
        std::thread::yield_now();
    }
}

#[test]
fn a_create_that_a_retry_has_done_is_not_trusted() {
    let map = Map::default();
    let store = open(&map);
    // The first try may still arrive, after a logout.
    store.engine().dropped.store(1, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::Unanswered);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !map.lock().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "what the retry has stored stays");
    }
}

/// Regression: another id had a deadline of its own, four in all.
#[test]
fn a_create_that_is_not_answered_in_time_fails() {
    let options = Options::default().commit_deadline(Duration::from_millis(40));
    let store = RemoteStore::new(MapEngine::default(), options).unwrap();
    store.engine().silent.store(1, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(1))).unwrap_err().kind(), StoreErrorKind::TimedOut);
    let engine = MapEngine { is_sharded: true, ..MapEngine::default() };
    let store = RemoteStore::new(engine, options).unwrap();
    store.engine().silent.store(1, Ordering::SeqCst);
    let answer = block_on(store.create(&record(1))).unwrap();
    assert_eq!(answer, Created::Unanswered, "where another id may be on another server, it has its share");
}

/// Regression: it stayed, and counted for its principal.
#[test]
fn a_create_without_an_answer_on_a_full_server_is_removed() {
    let store = open(&Map::default());
    store.engine().lost.store(1, Ordering::SeqCst);
    store.engine().full_inserts.store(1, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::Full);
    let begun = Instant::now();
    while !store.engine().map.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5), "what was created is removed");
        std::thread::yield_now();
    }
}

/// Regression: after one deadline it stayed, and counted for its principal.
#[test]
fn a_lost_create_is_removed_after_a_short_outage() {
    let options = Options::default().commit_deadline(Duration::from_millis(400));
    let store = RemoteStore::new(MapEngine::default(), options).unwrap();
    store.engine().lost.store(1, Ordering::SeqCst);
    // More tries than one deadline has time for.
    store.engine().unreached_deletes.store(13, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::Unanswered);
    let begun = Instant::now();
    while !store.engine().map.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5), "what was created is removed");
        std::thread::yield_now();
    }
}

#[test]
fn a_swap_that_the_client_repeats_is_done_once() {
    let store = open(&Map::default());
    let base = record(1);
    block_on(store.create(&base)).unwrap();
    store.engine().repeated.store(1, Ordering::SeqCst);
    let base = block_on(store.load(base.id(), NOW)).unwrap().unwrap();
    block_on(store.commit(&base, &increment())).unwrap().unwrap();
    assert_eq!(n(&store, &base), "1");
}

#[test]
fn a_commit_costs_one_call_and_the_next_on_its_answer_too() {
    let store = open(&Map::default());
    block_on(store.create(&record(1))).unwrap();
    let base = block_on(store.load(record(1).id(), NOW)).unwrap().unwrap();
    calls(&store);
    let next = block_on(store.commit(&base, &increment())).unwrap().unwrap();
    assert_eq!(calls(&store), 1);
    block_on(store.commit(&next, &increment())).unwrap().unwrap();
    assert_eq!(calls(&store), 1);
    // A base that is not current costs a second call: the first returns the current record.
    block_on(store.commit(&base, &increment())).unwrap().unwrap();
    assert_eq!(calls(&store), 2);
}

#[test]
fn commits_of_one_session_share_calls() {
    let store = open(&Map::default());
    block_on(store.create(&record(1))).unwrap();
    let base = block_on(store.load(record(1).id(), NOW)).unwrap().unwrap();
    calls(&store);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let commits: Vec<_> = (0..50).map(|_| store.commit(&base, &increment())).collect();
                let all = commits.into_iter().map(|commit| async { drop(commit.await.unwrap().unwrap()) });
                block_on(join(all));
            });
        }
    });
    assert_eq!(n(&store, &base), "400");
    assert!(calls(&store) < 200, "400 commits share swaps");
}

/// Awaits all futures at once.
async fn join(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[test]
fn calls_of_a_database_that_is_down_fail_soon() {
    let store = open(&Map::default());
    block_on(store.create(&record(1))).unwrap();
    store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    let load = || block_on(store.load(record(1).id(), NOW)).map(drop).map_err(|error| error.kind());
    let begun = Instant::now();
    assert_eq!(load(), Err(StoreErrorKind::Unavailable));
    assert!(begun.elapsed() > Duration::from_millis(300), "the first call waits for the database to return");
    // On a busy machine, most may be late.
    let fails_soon = |_| {
        let begun = Instant::now();
        assert_eq!(load(), Err(StoreErrorKind::Unavailable));
        begun.elapsed() < Duration::from_millis(300)
    };
    assert!((0..20).any(fails_soon), "the next ones know that it is down");
    store.engine().unreached.store(0, Ordering::SeqCst);
    assert_eq!(load(), Ok(()));
    store.engine().unreached.store(3, Ordering::SeqCst);
    assert_eq!(load(), Ok(()), "after an answer, calls wait again");
}

/// Regression: calls had 50 ms until one was answered, so none ever was.
#[test]
fn a_slow_database_is_reached_again_after_an_outage() {
    let engine = MapEngine { latency: Duration::from_millis(75), ..MapEngine::default() };
    let store = RemoteStore::new(engine, Options::default().load_deadline(Duration::from_secs(1))).unwrap();
    let load = || block_on(store.load(record(1).id(), NOW)).map(drop).map_err(|error| error.kind());
    assert_eq!(load(), Ok(()));
    store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    assert!(load().is_err());
    store.engine().unreached.store(0, Ordering::SeqCst);
    let begun = Instant::now();
    while load().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the database is never reached again");
    }
    for _ in 0..5 {
        assert_eq!(load(), Ok(()), "calls have a whole deadline again");
    }
}

/// Regression: calls of every server had 50 ms once one server was down.
#[test]
fn one_dead_server_of_several_is_no_outage() {
    let engine = MapEngine { is_sharded: true, lonely: Some(record(1).id()), ..MapEngine::default() };
    let options = Options::default().load_deadline(Duration::from_millis(200));
    let store = RemoteStore::new(engine, options).unwrap();
    let load = |number| {
        let begun = Instant::now();
        (block_on(store.load(record(number).id(), NOW)).is_ok(), begun.elapsed())
    };
    std::thread::scope(|scope| {
        let dead = scope.spawn(|| load(1));
        while !dead.is_finished() {
            assert!(load(2).0);
        }
        assert!(!dead.join().unwrap().0);
    });
    let (is_ok, took) = load(1);
    assert!(!is_ok && took > Duration::from_millis(90), "a call ended after {took:?}");
}

#[test]
fn a_deadline_that_no_clock_can_show_has_shares() {
    let engine = MapEngine { is_sharded: true, ..MapEngine::default() };
    let store = RemoteStore::new(engine, Options::default().commit_deadline(Duration::MAX)).unwrap();
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::STORED);
}

#[test]
fn a_new_session_on_a_dead_server_tries_another_id() {
    let engine = MapEngine { is_sharded: true, ..MapEngine::default() };
    let options = Options::default().commit_deadline(Duration::from_secs(2));
    let store = RemoteStore::new(engine, options).unwrap();
    store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    let begun = Instant::now();
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::Unanswered);
    assert!(begun.elapsed() < Duration::from_millis(1800), "its share of two seconds took {:?}", begun.elapsed());
    // Where all values lie on one server, another id is in vain.
    let store = open(&Map::default());
    store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(block_on(store.create(&record(1))).unwrap_err().kind(), StoreErrorKind::Unavailable);
}

/// Regression: a login counts its principal's sessions, and waited a minute for a silent
/// connection.
#[test]
fn a_silent_connection_delays_what_a_visitor_waits_for_only_briefly() {
    let options = Options::default().commit_deadline(Duration::from_millis(40));
    let store = RemoteStore::new(MapEngine::default(), options).unwrap();
    block_on(store.create(&record(1))).unwrap();
    let silent = || store.engine().silent.store(1, Ordering::SeqCst);
    let begun = Instant::now();
    silent();
    let count = block_on(store.count_of_principal("ann", NOW));
    assert_eq!(count.unwrap_err().kind(), StoreErrorKind::TimedOut);
    silent();
    assert_eq!(block_on(store.of_principal("ann", NOW)).unwrap(), [], "the next connection answers");
    silent();
    assert_eq!(block_on(store.scan(None, 10, NOW)).unwrap().records.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
}

/// Regression: signing out everywhere else waited a minute for a server that was down.
#[test]
fn a_server_that_is_down_fails_long_calls_too() {
    let options = Options::default().commit_deadline(Duration::from_millis(40));
    type Call = fn(&RemoteStore<MapEngine>) -> Option<StoreErrorKind>;
    let calls: [Call; 3] = [
        |store| block_on(store.destroy_of_principal("ann", None)).err().map(|error| error.kind()),
        |store| block_on(store.of_principal("ann", NOW)).err().map(|error| error.kind()),
        |store| block_on(store.destroy_all()).err().map(|error| error.kind()),
    ];
    let begun = Instant::now();
    for call in calls {
        let store = RemoteStore::new(MapEngine::default(), options).unwrap();
        store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
        assert_eq!(call(&store), Some(StoreErrorKind::Unavailable));
        store.engine().unreached.store(0, Ordering::SeqCst);
        assert_eq!(call(&store), None);
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
}

#[test]
fn a_call_is_not_sent_after_its_deadline() {
    let store = RemoteStore::new(MapEngine::default(), Options::default().commit_deadline(Duration::ZERO)).unwrap();
    let error = block_on(store.destroy(record(1).id())).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "it is known that it was not done");
    assert_eq!(store.engine().calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_call_of_the_engines_own_has_its_whole_deadline() {
    let options = Options::default().load_deadline(Duration::from_millis(20));
    let store = RemoteStore::new(MapEngine::default(), options).unwrap();
    store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    assert!(block_on(store.ping()).is_err());
    // Their pauses are longer than calls wait now.
    store.engine().unreached.store(10, Ordering::SeqCst);
    let get = |store: RemoteStore<MapEngine>| async move { store.engine().get(SessionId::from_bytes([1; 16])).await };
    assert_eq!(block_on(store.call(Duration::from_secs(20), get)).unwrap(), None);
    store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    let error = block_on(store.call(Duration::from_millis(20), get)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[test]
fn more_calls_than_allowed_are_refused() {
    let options = Options::default().max_in_flight(1);
    let store = RemoteStore::new(MapEngine::default(), options).unwrap();
    let first = store.create(&record(1));
    let second = block_on(store.create(&record(2))).unwrap_err();
    assert_eq!(second.kind(), StoreErrorKind::Busy);
    assert_eq!(block_on(first).unwrap(), Created::STORED);
    assert_eq!(block_on(store.create(&record(2))).unwrap(), Created::STORED);
}

/// The first try may have done it, though the last one reached nobody.
#[test]
fn an_end_without_an_answer_is_in_doubt_in_an_outage() {
    let options = || Options::default().commit_deadline(Duration::from_millis(100));
    let open = || RemoteStore::new(MapEngine::default(), options()).unwrap();
    let cut = |store: &RemoteStore<MapEngine>, dropped| {
        store.engine().dropped.store(dropped, Ordering::SeqCst);
        store.engine().unreached.store(usize::MAX, Ordering::SeqCst);
    };
    for (dropped, kind) in [(1, StoreErrorKind::TimedOut), (0, StoreErrorKind::Unavailable)] {
        let one = open();
        cut(&one, dropped);
        assert_eq!(block_on(one.destroy(record(1).id())).unwrap_err().kind(), kind);
        let all = open();
        cut(&all, dropped);
        assert_eq!(block_on(all.destroy_all()).unwrap_err().kind(), kind);
        let theirs = open();
        cut(&theirs, dropped);
        assert_eq!(block_on(theirs.destroy_of_principal("ann", None)).unwrap_err().kind(), kind);
    }
}
