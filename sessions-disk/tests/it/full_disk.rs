//! A disk with room for small transactions only.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_disk::{Capacity, Table, testing};
use sessions_store::{Changes, Created, Record, Store, StoreErrorKind};
use tempfile::TempDir;

use crate::support::{Disk, RamStore, SECRET, at, id, increment, of, record};

/// Creates a disk with a hundred users on it, and the reserve of their store.
fn disk() -> (Arc<Disk>, RamStore, TempDir) {
    disk_with_reserve(4096)
}

fn disk_with_reserve(bytes: u64) -> (Arc<Disk>, RamStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let capacity = Capacity::new(u64::MAX, u64::MAX).estimate(0, 1).reserve(folder.path().join("reserve"), bytes);
    let disk = Disk::with_capacity(capacity);
    let store = disk.open();
    for number in 0..100 {
        assert_eq!(block_on(store.create(&of(number, "ann"))).unwrap(), Created::STORED);
    }
    (disk, store, folder)
}

fn large(number: u64, bytes: usize) -> Record {
    let value = vec![b'x'; bytes];
    let builder =
        Record::builder(id(number), SECRET, at(0)).principal(Some("bob")).idle(Some(Duration::from_secs(100)));
    builder.entry("x", &value).build().unwrap()
}

#[test]
fn a_full_disk_ends_sessions_in_small_transactions() {
    let (disk, store, folder) = disk();
    // A transaction of sixteen fits, one of a hundred does not.
    disk.room.store(4_000, Ordering::SeqCst);
    let before = disk.written();
    disk.shut();
    let first = store.destroy(id(0));
    disk.wait_for_writer();
    let rest: Vec<_> = (1..100).map(|number| store.destroy(id(number))).collect();
    disk.release();
    std::iter::once(first).chain(rest).for_each(|destroying| assert!(block_on(destroying).unwrap()));
    let writes = disk.written() - before;
    assert!((7..=9).contains(&writes), "{writes} transactions for a hundred sessions");
    drop(folder);
}

#[test]
fn an_operation_without_room_fails_alone() {
    let (disk, store, folder) = disk();
    disk.room.store(3_000, Ordering::SeqCst);
    disk.shut();
    let first = store.destroy(id(0));
    disk.wait_for_writer();
    let destroying: Vec<_> = (1..15).map(|number| store.destroy(id(number))).collect();
    // The others leave enough room for this, but not in the same transaction.
    let creating = store.create(&large(200, 1_800));
    let growing = store.commit(&record(50), &Changes::new(at(1), SECRET).set("x", &[b'x'; 5_000]));
    disk.release();
    std::iter::once(first).chain(destroying).for_each(|destroying| assert!(block_on(destroying).unwrap()));
    let created = block_on(creating);
    assert!(matches!(created, Ok(Created::Stored { .. } | Created::Full)), "{created:?}");
    let error = block_on(growing).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let grown = block_on(store.load(id(50), at(1))).unwrap().unwrap();
    assert!(grown.entry("x").is_none(), "the record is unchanged");
    drop(folder);
}

#[test]
fn growth_works_again_once_the_reserve_is_back() {
    let (disk, store, folder) = disk();
    disk.room.store(3_000, Ordering::SeqCst);
    let grow = Changes::new(at(1), SECRET).set("x", &[b'x'; 5_000]);
    block_on(store.commit(&record(50), &grow)).unwrap_err();
    disk.room.store(0, Ordering::SeqCst);
    testing::until_it_works(|| block_on(store.commit(&record(50), &grow)).map(|done| assert!(done.is_ok())));
    assert!(folder.path().join("reserve").exists());
}

#[test]
fn a_store_opened_on_a_full_disk_uses_small_transactions() {
    let (disk, store, folder) = disk();
    store.close().unwrap();
    // No disk has room for this reserve, so this one counts as full.
    let capacity = Capacity::new(u64::MAX, u64::MAX).reserve(folder.path().join("reserve"), 1 << 60);
    *disk.capacity.lock().unwrap() = Some(capacity);
    let store = disk.open();
    disk.room.store(4_000, Ordering::SeqCst);
    let opens = disk.opens.load(Ordering::SeqCst);
    let ended = block_on(store.destroy_of_principal("ann", None)).unwrap();
    assert_eq!(ended.len(), 100);
    assert_eq!(disk.opens.load(Ordering::SeqCst), opens, "nothing failed");
}

#[test]
fn the_limit_of_a_full_disk_outlives_the_process() {
    let (disk, store, folder) = disk();
    assert_eq!(disk.value(Table::Meta, b"ceiling"), None);
    disk.room.store(3_000, Ordering::SeqCst);
    let grow = Changes::new(at(1), SECRET).set("x", &[b'x'; 5_000]);
    block_on(store.commit(&record(50), &grow)).unwrap_err();
    assert!(!block_on(store.destroy(id(500))).unwrap());
    assert_eq!(disk.value(Table::Meta, b"ceiling"), None, "nothing else was written");
    assert!(block_on(store.destroy(id(0))).unwrap());
    let bytes: usize = disk.keys(Table::Records).iter().map(|key| disk.value(Table::Records, key).unwrap().len()).sum();
    let ceiling = disk.value(Table::Meta, b"ceiling").unwrap();
    assert!(u64::from_le_bytes(ceiling.try_into().unwrap()) >= bytes as u64);
    disk.room.store(0, Ordering::SeqCst);
    testing::until_it_works(|| block_on(store.commit(&record(50), &grow)).map(|done| assert!(done.is_ok())));
    assert_eq!(disk.value(Table::Meta, b"ceiling"), None, "the disk has room again");
    drop(folder);
}

#[test]
fn a_transaction_without_room_is_split_to_the_end() {
    let (disk, store, folder) = disk();
    // A transaction of sixteen does not fit.
    disk.room.store(1_000, Ordering::SeqCst);
    disk.shut();
    let first = store.destroy(id(0));
    disk.wait_for_writer();
    let rest: Vec<_> = (1..49).map(|number| store.destroy(id(number))).collect();
    disk.release();
    std::iter::once(first).chain(rest).for_each(|destroying| assert!(block_on(destroying).unwrap()));
    // Now not even one fits.
    disk.room.store(10, Ordering::SeqCst);
    assert_eq!(block_on(store.destroy(id(50))).unwrap_err().kind(), StoreErrorKind::Unavailable);
    disk.room.store(0, Ordering::SeqCst);
    assert!(testing::until_it_works(|| block_on(store.destroy(id(50)))));
    drop(folder);
}

#[test]
fn a_full_disk_takes_a_little_growth_of_a_large_record() {
    let (disk, store, folder) = disk();
    assert_eq!(block_on(store.create(&large(200, 800))).unwrap(), Created::STORED);
    disk.room.store(3_000, Ordering::SeqCst);
    let grow =
        |bytes: usize| block_on(store.commit(&record(200), &Changes::new(at(1), SECRET).set("x", &vec![b'y'; bytes])));
    assert_eq!(grow(5_000).unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(grow(820).unwrap().map(drop), Ok(()));
    assert_eq!(grow(1_500).unwrap_err().kind(), StoreErrorKind::Unavailable);
    drop(folder);
}

#[test]
fn a_store_over_the_limit_of_a_full_disk_takes_what_does_not_grow() {
    let (disk, store, folder) = disk_with_reserve(64);
    assert_eq!(block_on(store.create(&record(200))).unwrap(), Created::STORED);
    // The reserve cannot come back, and does not help: the limit falls below what the store holds.
    drop(folder);
    disk.room.store(10, Ordering::SeqCst);
    block_on(store.destroy(id(0))).unwrap_err();
    disk.room.store(3_000, Ordering::SeqCst);
    assert_eq!(block_on(store.commit(&record(200), &increment(1))).unwrap().map(drop), Ok(()));
    let grow = block_on(store.commit(&record(200), &Changes::new(at(1), SECRET).set("x", b"x")));
    assert_eq!(grow.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

#[test]
fn a_disk_that_was_full_for_a_moment_costs_few_sessions() {
    let (disk, store, folder) = disk();
    (1_000..3_000).for_each(|number| assert_eq!(block_on(store.create(&record(number))).unwrap(), Created::STORED));
    // The reserve does not help, and cannot come back.
    drop(folder);
    disk.room.store(10, Ordering::SeqCst);
    (0..10).for_each(|_| drop(block_on(store.create(&record(3_000))).unwrap_err()));
    disk.room.store(0, Ordering::SeqCst);
    let mut steps = Vec::new();
    for number in 3_000..3_100 {
        let Created::Stored { evicted, .. } = block_on(store.create(&record(number))).unwrap() else {
            panic!("anonymous sessions make room");
        };
        steps.push(evicted.len());
    }
    assert_eq!(steps[..3], [17; 3], "{steps:?}");
    assert_eq!(steps[10..], [1; 90], "{steps:?}");
    let left = block_on(store.count()).unwrap();
    assert!((2_030..2_050).contains(&left), "{left} of 2,100 are left");
}
