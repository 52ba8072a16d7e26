//! Full stores: evictions, refusals and counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_disk::{Capacity, Table};
use sessions_store::{Changes, Created, Record, SessionId, Store, StoreFuture, Timestamp};

use crate::support::{Disk, RamStore, SECRET, at, id, increment, of, record};

fn sessions(max: u64) -> Arc<Disk> {
    Disk::with_capacity(Capacity::new(max, u64::MAX))
}

/// Returns a record created at `second` with an idle timeout of 100 seconds.
fn seen(number: u64, second: u64) -> Record {
    let builder = Record::builder(id(number), SECRET, at(second)).idle(Some(Duration::from_secs(100)));
    builder.entry("n", b"0").build().unwrap()
}

fn create(store: &RamStore, record: &Record) -> Created {
    block_on(store.create(record)).unwrap()
}

fn evicted<const N: usize>(ids: [u64; N]) -> Created {
    Created::stored(ids.map(id).into())
}

fn lives(store: &RamStore, number: u64, now: Timestamp) -> bool {
    block_on(store.load(id(number), now)).unwrap().is_some()
}

/// Checks that the store's counts of sessions and bytes match its tables.
#[track_caller]
fn expect_exact(disk: &Disk) {
    let usage = disk.value(Table::Meta, b"usage").unwrap_or(vec![0; 16]);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let keys = disk.keys(Table::Records);
    let bytes: usize = keys.iter().map(|key| disk.value(Table::Records, key).unwrap().len()).sum();
    assert_eq!((number(&usage[..8]), number(&usage[8..])), (keys.len() as u64, bytes as u64));
}

#[test]
fn the_oldest_anonymous_session_is_evicted() {
    let disk = sessions(3);
    let store = disk.open();
    for (number, second) in [(0, 2), (1, 0), (2, 1)] {
        assert_eq!(create(&store, &seen(number, second)), Created::STORED);
    }
    assert_eq!(create(&store, &seen(3, 3)), evicted([1]));
    assert_eq!(create(&store, &seen(4, 3)), evicted([2]));
    assert_eq!(block_on(store.count()).unwrap(), 3);
    expect_exact(&disk);
}

#[test]
fn a_session_seen_again_is_no_longer_the_oldest() {
    let store = sessions(3).open();
    (0..3).for_each(|number| _ = create(&store, &seen(number, number)));
    assert_eq!(block_on(store.commit(&record(0), &increment(50))).unwrap().map(drop), Ok(()));
    assert_eq!(create(&store, &seen(3, 60)), evicted([1]));
    assert_eq!(create(&store, &seen(4, 60)), evicted([2]));
    assert_eq!(create(&store, &seen(5, 60)), evicted([0]));
}

#[test]
fn sessions_without_a_deadline_are_evicted_last() {
    let store = sessions(3).open();
    let endless = |number, second| Record::builder(id(number), SECRET, at(second)).build().unwrap();
    for record in [endless(0, 7), endless(1, 5), seen(2, 9)] {
        assert_eq!(create(&store, &record), Created::STORED);
    }
    assert_eq!(create(&store, &endless(3, 10)), evicted([2]));
    assert_eq!(create(&store, &endless(4, 10)), evicted([1]));
    assert_eq!(create(&store, &endless(5, 10)), evicted([0]));
}

#[test]
fn expired_sessions_are_evicted_first() {
    let store = sessions(2).open();
    create(&store, &of(0, "ann"));
    create(&store, &seen(1, 60));
    assert_eq!(create(&store, &seen(2, 100)), evicted([0]));
    assert!(lives(&store, 1, at(100)));
}

#[test]
fn a_user_seen_again_is_not_evicted() {
    let store = sessions(2).open();
    create(&store, &of(0, "ann"));
    create(&store, &seen(1, 60));
    let touch = Changes::new(at(50), SECRET);
    assert_eq!(block_on(store.commit(&record(0), &touch)).unwrap().map(drop), Ok(()));
    assert_eq!(create(&store, &seen(2, 100)), evicted([1]));
    assert!(lives(&store, 0, at(100)));
}

#[test]
fn a_store_full_of_users_refuses_new_sessions() {
    let disk = sessions(2);
    let store = disk.open();
    (0..2).for_each(|number| _ = create(&store, &of(number, "ann")));
    for newcomer in [record(2), of(2, "bob")] {
        assert_eq!(create(&store, &newcomer), Created::Full);
    }
    assert_eq!(create(&store, &of(0, "ann")), Created::Exists);
    assert!(lives(&store, 0, at(1)) && lives(&store, 1, at(1)));
    assert!(block_on(store.destroy(id(0))).unwrap());
    assert_eq!(create(&store, &of(2, "bob")), Created::STORED);
    expect_exact(&disk);
}

#[test]
fn a_signed_in_session_is_not_evicted() {
    let store = sessions(2).open();
    (0..2).for_each(|number| _ = create(&store, &seen(number, number)));
    let sign_in = Changes::new(at(5), SECRET).bind("ann");
    assert_eq!(block_on(store.commit(&record(0), &sign_in)).unwrap().map(drop), Ok(()));
    assert_eq!(create(&store, &seen(2, 6)), evicted([1]));
    assert_eq!(create(&store, &seen(3, 7)), evicted([2]));
}

#[test]
fn bytes_are_limited_for_records_of_any_size() {
    let per_byte = 2;
    let disk = Disk::with_capacity(Capacity::new(u64::MAX, 100_000).estimate(0, per_byte));
    let store = disk.open();
    let sized = |number, bytes: usize| {
        let value = vec![b'x'; bytes];
        let builder = Record::builder(id(number), SECRET, at(number)).entry("x", &value);
        builder.idle(Some(Duration::from_secs(100_000))).build().unwrap()
    };
    for number in 0..300 {
        let bytes = [100, 2_000, 20_000][number as usize % 3];
        assert!(matches!(create(&store, &sized(number, bytes)), Created::Stored { .. }));
        let used: usize =
            disk.keys(Table::Records).iter().map(|key| disk.value(Table::Records, key).unwrap().len()).sum();
        assert!(used as u64 * per_byte <= 100_000, "{used}");
    }
    expect_exact(&disk);
    let before = disk.dump();
    assert_eq!(create(&store, &sized(300, 50_000)), Created::Full);
    assert_eq!(disk.dump(), before, "a record that cannot fit evicts nobody");
}

#[test]
fn growth_is_paid_for_by_the_next_new_session() {
    let disk = Disk::with_capacity(Capacity::new(u64::MAX, 1_000).estimate(0, 1));
    let store = disk.open();
    (0..4).for_each(|number| assert_eq!(create(&store, &seen(number, number)), Created::STORED));
    let grow = Changes::new(at(5), SECRET).set("x", &[b'x'; 700]);
    assert_eq!(block_on(store.commit(&record(3), &grow)).unwrap().map(drop), Ok(()));
    assert_eq!(create(&store, &seen(4, 6)), evicted([0, 1, 2]));
    expect_exact(&disk);
}

#[test]
fn new_sessions_of_one_transaction_evict_each_other() {
    let disk = sessions(5);
    let store = disk.open();
    (0..5).for_each(|number| _ = create(&store, &seen(number, 0)));
    disk.shut();
    let first = store.create(&seen(5, 1));
    disk.wait_for_writer();
    let rest: Vec<_> = (6..106).map(|number| store.create(&seen(number, number))).collect();
    disk.release();
    let mut gone: Vec<SessionId> = Vec::new();
    for creating in std::iter::once(first).chain(rest) {
        let Created::Stored { evicted, .. } = block_on(creating).unwrap() else {
            panic!("anonymous sessions make room")
        };
        gone.extend(evicted);
    }
    gone.sort();
    assert_eq!(gone, (0..101).map(id).collect::<Vec<_>>());
    assert_eq!(block_on(store.count()).unwrap(), 5);
    expect_exact(&disk);
}

#[test]
fn damaged_records_are_evicted_and_newer_ones_kept() {
    let disk = sessions(2);
    let store = disk.open();
    (0..2).for_each(|number| _ = create(&store, &seen(number, number)));
    let mut bytes = disk.value(Table::Records, id(0).as_bytes()).unwrap();
    bytes[40] ^= 1;
    disk.put(Table::Records, id(0).as_bytes(), &bytes);
    assert_eq!(create(&store, &seen(2, 2)), evicted([0]));
    sessions_disk::testing::make_newer(&store, id(1));
    assert_eq!(create(&store, &seen(3, 3)), evicted([2]));
    assert_eq!(create(&store, &seen(4, 3)), evicted([3]));
    expect_exact(&disk);
}

#[test]
fn an_unreadable_page_does_not_stop_eviction() {
    let disk = sessions(2);
    let store = disk.open();
    (0..2).for_each(|number| _ = create(&store, &seen(number, number)));
    *disk.damaged.lock().unwrap() = Some(id(0).as_bytes().to_vec());
    assert_eq!(create(&store, &seen(2, 2)), evicted([1]));
}

#[test]
fn counts_survive_a_restart() {
    let disk = sessions(10);
    let store = disk.open();
    (0..10).for_each(|number| _ = create(&store, &seen(number, number)));
    block_on(store.commit(&record(3), &Changes::new(at(10), SECRET).set("x", b"12345").remove("n"))).unwrap().unwrap();
    block_on(store.commit(&record(4), &Changes::new(at(10), SECRET).increment("n", 100))).unwrap().unwrap();
    block_on(store.destroy(id(5))).unwrap();
    block_on(store.sweep(2, at(101))).unwrap();
    store.close().unwrap();
    expect_exact(&disk);
    let store = disk.open();
    assert_eq!(block_on(store.count()).unwrap(), 7);
    (10..13).for_each(|number| assert_eq!(create(&store, &seen(number, 20)), Created::STORED));
    assert_eq!(create(&store, &seen(13, 20)), evicted([2]));
    expect_exact(&disk);
    block_on(store.destroy_all()).unwrap();
    expect_exact(&disk);
}

#[test]
fn sessions_listed_before_the_cursor_are_evicted_in_time() {
    let store = sessions(300).open();
    (0..300).for_each(|number| _ = create(&store, &seen(number, 50)));
    let earlier = Record::builder(id(1_000), SECRET, at(50)).idle(Some(Duration::from_secs(60))).build().unwrap();
    assert_eq!(create(&store, &earlier), evicted([0]));
    let gone = (2_000..2_600).position(|number| create(&store, &seen(number, 51)) == evicted([1_000]));
    assert!(gone.is_some_and(|gone| gone < 300), "{gone:?}");
}

#[test]
fn many_users_seen_again_are_not_evicted() {
    let store = sessions(200).open();
    let touch = Changes::new(at(50), SECRET);
    for number in 0..200 {
        create(&store, &of(number, "ann"));
        assert_eq!(block_on(store.commit(&record(number), &touch)).unwrap().map(drop), Ok(()));
    }
    assert_eq!(create(&store, &seen(200, 100)), Created::Full);
    assert_eq!(block_on(store.count()).unwrap(), 200);
}

#[test]
fn eviction_wraps_around_to_sessions_before_the_cursor() {
    let store = sessions(2).open();
    (0..2).for_each(|number| _ = create(&store, &seen(number, 50)));
    assert_eq!(create(&store, &seen(2, 51)), evicted([0]));
    for number in 1..3 {
        assert!(block_on(store.destroy(id(number))).unwrap());
    }
    let earlier = Record::builder(id(3), SECRET, at(52)).idle(Some(Duration::from_secs(10))).build().unwrap();
    for record in [of(4, "ann"), earlier] {
        assert_eq!(create(&store, &record), Created::STORED);
    }
    assert_eq!(create(&store, &seen(5, 53)), evicted([3]));
}

#[test]
fn a_login_without_a_deadline_leaves_the_list() {
    let disk = sessions(2);
    let store = disk.open();
    create(&store, &Record::builder(id(0), SECRET, at(0)).build().unwrap());
    assert_eq!(disk.keys(Table::Deadlines).len(), 1);
    let sign_in = Changes::new(at(5), SECRET).bind("ann");
    assert_eq!(block_on(store.commit(&record(0), &sign_in)).unwrap().map(drop), Ok(()));
    assert!(disk.keys(Table::Deadlines).is_empty());
}

#[test]
fn eviction_goes_past_all_who_were_seen_again() {
    let store = sessions(18).open();
    (0..17).for_each(|number| _ = create(&store, &seen(number, 0)));
    create(&store, &seen(17, 1));
    for number in 0..17 {
        assert_eq!(block_on(store.commit(&record(number), &increment(50))).unwrap().map(drop), Ok(()));
    }
    assert_eq!(create(&store, &seen(18, 60)), evicted([17]));
}

#[test]
fn a_new_session_pays_for_few_who_were_seen_again() {
    let store = sessions(100).open();
    (0..100).for_each(|number| _ = create(&store, &seen(number, 0)));
    for number in 0..100 {
        assert_eq!(block_on(store.commit(&record(number), &increment(50))).unwrap().map(drop), Ok(()));
    }
    assert_eq!(create(&store, &seen(100, 60)), evicted([64]), "the first after 64 that were listed anew");
}

#[test]
fn an_eviction_reads_few_entries() {
    let disk = sessions(300);
    let store = disk.open();
    (0..200).for_each(|number| _ = create(&store, &seen(number, 0)));
    (200..300).for_each(|number| _ = create(&store, &of(number, "ann")));
    let before = disk.visited.load(Ordering::SeqCst);
    assert_eq!(create(&store, &seen(300, 1)), evicted([0]));
    let visited = disk.visited.load(Ordering::SeqCst) - before;
    assert!(visited < 50, "{visited} entries");
}

#[test]
fn an_engine_that_fails_during_an_eviction_is_reopened() {
    let disk = sessions(2);
    let store = disk.open();
    (0..2).for_each(|number| _ = create(&store, &seen(number, number)));
    *disk.failing.lock().unwrap() = Some(id(0).as_bytes().to_vec());
    assert_eq!(create(&store, &seen(2, 3)), evicted([0]));
}

/// Opens a full store again with a limit of `max` sessions.
fn lower_limit(disk: &Arc<Disk>, store: &RamStore, max: u64) -> RamStore {
    store.close().unwrap();
    *disk.capacity.lock().unwrap() = Some(Capacity::new(max, u64::MAX));
    disk.open()
}

#[test]
fn a_lowered_limit_is_reached_in_steps() {
    let disk = sessions(u64::MAX);
    let store = disk.open();
    (0..1_000).for_each(|number| _ = create(&store, &seen(number, 0)));
    let store = lower_limit(&disk, &store, 300);
    for (number, first, left) in [(1_000, 0, 744), (1_001, 257, 488), (1_002, 514, 300), (1_003, 703, 300)] {
        let end = number + 1 - left;
        assert_eq!(create(&store, &seen(number, 1)), Created::stored((first..end).map(id).collect()), "{number}");
        assert_eq!(block_on(store.count()).unwrap(), left);
    }
    expect_exact(&disk);
}

#[test]
fn new_sessions_of_one_transaction_share_the_steps_to_a_lowered_limit() {
    let disk = sessions(u64::MAX);
    let store = disk.open();
    (0..1_000).for_each(|number| _ = create(&store, &seen(number, 0)));
    let store = lower_limit(&disk, &store, 300);
    disk.shut();
    let first = store.create(&seen(1_000, 1));
    disk.wait_for_writer();
    let creating: Vec<_> = (1_001..1_011).map(|number| store.create(&seen(number, 1))).collect();
    disk.step();
    let evicted = |creating: StoreFuture<Created>| match block_on(creating).unwrap() {
        Created::Stored { evicted, .. } => evicted.len(),
        other => panic!("{other:?}"),
    };
    let first = evicted(first);
    disk.release();
    assert_eq!(first, 257);
    assert_eq!(creating.into_iter().map(evicted).collect::<Vec<_>>(), [257, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(block_on(store.count()).unwrap(), 488);
    expect_exact(&disk);
}

#[test]
fn a_limit_below_the_number_of_users_ends_none_of_them() {
    let disk = sessions(u64::MAX);
    let store = disk.open();
    (0..500).for_each(|number| _ = create(&store, &seen(number, 0)));
    (500..600).for_each(|number| _ = create(&store, &of(number, "ann")));
    let store = lower_limit(&disk, &store, 50);
    for number in 600..602 {
        assert!(matches!(create(&store, &of(number, "bob")), Created::Stored { .. }), "anonymous sessions make room");
    }
    assert_eq!(block_on(store.count()).unwrap(), 102);
    for newcomer in [of(602, "bob"), seen(602, 1)] {
        assert_eq!(create(&store, &newcomer), Created::Full);
    }
    assert!((500..602).all(|number| lives(&store, number, at(1))));
    expect_exact(&disk);
}

#[test]
fn a_record_larger_than_a_lowered_limit_evicts_nobody() {
    let disk = Disk::with_capacity(Capacity::unlimited());
    let store = disk.open();
    (0..300).for_each(|number| _ = create(&store, &seen(number, 0)));
    store.close().unwrap();
    *disk.capacity.lock().unwrap() = Some(Capacity::new(u64::MAX, 1_000).estimate(0, 1));
    let store = disk.open();
    let (before, visited) = (disk.dump(), disk.visited.load(Ordering::SeqCst));
    let builder = Record::builder(id(300), SECRET, at(1)).idle(Some(Duration::from_secs(100)));
    assert_eq!(create(&store, &builder.entry("x", &[b'x'; 1_000]).build().unwrap()), Created::Full);
    assert_eq!(disk.dump(), before);
    assert_eq!(disk.visited.load(Ordering::SeqCst), visited, "nobody is looked for in vain");
}
