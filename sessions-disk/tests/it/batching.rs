//! Operations that share transactions, and what they see of each other.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use pollster::block_on;
use sessions_disk::testing;
use sessions_store::{Changes, Created, Refusal, SecretHash, Store, StoreError, StoreErrorKind, StoreFuture};

use crate::support::{Disk, Options, RamStore, SECRET, at, id, increment, n, poll, record};

/// Opens a store whose writer is held in a first operation.
fn held_up(disk: &Arc<Disk>) -> (RamStore, StoreFuture<Created>) {
    let store = disk.open();
    disk.shut();
    let first = store.create(&record(0));
    disk.wait_for_writer();
    (store, first)
}

fn answer_now<T>(mut future: StoreFuture<T>) -> Result<T, StoreError> {
    match poll(&mut future) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the answer is not there yet"),
    }
}

#[test]
fn waiting_operations_share_one_write() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    let before = disk.written();
    let waiting: Vec<_> = (1..=300).map(|number| store.create(&record(number))).collect();
    disk.release();
    assert_eq!(block_on(first).unwrap(), Created::STORED);
    for future in waiting {
        assert_eq!(block_on(future).unwrap(), Created::STORED);
    }
    assert_eq!(disk.written() - before, 2);
}

#[test]
fn a_write_has_at_most_512_operations() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    let before = disk.written();
    let waiting: Vec<_> = (1..=1025).map(|number| store.create(&record(number))).collect();
    disk.release();
    block_on(first).unwrap();
    for future in waiting {
        block_on(future).unwrap();
    }
    assert_eq!(disk.written() - before, 4);
}

#[test]
fn operations_of_one_write_run_in_order_and_fail_alone() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    let before = disk.written();
    let stranger = SecretHash::from_bytes([7; 32]);
    let increments: Vec<_> = (0..100).map(|_| store.commit(&record(0), &increment(1))).collect();
    let again = store.create(&record(0));
    let stale = store.commit(&record(0), &Changes::new(at(1), stranger).set("n", b"5"));
    let conflict = store.commit(&record(0), &increment(1).require("n", Some(b"99")));
    let hundredth = store.commit(&record(0), &Changes::new(at(1), SECRET).require("n", Some(b"100")).set("x", b"1"));
    let destroyed = store.destroy(id(0));
    let late = store.commit(&record(0), &increment(1));
    let nothing = store.destroy(id(0));
    let anew = store.create(&record(0));
    let other = store.create(&record(1));
    disk.release();

    block_on(first).unwrap();
    for future in increments {
        assert_eq!(block_on(future).unwrap().map(drop), Ok(()));
    }
    assert_eq!(block_on(again).unwrap(), Created::Exists);
    assert_eq!(block_on(stale).unwrap().map(drop), Err(Refusal::Gone));
    assert_eq!(block_on(conflict).unwrap().map(drop), Err(Refusal::Conflict));
    assert_eq!(block_on(hundredth).unwrap().map(drop), Ok(()));
    assert!(block_on(destroyed).unwrap());
    assert_eq!(block_on(late).unwrap().map(drop), Err(Refusal::Gone));
    assert!(!block_on(nothing).unwrap());
    assert_eq!(block_on(anew).unwrap(), Created::STORED);
    assert_eq!(block_on(other).unwrap(), Created::STORED);
    assert_eq!(disk.written() - before, 2);
    assert_eq!(n(&block_on(store.load(id(0), at(1))).unwrap().unwrap()), 0);
    assert_eq!(block_on(store.count()).unwrap(), 2);
}

#[test]
fn operations_without_changes_write_nothing() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(1))).unwrap();
    let before = disk.written();
    assert_eq!(block_on(store.create(&record(1))).unwrap(), Created::Exists);
    assert_eq!(block_on(store.commit(&record(2), &increment(1))).unwrap().map(drop), Err(Refusal::Gone));
    assert_eq!(block_on(store.commit(&record(1), &increment(100))).unwrap().map(drop), Err(Refusal::Gone));
    assert!(!block_on(store.destroy(id(2))).unwrap());
    assert!(block_on(store.sweep(10, at(99))).unwrap().is_empty());
    assert_eq!(disk.written(), before);
}

#[test]
fn reads_never_wait_and_see_everything_acknowledged() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(1))).unwrap();
    disk.shut();
    let commit = store.commit(&record(1), &increment(1));
    disk.wait_for_writer();

    assert_eq!(n(&answer_now(store.load(id(1), at(1))).unwrap().unwrap()), 0);
    assert_eq!(answer_now(store.count()).unwrap(), 1);
    assert_eq!(answer_now(store.scan(None, 10, at(1))).unwrap().records.len(), 1);
    assert!(answer_now(store.of_principal("ann", at(1))).unwrap().is_empty());

    disk.release();
    block_on(commit).unwrap().unwrap();
    assert_eq!(n(&answer_now(store.load(id(1), at(1))).unwrap().unwrap()), 1);
}

#[test]
fn more_than_4096_waiting_operations_are_refused_at_once() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut future = store.create(&record(1 + waiting.len() as u64));
        match poll(&mut future) {
            Poll::Ready(answer) => break answer.unwrap_err(),
            Poll::Pending => waiting.push(future),
        }
        assert!(waiting.len() <= 4096, "more than 4096 operations wait");
    };
    assert_eq!(refused.kind(), StoreErrorKind::Busy);
    assert_eq!(waiting.len(), 4096);
    assert_eq!(answer_now(store.destroy(id(0))).unwrap_err().kind(), StoreErrorKind::Busy);
    assert_eq!(answer_now(store.destroy_all()).unwrap_err().kind(), StoreErrorKind::Busy);

    disk.release();
    block_on(first).unwrap();
    for future in waiting {
        assert_eq!(block_on(future).unwrap(), Created::STORED);
    }
    assert!(block_on(store.destroy(id(0))).unwrap());
    assert_eq!(block_on(store.count()).unwrap(), 4096);
}

#[test]
fn a_bulk_operation_counts_as_waiting_until_it_ends() {
    let disk = Disk::new();
    let (store, _first) = held_up(&disk);
    let mut ends = Vec::new();
    let mut creates = Vec::new();
    let refused = 'full: loop {
        // While this is written, the writer has taken every earlier request.
        creates.push(store.create(&record(1 + creates.len() as u64)));
        for _ in 0..1000 {
            let mut end = store.destroy_of_principal("ann", None);
            match poll(&mut end) {
                Poll::Ready(answer) => break 'full answer.unwrap_err(),
                Poll::Pending => ends.push(end),
            }
        }
        assert!(ends.len() < 4096, "more than 4096 operations wait");
        assert!(creates.len() < 1000, "operations end before they are done");
        disk.step();
        ends.retain_mut(|end| poll(end).is_pending());
    };
    assert_eq!(refused.kind(), StoreErrorKind::Busy);
    assert_eq!(ends.len(), 4095, "besides the last create");
    assert!(creates.len() > 4);
    assert_eq!(answer_now(store.sweep(10, at(1))).unwrap_err().kind(), StoreErrorKind::Busy);

    disk.release();
    for create in creates {
        assert_eq!(block_on(create).unwrap(), Created::STORED);
    }
    for end in ends {
        assert!(block_on(end).unwrap().is_empty());
    }
    assert!(block_on(store.sweep(10, at(1))).unwrap().is_empty());
}

#[test]
fn a_dropped_operation_still_takes_effect() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    drop(store.create(&record(1)));
    drop(store.commit(&record(1), &increment(1)));
    disk.release();
    block_on(first).unwrap();
    store.close().unwrap();
    let store = disk.open();
    assert_eq!(n(&block_on(store.load(id(1), at(1))).unwrap().unwrap()), 1);
}

#[test]
fn closing_waits_for_everything_accepted() {
    let disk = Disk::new();
    let (store, _first) = held_up(&disk);
    let waiting: Vec<_> = (1..=700).map(|number| store.create(&record(number))).collect();
    let all = store.destroy_of_principal("nobody", None);
    let opener = std::thread::spawn({
        let disk = Arc::clone(&disk);
        move || disk.release()
    });
    store.close().unwrap();
    opener.join().unwrap();
    for future in waiting {
        assert_eq!(answer_now(future).unwrap(), Created::STORED);
    }
    assert!(answer_now(all).unwrap().is_empty());

    let closed = [
        answer_now(store.create(&record(1))).map(drop),
        answer_now(store.load(id(1), at(1))).map(drop),
        answer_now(store.destroy_all()).map(drop),
        answer_now(store.count()).map(drop),
    ];
    for answer in closed {
        assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    store.close().unwrap();
    assert_eq!(block_on(disk.open().count()).unwrap(), 701);
}

#[test]
fn dropping_the_last_handle_closes_and_waits() {
    let disk = Disk::new();
    let store = disk.open();
    let other = store.clone();
    drop(store);
    let waiting: Vec<_> = (0..700).map(|number| other.create(&record(number))).collect();
    drop(other);
    for future in waiting {
        assert_eq!(answer_now(future).unwrap(), Created::STORED);
    }
    assert_eq!(block_on(disk.open().count()).unwrap(), 700);
}

/// A waker that panics, which kills the writer's thread.
struct Grenade;

impl Wake for Grenade {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[test]
fn a_dead_writer_fails_waiting_and_later_calls() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    let mut first = pin!(first);
    let waker = Waker::from(Arc::new(Grenade));
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let waiting: Vec<_> = (1..=10).map(|number| store.create(&record(number))).collect();
    disk.release();
    for future in waiting {
        assert_eq!(block_on(future).unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    assert_eq!(block_on(store.destroy(id(0))).unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.close().unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(answer_now(store.load(id(0), at(1))).unwrap_err().kind(), StoreErrorKind::Unavailable);
    // Earlier writes are kept, and the files are unlocked.
    assert_eq!(block_on(disk.open().count()).unwrap(), 1);
}

/// A waker that drops the last handle.
struct LastHandle(std::sync::Mutex<Option<RamStore>>);

impl Wake for LastHandle {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn the_writer_may_drop_the_last_handle_itself() {
    let disk = Disk::new();
    let (store, first) = held_up(&disk);
    let mut first = pin!(first);
    let last = Arc::new(LastHandle(std::sync::Mutex::new(Some(store))));
    let waker = Waker::from(Arc::clone(&last));
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    disk.release();
    // The writer closes the files by itself, some time later.
    let opened = testing::until_it_works(|| RamStore::with_options(Options(Arc::clone(&disk))));
    assert_eq!(block_on(first).unwrap(), Created::STORED);
    assert_eq!(block_on(opened.count()).unwrap(), 1);
}
