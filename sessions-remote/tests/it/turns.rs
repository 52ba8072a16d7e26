//! Commits of one session take turns, however their callers end.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_remote::{Options, RemoteStore};
use sessions_store::{Changes, Record, SecretHash, SessionId, Store, StoreErrorKind, StoreFuture, Timestamp};

use crate::map_engine::MapEngine;

const SECRET: SecretHash = SecretHash::from_bytes([2; 32]);
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn stored() -> (RemoteStore<MapEngine>, Record) {
    let store = RemoteStore::new(MapEngine::default(), Options::default()).unwrap();
    let record = Record::builder(SessionId::from_bytes([1; 16]), SECRET, NOW).build().unwrap();
    block_on(store.create(&record)).unwrap();
    let base = block_on(store.load(record.id(), NOW)).unwrap().unwrap();
    (store, base)
}

fn add(key: &str) -> Changes {
    Changes::new(NOW, SECRET).increment(key, 1)
}

fn value(record: &Record, key: &str) -> i64 {
    record.entry(key).map_or(0, |entry| std::str::from_utf8(entry.value()).unwrap().parse().unwrap())
}

/// Polls a future some times, and drops it if it is not ready by then. Returns whether it was.
fn abandon<T>(future: StoreFuture<T>, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).any(|_| future.as_mut().poll(&mut context).is_ready())
}

/// Regression: the others waited for as long as the leader was held.
#[test]
fn a_leader_that_nobody_polls_holds_others_up_for_a_while_only() {
    let options = Options::default().commit_deadline(Duration::from_millis(20));
    let store = RemoteStore::new(MapEngine::default(), options).unwrap();
    let record = Record::builder(SessionId::from_bytes([1; 16]), SECRET, NOW).build().unwrap();
    block_on(store.create(&record)).unwrap();
    let base = block_on(store.load(record.id(), NOW)).unwrap().unwrap();
    let mut leader = Box::pin(store.commit(&base, &add("leader")));
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let other = block_on(store.commit(&base, &add("other")));
    assert_eq!(other.unwrap_err().kind(), StoreErrorKind::TimedOut);
    drop(leader);
    let last = block_on(store.commit(&base, &add("last"))).unwrap().unwrap();
    assert_eq!((value(&last, "other"), value(&last, "last")), (0, 1));
}

#[test]
fn a_dropped_leader_passes_its_turn_on() {
    for polls in 0..8 {
        let (store, base) = stored();
        let leader = store.commit(&base, &add("leader"));
        let mut leader = Box::pin(leader);
        let mut context = Context::from_waker(Waker::noop());
        let is_done = (0..polls).any(|_| leader.as_mut().poll(&mut context).is_ready());
        let others = (0..3).map(|_| Box::pin(store.commit(&base, &add("others"))));
        let waiting: Vec<_> =
            others.filter_map(|mut other| other.as_mut().poll(&mut context).is_pending().then_some(other)).collect();
        drop(leader);
        for other in waiting {
            block_on(other).unwrap().unwrap();
        }
        let last = block_on(store.commit(&base, &add("last"))).unwrap().unwrap();
        assert_eq!(value(&last, "others"), 3, "after {polls} polls");
        assert!(value(&last, "leader") >= i64::from(is_done) && value(&last, "leader") <= 1, "after {polls} polls");
    }
}

#[test]
fn a_waiting_commit_that_is_dropped_is_not_done() {
    let (store, base) = stored();
    let mut leader = Box::pin(store.commit(&base, &add("leader")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(leader.as_mut().poll(&mut context).is_pending(), "the engine waits once");
    assert!(!abandon(store.commit(&base, &add("dropped")), 1));
    let kept = store.commit(&base, &add("kept"));
    block_on(leader).unwrap().unwrap();
    let last = block_on(kept).unwrap().unwrap();
    assert_eq!((value(&last, "leader"), value(&last, "dropped"), value(&last, "kept")), (1, 0, 1));
}

#[test]
fn racing_callers_that_give_up_wedge_nothing() {
    let (store, base) = stored();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, base) = (&store, &base);
            scope.spawn(move || {
                for round in 0..200 {
                    abandon(store.commit(base, &add("dropped")), (thread + round) % 4);
                    block_on(store.commit(base, &add("kept"))).unwrap().unwrap();
                }
            });
        }
    });
    let last = block_on(store.commit(&base, &add("last"))).unwrap().unwrap();
    assert_eq!(value(&last, "kept"), 800);
    assert!(value(&last, "dropped") <= 800);
}

#[test]
fn coroutines_commit_on_one_worker() {
    let (store, base) = stored();
    may::config().set_workers(1);
    let commits: Vec<_> = (0..20)
        .map(|_| {
            let (store, base) = (store.clone(), base.clone());
            may::go!(move || may_block_on(store.commit(&base, &add("count"))).unwrap().unwrap())
        })
        .collect();
    commits.into_iter().for_each(|commit| drop(commit.join().unwrap()));
    let last = block_on(store.commit(&base, &add("count"))).unwrap().unwrap();
    assert_eq!(value(&last, "count"), 21);
}

/// Waits in a coroutine, which lets others of its worker run.
fn may_block_on<T>(future: StoreFuture<T>) -> Result<T, sessions_store::StoreError> {
    struct Unpark(may::coroutine::Coroutine);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(std::sync::Arc::new(Unpark(may::coroutine::current())));
    let mut context = Context::from_waker(&waker);
    let begun = Instant::now();
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => may::coroutine::park_timeout(Duration::from_secs(60)),
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the call does not wake its caller");
    }
}

#[test]
fn a_call_outlives_the_last_handle() {
    let (store, base) = stored();
    let commit = store.commit(&base, &add("count"));
    drop(store);
    assert_eq!(value(&block_on(commit).unwrap().unwrap(), "count"), 1);
}

#[test]
fn a_store_may_be_dropped_on_another_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, base) = tokio::task::spawn_blocking(stored).await.unwrap();
        store.engine().unreached.store(usize::MAX, std::sync::atomic::Ordering::SeqCst);
        let failed = store.commit(&base, &add("count")).await.unwrap_err();
        assert_eq!(failed.kind(), StoreErrorKind::Unavailable);
        drop(store);
    });
}
