//! Failures of the disk and the engine.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_core::{DestroyReason, Event, Sessions, StoreCall};
use sessions_disk::{OpenErrorKind, Table, testing};
use sessions_store::{Changes, Created, Record, RecordError, Refusal, Store, StoreErrorKind};

use crate::support::{Disk, Fate, Options, RamStore, SECRET, at, id, increment, n, of, record};

#[test]
fn a_failed_write_fails_its_batch_and_changes_nothing() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    block_on(store.create(&of(1, "ann"))).unwrap();
    let before = disk.dump();

    disk.shut();
    let first = store.destroy(id(9));
    block_on(first).unwrap();
    disk.next_writes(&[Fate::Lost; 6]);
    let first = store.commit(&record(0), &increment(1));
    disk.wait_for_writer();
    let second = store.commit(&record(0), &increment(1));
    let third = store.destroy(id(1));
    let fourth = store.destroy_of_principal("ann", None);
    disk.release();
    let errors = [
        block_on(first).unwrap_err(),
        block_on(second).unwrap_err(),
        block_on(third).unwrap_err(),
        block_on(fourth).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let engine_error = std::error::Error::source(&error).unwrap();
        assert!(engine_error.source().unwrap().is::<std::io::Error>(), "the cause is kept");
    }
    assert_eq!(disk.dump(), before);
    assert_eq!(n(&block_on(store.load(id(0), at(1))).unwrap().unwrap()), 0);
    assert_eq!(block_on(store.of_principal("ann", at(1))).unwrap().len(), 1);

    let committed = testing::until_it_works(|| block_on(store.commit(&record(0), &increment(1))));
    assert_eq!(committed.map(drop), Ok(()));
    assert_eq!(n(&block_on(store.load(id(0), at(1))).unwrap().unwrap()), 1);
}

#[test]
fn a_single_failure_is_retried_unnoticed() {
    for fate in [Fate::Lost, Fate::Unheard, Fate::Panic] {
        let disk = Disk::new();
        let store = disk.open();
        block_on(store.create(&record(0))).unwrap();
        disk.next_writes(&[fate]);
        assert_eq!(block_on(store.commit(&record(0), &increment(1))).unwrap().map(drop), Ok(()));
        assert_eq!(n(&block_on(store.load(id(0), at(1))).unwrap().unwrap()), 1, "after {fate:?}");
        assert_eq!(disk.drops.load(Ordering::SeqCst), 1, "only the disk is trusted");
    }
}

#[test]
fn calls_without_a_write_do_not_end_the_backoff() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    disk.next_writes(&[Fate::Lost; 9]);
    let opens = disk.opens.load(Ordering::SeqCst);
    for (pause, opened) in [(50, 2), (100, 3), (200, 4)] {
        let begun = Instant::now();
        block_on(store.commit(&record(0), &increment(1))).unwrap_err();
        assert_eq!(disk.opens.load(Ordering::SeqCst) - opens, opened, "only the first is retried at once");
        assert!(!testing::until_it_works(|| block_on(store.destroy(id(77)))));
        assert!(begun.elapsed() >= Duration::from_millis(pause));
    }
    disk.next_writes(&[]);
    assert_eq!(block_on(store.commit(&record(0), &increment(1))).unwrap().map(drop), Ok(()));
    disk.next_writes(&[Fate::Lost]);
    assert_eq!(
        block_on(store.commit(&record(0), &increment(1))).unwrap().map(drop),
        Ok(()),
        "a successful write resets the backoff"
    );
}

#[test]
fn a_failed_write_that_took_effect_is_undone() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&of(0, "ann"))).unwrap();
    block_on(store.create(&record(1))).unwrap();
    let before = disk.dump();

    // The write and its retry both take effect and fail; each is undone before anybody reads it.
    disk.next_writes(&[Fate::Unheard, Fate::Written, Fate::Unheard, Fate::Written]);
    block_on(store.destroy(id(0))).unwrap_err();
    assert_eq!(disk.dump(), before);
    testing::until_it_works(|| block_on(store.create(&record(2))));
    block_on(store.destroy(id(2))).unwrap();

    disk.next_writes(&[Fate::Unheard, Fate::Written, Fate::Unheard, Fate::Written]);
    block_on(store.create(&of(3, "bob"))).unwrap_err();
    assert_eq!(disk.dump(), before);
}

#[test]
fn a_write_not_yet_undone_is_never_read() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    // Undoing it fails twice.
    disk.next_writes(&[Fate::Unheard, Fate::Lost, Fate::Lost]);
    block_on(store.commit(&record(0), &increment(1))).unwrap_err();
    let read = || block_on(store.load(id(0), at(1))).map(|record| n(&record.unwrap()));
    assert_eq!(testing::until_it_works(read), 0);
    let _ = testing::until_it_works(|| block_on(store.commit(&record(0), &increment(1))));
    assert_eq!(read().unwrap(), 1);
}

#[test]
fn reopening_is_retried_until_it_works() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    disk.refusals.store(2, Ordering::SeqCst);
    disk.next_writes(&[Fate::Lost]);
    let error = block_on(store.commit(&record(0), &increment(1))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    // Reads recover without a write.
    assert_eq!(testing::until_it_works(|| block_on(store.load(id(0), at(1)))), Some(record(0)));
    let _ = testing::until_it_works(|| block_on(store.commit(&record(0), &increment(1))));
}

#[test]
fn an_error_tells_why_the_files_cannot_be_reopened() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    disk.refusals.store(usize::MAX, Ordering::SeqCst);
    disk.next_writes(&[Fate::Lost]);
    block_on(store.commit(&record(0), &increment(1))).unwrap_err();
    let reading = block_on(store.load(id(0), at(1))).unwrap_err();
    let writing = testing::until_it_works(|| match block_on(store.commit(&record(0), &increment(1))) {
        // Until the pause is over, it is the error of the write that has failed.
        Err(error) if !chain(&error).contains("reopened") => Err(error),
        answer => Ok(answer.unwrap_err()),
    });
    for error in [reading, writing] {
        assert!(chain(&error).contains("the files are being reopened"), "{}", chain(&error));
        assert!(
            chain(&error).ends_with("cannot open the ram store: it cannot be read, written or created"),
            "{}",
            chain(&error)
        );
    }
    disk.refusals.store(0, Ordering::SeqCst);
    assert_eq!(testing::until_it_works(|| block_on(store.load(id(0), at(1)))), Some(record(0)));
    store.close().unwrap();
    let closed = block_on(store.load(id(0), at(1))).unwrap_err();
    assert!(chain(&closed).ends_with("open it again"), "{}", chain(&closed));
}

/// Returns an error and its sources as one text.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_panic_in_a_write_is_an_error() {
    let disk = Disk::new();
    let store = disk.open();
    disk.next_writes(&[Fate::Panic; 2]);
    let error = block_on(store.create(&record(0))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    testing::until_it_works(|| block_on(store.create(&record(0))));
    store.close().unwrap();
}

/// Regression: it ended the writer, and every later call failed.
#[test]
fn a_panic_while_an_engine_is_given_up_is_survived() {
    let disk = Disk::new();
    let store = disk.open();
    disk.is_fragile.store(true, Ordering::SeqCst);
    // The write is in the files, and cannot be undone at once.
    disk.next_writes(&[Fate::Unheard, Fate::Lost]);
    block_on(store.create(&record(0))).unwrap_err();
    testing::until_it_works(|| block_on(store.create(&record(0))));
    store.close().unwrap();
    disk.put(Table::Meta, b"layout", &3_u64.to_le_bytes());
    let error = RamStore::with_options(Options(Arc::clone(&disk))).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::UnknownFormat);
}

#[test]
fn an_engine_with_failing_reads_is_reopened() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    let opens = disk.opens.load(Ordering::SeqCst);
    disk.is_unreadable.store(true, Ordering::SeqCst);
    let error = block_on(store.load(id(0), at(1))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(testing::until_it_works(|| block_on(store.load(id(0), at(1)))), Some(record(0)));
    assert_eq!(disk.opens.load(Ordering::SeqCst), opens + 1);
}

#[test]
fn a_damaged_page_fails_only_its_own_session() {
    let disk = Disk::new();
    let store = disk.open();
    for number in 0..3 {
        block_on(store.create(&record(number))).unwrap();
    }
    *disk.damaged.lock().unwrap() = Some(id(1).as_bytes().to_vec());
    disk.shut();
    let commits: Vec<_> = (0..3).map(|number| store.commit(&record(number), &increment(1))).collect();
    disk.release();
    let committed: Vec<_> = commits
        .into_iter()
        .map(block_on)
        .map(|answer| answer.map(|new| new.map(drop)).map_err(|error| error.kind()))
        .collect();
    let applied = Ok(Ok(()));
    assert_eq!(committed, [applied, Err(StoreErrorKind::Unreadable), applied]);
    assert_eq!(block_on(store.load(id(1), at(1))).unwrap_err().kind(), StoreErrorKind::Unreadable);
    assert_eq!(n(&block_on(store.load(id(2), at(1))).unwrap().unwrap()), 1);
    // A sweep continues after it.
    let mut swept = block_on(store.sweep(10, at(500))).unwrap();
    swept.sort();
    assert_eq!(swept, [id(0), id(2)]);
    // It was not destroyed, so this must fail.
    block_on(store.destroy_all()).unwrap_err();
}

#[test]
fn a_damaged_page_stops_no_listing_and_no_logout() {
    let disk = Disk::new();
    let store = disk.open();
    for number in 0..5 {
        block_on(store.create(&of(number, "ann"))).unwrap();
        block_on(store.create(&record(10 + number))).unwrap();
    }
    let is_alive = |number: &u64| matches!(block_on(store.load(id(*number), at(1))), Ok(Some(_)));
    let alive = || (0..20).filter(is_alive).collect::<Vec<_>>();
    *disk.damaged.lock().unwrap() = Some(id(2).as_bytes().to_vec());
    let of_ann = block_on(store.of_principal("ann", at(1))).unwrap();
    assert_eq!(of_ann.iter().map(Record::id).collect::<Vec<_>>(), [id(0), id(1), id(3), id(4)]);
    // One session was not ended, so this must fail.
    let error = block_on(store.destroy_of_principal("ann", None)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    assert_eq!(alive(), Vec::from_iter(10..15_u64));
    let error = block_on(store.destroy_all()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    assert_eq!(alive(), [0_u64; 0]);
    assert_eq!(block_on(store.count()).unwrap(), 1);

    *disk.damaged.lock().unwrap() = None;
    assert_eq!(block_on(store.destroy_of_principal("ann", None)).unwrap(), [id(2)], "it is still listed");
}

#[test]
fn sessions_listed_before_a_damaged_page_are_ended() {
    let disk = Disk::new();
    let store = disk.open();
    for number in 0..5 {
        block_on(store.create(&of(number, "ann"))).unwrap();
    }
    *disk.torn.lock().unwrap() = Some(disk.keys(Table::Principals)[3].clone());
    let error = block_on(store.destroy_of_principal("ann", None)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    assert_eq!(block_on(store.count()).unwrap(), 2);
    assert_eq!(block_on(store.of_principal("ann", at(1))).unwrap_err().kind(), StoreErrorKind::Unreadable);
}

#[test]
fn a_half_failed_operation_is_rolled_back() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    // The record can be written, but not its entry in the deadlines table.
    let entry = disk.keys(Table::Deadlines).remove(0);
    *disk.damaged.lock().unwrap() = Some([&entry[..9], id(1).as_bytes()].concat());
    disk.shut();
    let commit = store.commit(&record(0), &increment(1));
    disk.wait_for_writer();
    let (create, beside) = (store.create(&record(1)), store.commit(&record(0), &increment(1)));
    disk.release();
    assert_eq!(block_on(commit).unwrap().map(drop), Ok(()));
    assert_eq!(block_on(create).unwrap_err().kind(), StoreErrorKind::Unreadable);
    assert_eq!(block_on(beside).unwrap().map(drop), Ok(()));
    assert_eq!(block_on(store.load(id(1), at(1))).unwrap(), None);
    assert_eq!(disk.keys(Table::Deadlines).len(), 1);
}

/// The manager's sweeping thread must survive a failing disk and a panicking engine.
#[test]
fn a_failed_sweep_is_reported_and_the_next_works() {
    for fate in [Fate::Lost, Fate::Panic] {
        let disk = Disk::new();
        let store = disk.open();
        block_on(store.create(&record(0))).unwrap();
        let failed_writes = [fate; 4];
        disk.next_writes(&failed_writes);
        let (sender, events) = mpsc::channel();
        let listener = move |event: &Event| {
            let _ = sender.send(event.clone());
        };
        let builder = Sessions::builder().store(store.clone()).on_event(listener);
        let _sessions = builder.sweep_every(Duration::from_millis(1)).build().unwrap();
        let next = || events.recv_timeout(Duration::from_secs(30)).expect("the sweeper goes on");
        let has_failed = |event: &Event| {
            matches!(event, Event::StoreFailed { call: StoreCall::Sweep, kind: StoreErrorKind::Unavailable, .. })
        };
        let expired = |event| match event {
            Event::Destroyed { id, reason: DestroyReason::Expired, .. } => id,
            other => panic!("{other:?}"),
        };
        assert!(has_failed(&next()));
        let swept = std::iter::repeat_with(next).find(|event| !has_failed(event));
        assert_eq!(swept.map(expired), Some(id(0)));
        assert_eq!(block_on(store.count()).unwrap(), 0);

        block_on(store.create(&record(1))).unwrap();
        assert_eq!(expired(next()), id(1), "and so do later ones");
    }
}

#[test]
fn a_store_is_opened_once() {
    let disk = Disk::new();
    let store = disk.open();
    let error = RamStore::with_options(Options(Arc::clone(&disk))).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Locked);
    store.close().unwrap();
    disk.open();
}

#[test]
fn a_newer_layout_is_refused_and_left_unchanged() {
    let disk = Disk::new();
    drop(disk.open());
    disk.put(Table::Meta, b"layout", &3_u64.to_le_bytes());
    let before = disk.dump();
    let error = RamStore::with_options(Options(Arc::clone(&disk))).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::UnknownFormat);
    assert_eq!(disk.dump(), before);
}

#[test]
fn an_unreadable_record_is_gone_for_writes_and_kept() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&record(0))).unwrap();
    let mut bytes = disk.value(Table::Records, id(0).as_bytes()).unwrap();
    bytes[40] ^= 1;
    disk.put(Table::Records, id(0).as_bytes(), &bytes);

    let error = block_on(store.load(id(0), at(1))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.downcast_ref(), Some(&RecordError::Corrupt));
    assert_eq!(block_on(store.commit(&record(0), &increment(1))).unwrap().map(drop), Err(Refusal::Gone));
    assert_eq!(block_on(store.create(&record(0))).unwrap(), Created::Exists);
    assert!(block_on(store.scan(None, 10, at(1))).unwrap().records.is_empty());
    assert_eq!(disk.value(Table::Records, id(0).as_bytes()), Some(bytes));

    assert!(block_on(store.destroy(id(0))).unwrap());
    assert_eq!(block_on(store.load(id(0), at(1))).unwrap(), None);
    assert_eq!(block_on(store.count()).unwrap(), 0);
}

#[test]
fn a_lock_that_goes_is_waited_for() {
    let disk = Disk::new();
    disk.locks.store(3, Ordering::SeqCst);
    let store = disk.open();
    assert_eq!(block_on(store.count()).unwrap(), 0);
    assert_eq!(disk.opens.load(Ordering::SeqCst), 1);
}

#[test]
fn an_engine_that_fails_to_read_is_reopened() {
    let disk = Disk::new();
    let store = disk.open();
    block_on(store.create(&of(1, "ann"))).unwrap();
    let fail = || *disk.failing.lock().unwrap() = Some(id(1).as_bytes().to_vec());
    fail();
    let error = block_on(store.of_principal("ann", at(1))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "an outage does not look like a user without sessions");
    let found = testing::until_it_works(|| block_on(store.of_principal("ann", at(1))));
    assert_eq!(found.len(), 1);
    fail();
    assert_eq!(block_on(store.commit(&record(1), &Changes::new(at(1), SECRET))).unwrap().map(drop), Ok(()));
}

#[test]
fn a_page_holds_no_more_than_its_limit() {
    let store = Disk::new().open();
    (0..5).for_each(|number| drop(block_on(store.create(&record(number))).unwrap()));
    let (mut from, mut pages) = (None, Vec::new());
    loop {
        let page = block_on(store.scan(from, 2, at(1))).unwrap();
        pages.push(page.records.iter().map(Record::id).collect::<Vec<_>>());
        from = page.next;
        if from.is_none() {
            break;
        }
        assert!(pages.len() < 10, "the listing has no end: {pages:?}");
    }
    assert_eq!(pages, [vec![id(0), id(1)], vec![id(2), id(3)], vec![id(4)]]);
}

#[test]
fn errors_and_debug_output_name_the_engine() {
    let disk = Disk::new();
    let store = disk.open();
    assert_eq!((store.name(), format!("{store:?}").as_str()), ("ram", r#"DiskStore { engine: "ram", .. }"#));
    store.close().unwrap();
    assert_eq!(block_on(store.count()).unwrap_err().store(), "ram");
}
