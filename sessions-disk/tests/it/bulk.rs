//! Sweeps, ending many sessions, and the indexes behind both.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use pollster::block_on;
use sessions_disk::Table;
use sessions_store::{Changes, Created, Lifetime, Record, Refusal, Store, StoreFuture};

use crate::support::{Disk, RamStore, SECRET, at, id, increment, of, poll, record};

fn fill(store: &RamStore, numbers: std::ops::Range<u64>) {
    let numbers: Vec<_> = numbers.collect();
    for numbers in numbers.chunks(1000) {
        let creating: Vec<_> = numbers.iter().map(|number| store.create(&record(*number))).collect();
        creating.into_iter().for_each(|future| drop(block_on(future).unwrap()));
    }
}

/// Prepends a frame's CRC-32, computed bit by bit as it is defined.
fn seal(number: u64, body: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in id(number).as_bytes().iter().chain(body) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    [&(!crc).to_le_bytes(), body].concat()
}

/// Turns a record into one of a newer format, and returns its bytes.
fn make_newer(disk: &Disk, number: u64) -> Vec<u8> {
    let bytes = disk.value(Table::Records, id(number).as_bytes()).unwrap();
    let mut body = bytes[4..].to_vec();
    body[0] = 2;
    let newer = seal(number, &body);
    disk.put(Table::Records, id(number).as_bytes(), &newer);
    newer
}

#[test]
fn a_sweep_stops_at_its_limit_and_the_next_resumes() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..1500);
    assert!(block_on(store.sweep(1000, at(99))).unwrap().is_empty());
    let first = block_on(store.sweep(1000, at(100))).unwrap();
    assert_eq!(first.len(), 1000);
    let second = block_on(store.sweep(1000, at(100))).unwrap();
    let mut all = [first, second].concat();
    all.sort();
    assert_eq!(all, (0..1500).map(id).collect::<Vec<_>>());
    assert_eq!(block_on(store.count()).unwrap(), 0);
    assert_eq!(disk.keys(Table::Records).len() + disk.keys(Table::Deadlines).len(), 0);
    assert!(block_on(store.sweep(0, at(100))).unwrap().is_empty());
}

#[test]
fn a_session_listed_behind_a_sweep_is_swept_later() {
    let store = Disk::new().open();
    fill(&store, 0..20);
    assert_eq!(block_on(store.sweep(10, at(100))).unwrap().len(), 10);
    // Its deadline is before those that the first sweep removed.
    let expired = Record::builder(id(99), SECRET, at(0)).idle(Some(Duration::from_secs(1)));
    block_on(store.create(&expired.build().unwrap())).unwrap();
    assert_eq!(block_on(store.sweep(100, at(100))).unwrap().len(), 10);
    assert_eq!(block_on(store.sweep(100, at(100))).unwrap(), [id(99)]);
}

#[test]
fn a_session_seen_again_is_relisted_and_not_swept() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..3);
    let listed = disk.keys(Table::Deadlines);
    assert_eq!(block_on(store.commit(&record(1), &increment(60))).unwrap().map(drop), Ok(()));
    assert_eq!(disk.keys(Table::Deadlines), listed, "a commit lists nothing");
    let mut swept = block_on(store.sweep(10, at(100))).unwrap();
    swept.sort();
    assert_eq!(swept, [id(0), id(2)]);
    assert_eq!(disk.keys(Table::Deadlines).len(), 1);
    assert!(block_on(store.sweep(10, at(159))).unwrap().is_empty());
    assert_eq!(block_on(store.sweep(10, at(160))).unwrap(), [id(1)]);
}

#[test]
fn a_sweep_by_a_clock_that_is_behind_ends_nothing() {
    let store = Disk::new().open();
    fill(&store, 0..1);
    let mut session = record(0);
    for seconds in [90, 180, 270, 360, 450] {
        session = block_on(store.commit(&session, &increment(seconds))).unwrap().unwrap();
    }
    assert!(block_on(store.load(id(0), at(120))).unwrap().is_none_or(|record| !record.is_live(at(120))));
    assert!(block_on(store.sweep(10, at(120))).unwrap().is_empty());
    assert!(block_on(store.load(id(0), at(450))).unwrap().is_some());
}

#[test]
fn a_sweep_beside_a_commit_spares_the_session() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..2);
    disk.shut();
    let busy = store.commit(&record(0), &increment(1));
    disk.wait_for_writer();
    let sweep = store.sweep(10, at(120));
    let commit = store.commit(&record(1), &increment(99));
    disk.release();
    block_on(busy).unwrap().unwrap();
    assert_eq!(block_on(commit).unwrap().map(drop), Ok(()));
    assert_eq!(block_on(sweep).unwrap(), [id(0)]);
    assert!(block_on(store.load(id(1), at(120))).unwrap().is_some());
}

#[test]
fn a_sweep_is_throttled_but_makes_progress() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..1000);
    let alive = Record::builder(id(9999), SECRET, at(0)).entry("n", b"0").build().unwrap();
    block_on(store.create(&alive)).unwrap();
    let before = disk.written();
    disk.shut();
    let sweep = store.sweep(1000, at(100));
    disk.wait_for_writer();
    // A slow disk makes the first slice take this long, so the next one has to wait.
    let commits: Vec<_> = (0..1500).map(|_| store.commit(&record(9999), &increment(1))).collect();
    thread::park_timeout(Duration::from_millis(100));
    disk.release();
    for commit in commits {
        assert_eq!(block_on(commit).unwrap().map(drop), Ok(()));
    }
    assert_eq!(block_on(sweep).unwrap().len(), 1000);
    let touched = disk.touched.lock().unwrap();
    let swept: Vec<_> = touched[before..].iter().map(|tables| tables.contains(&Table::Deadlines)).collect();
    assert_eq!(swept[..4], [true, false, false, false], "waiting commits come first");
    let slices = swept.iter().filter(|swept| **swept).count();
    assert!(slices >= 4 && swept.len() == slices + 3, "the slices are small: {swept:?}");
}

#[test]
fn closing_ends_the_throttling_of_a_sweep() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..1000);
    disk.shut();
    let sweep = store.sweep(1000, at(100));
    disk.wait_for_writer();
    let commit = store.create(&record(2000));
    let closing = thread::spawn(move || store.close());
    disk.release();
    closing.join().unwrap().unwrap();
    assert_eq!(block_on(commit).unwrap(), Created::STORED);
    assert_eq!(block_on(sweep).unwrap().len(), 1000);
    assert_eq!(block_on(disk.open().count()).unwrap(), 1);
}

#[test]
fn a_shorter_deadline_is_swept_in_time() {
    let store = Disk::new().open();
    fill(&store, 0..1);
    let shorter = Changes::new(at(10), SECRET).lifetime(Lifetime::ENDLESS.with_idle(Duration::from_secs(5)));
    block_on(store.commit(&record(0), &shorter)).unwrap().unwrap();
    assert!(block_on(store.sweep(10, at(14))).unwrap().is_empty());
    assert_eq!(block_on(store.sweep(10, at(15))).unwrap(), [id(0)]);
}

#[test]
fn the_first_deadline_of_a_user_is_listed() {
    let disk = Disk::new();
    let store = disk.open();
    let endless = Record::builder(id(0), SECRET, at(0)).principal(Some("ann")).build().unwrap();
    block_on(store.create(&endless)).unwrap();
    assert!(disk.keys(Table::Deadlines).is_empty());
    let limited = Changes::new(at(10), SECRET).lifetime(Lifetime::ENDLESS.with_idle(Duration::from_secs(5)));
    block_on(store.commit(&record(0), &limited)).unwrap().unwrap();
    assert_eq!(block_on(store.sweep(10, at(15))).unwrap(), [id(0)]);
    assert!(disk.keys(Table::Records).is_empty());
}

#[test]
fn a_sweep_skips_a_record_of_a_newer_format() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..1200);
    let newer = make_newer(&disk, 0);
    let swept: Vec<_> = (0..3).flat_map(|_| block_on(store.sweep(600, at(100))).unwrap()).collect();
    assert_eq!(swept.len(), 1199);
    assert_eq!(disk.value(Table::Records, id(0).as_bytes()), Some(newer));
    assert_eq!(block_on(store.commit(&record(0), &increment(1))).unwrap().map(drop), Err(Refusal::Gone));
    // A destroy by its id ends it.
    assert!(block_on(store.destroy(id(0))).unwrap());
    // Its index entry is left over, and the next sweep removes it.
    assert!(block_on(store.sweep(600, at(100))).unwrap().is_empty());
    assert!(disk.keys(Table::Deadlines).is_empty());
}

#[test]
fn a_damaged_record_is_swept_at_its_listed_deadline() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..1);
    disk.put(Table::Records, id(0).as_bytes(), b"noise");
    assert!(block_on(store.sweep(10, at(99))).unwrap().is_empty());
    assert_eq!(block_on(store.sweep(10, at(100))).unwrap(), [id(0)]);
    assert!(disk.keys(Table::Records).is_empty());
}

#[test]
fn destroy_all_ends_everything_accepted_before_it() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..2000);
    make_newer(&disk, 5);
    disk.put(Table::Records, id(6).as_bytes(), b"noise");
    disk.shut();
    let busy = store.commit(&record(1999), &increment(1));
    disk.wait_for_writer();
    // These are accepted before the destroy, so it ends them too.
    let before: Vec<_> = (2000..2100).map(|number| store.create(&record(number))).collect();
    let all = store.destroy_all();
    disk.release();
    block_on(busy).unwrap().unwrap();
    before.into_iter().for_each(|future| drop(block_on(future).unwrap()));
    assert_eq!(block_on(all).unwrap(), 2100);
    assert_eq!(block_on(store.count()).unwrap(), 0);
    assert!(disk.keys(Table::Records).is_empty());
}

#[test]
fn commits_proceed_during_destroy_all() {
    let disk = Disk::new();
    let store = disk.open();
    fill(&store, 0..5000);
    let before = disk.written();
    let all = store.destroy_all();
    // This id sorts last, so its session lives until the last slice.
    let mut last = Ok(());
    while last == Ok(()) {
        last = block_on(store.commit(&record(4999), &increment(1))).unwrap().map(drop);
    }
    assert_eq!(last, Err(Refusal::Gone));
    assert_eq!(block_on(all).unwrap(), 5000);
    assert!(disk.written() - before >= 10);
}

fn user(number: u64) -> String {
    format!("user {number}")
}

/// Opens a store with a session of each user, whose writer is held in another operation.
fn held_up(disk: &Arc<Disk>, users: std::ops::Range<u64>) -> (RamStore, StoreFuture<Created>) {
    let store = disk.open();
    let creating: Vec<_> = users.map(|number| store.create(&of(number, &user(number)))).collect();
    creating.into_iter().for_each(|future| drop(block_on(future).unwrap()));
    disk.shut();
    let busy = store.create(&record(9000));
    disk.wait_for_writer();
    (store, busy)
}

#[test]
fn short_bulk_operations_share_transactions() {
    let disk = Disk::new();
    let (store, _busy) = held_up(&disk, 0..200);
    let before = disk.written();
    let ends: Vec<_> = (0..200).map(|number| store.destroy_of_principal(&user(number), None)).collect();
    disk.release();
    for (number, end) in (0..).zip(ends) {
        assert_eq!(block_on(end).unwrap(), [id(number)]);
    }
    assert_eq!(disk.written() - before, 1 + 4);
}

#[test]
fn bulk_operations_and_others_share_a_transaction() {
    let disk = Disk::new();
    let (store, _busy) = held_up(&disk, 0..64);
    let ends: Vec<_> = (0..64).map(|number| store.destroy_of_principal(&user(number), None)).collect();
    let _before = store.create(&record(9001));
    disk.step();
    let beside = store.create(&record(9002));
    disk.step();
    let before = disk.written();
    disk.release();
    assert_eq!(block_on(beside).unwrap(), Created::STORED);
    for (number, end) in (0..).zip(ends) {
        assert_eq!(block_on(end).unwrap(), [id(number)]);
    }
    assert_eq!(disk.written() - before, 1);
}

#[test]
fn a_long_bulk_operation_delays_no_short_ones() {
    let disk = Disk::new();
    let (store, _busy) = held_up(&disk, 0..100);
    disk.release();
    let creating: Vec<_> = (1000..3000).map(|number| store.create(&of(number, "ann"))).collect();
    creating.into_iter().for_each(|future| drop(block_on(future).unwrap()));
    disk.shut();
    let _busy = store.create(&record(9001));
    disk.wait_for_writer();
    let mut long = store.destroy_of_principal("ann", None);
    let mut ends: Vec<_> = (0..100).map(|number| store.destroy_of_principal(&user(number), None)).collect();
    // Two transactions after the current one, each has had its turn.
    for _ in 0..3 {
        disk.step();
    }
    assert!(ends.iter_mut().all(|end| poll(end).is_ready()));
    assert!(poll(&mut long).is_pending());
    disk.release();
    assert_eq!(block_on(long).unwrap().len(), 2000);
}

#[test]
fn racing_bulk_operations_end_each_session_once() {
    let disk = Disk::new();
    let (store, _busy) = held_up(&disk, 0..20);
    let one = store.destroy_of_principal(&user(7), None);
    let all = store.destroy_all();
    let again = store.destroy_of_principal(&user(7), None);
    disk.release();
    assert_eq!(block_on(one).unwrap(), [id(7)]);
    assert_eq!(block_on(all).unwrap(), 20, "including the last one created");
    assert!(block_on(again).unwrap().is_empty());
    assert_eq!(block_on(store.count()).unwrap(), 0);
    assert!(disk.keys(Table::Principals).is_empty());
}

#[test]
fn a_logout_ends_unreadable_sessions_and_spares_one() {
    let disk = Disk::new();
    let store = disk.open();
    for number in 0..5 {
        block_on(store.create(&of(number, "ann"))).unwrap();
    }
    block_on(store.create(&of(9, "anna"))).unwrap();
    make_newer(&disk, 1);
    disk.put(Table::Records, id(2).as_bytes(), b"noise");
    // The index still has an entry of a session that is somebody else's by now.
    disk.put(Table::Records, id(3).as_bytes(), &disk.value(Table::Records, id(3).as_bytes()).unwrap());
    block_on(store.commit(&record(3), &Changes::new(at(1), SECRET).bind("bob"))).unwrap().unwrap();

    let of_ann: Vec<_> = block_on(store.of_principal("ann", at(1))).unwrap().iter().map(Record::id).collect();
    assert_eq!(of_ann, [id(0), id(4)]);
    let mut ended = block_on(store.destroy_of_principal("ann", Some(id(4)))).unwrap();
    ended.sort();
    assert_eq!(ended, [id(0), id(1), id(2)]);
    assert_eq!(block_on(store.of_principal("ann", at(1))).unwrap().len(), 1);
    assert_eq!(block_on(store.of_principal("bob", at(1))).unwrap().len(), 1);
    assert_eq!(block_on(store.of_principal("anna", at(1))).unwrap().len(), 1);
    assert_eq!(disk.keys(Table::Principals).len(), 3);
}

#[test]
fn stale_index_entries_are_ignored() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&of(1, "ann"))).unwrap();
    block_on(store.create(&of(2, "bob"))).unwrap();
    let ann = disk.keys(Table::Principals).into_iter().find(|key| key.ends_with(id(1).as_bytes())).unwrap();
    let prefix = &ann[..32];
    for number in [2, 3] {
        disk.put(Table::Principals, &[prefix, id(number).as_bytes()].concat(), b"");
    }
    assert_eq!(block_on(store.of_principal("ann", at(1))).unwrap().len(), 1);
    assert_eq!(block_on(store.destroy_of_principal("ann", None)).unwrap(), [id(1)]);
    assert!(block_on(store.load(id(2), at(1))).unwrap().is_some(), "it is bob's");
    assert_eq!(disk.keys(Table::Principals).len(), 1);
}

#[test]
fn a_bulk_operation_ends_many_sessions_at_once() {
    let disk = Disk::new();
    let store = disk.open();
    (0..400).for_each(|number| assert_eq!(block_on(store.create(&of(number, "ann"))).unwrap(), Created::STORED));
    let before = disk.written();
    assert_eq!(block_on(store.destroy_of_principal("ann", None)).unwrap().len(), 400);
    assert!(disk.written() - before <= 2, "{} transactions", disk.written() - before);
}

#[test]
fn an_engine_that_fails_during_a_bulk_operation_is_reopened() {
    let disk = Disk::new();
    let store = disk.open();
    let create = |record: &Record| assert_eq!(block_on(store.create(record)).unwrap(), Created::STORED);
    create(&of(1, "ann"));
    disk.is_unreadable.store(true, Ordering::SeqCst);
    assert_eq!(block_on(store.destroy_of_principal("ann", None)).unwrap(), [id(1)]);
    create(&record(2));
    *disk.failing.lock().unwrap() = Some(id(2).as_bytes().to_vec());
    assert_eq!(block_on(store.sweep(10, at(1000))).unwrap(), [id(2)]);
}

#[test]
fn a_sweep_in_parts_reaches_users_past_the_living() {
    let store = Disk::new().open();
    let endless = Record::builder(id(9), SECRET, at(0)).build().unwrap();
    for record in [record(0), record(1), of(2, "ann"), endless] {
        assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
    }
    assert_eq!(block_on(store.sweep(1, at(1000))).unwrap(), [id(0)]);
    assert_eq!(block_on(store.sweep(2, at(1000))).unwrap(), [id(1), id(2)]);
    assert_eq!(block_on(store.count()).unwrap(), 1);
}
