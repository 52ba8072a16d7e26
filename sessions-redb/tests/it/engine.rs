//! What an engine has to hold besides the store contract, and what only this one can do wrong.

use std::fs;

use pollster::block_on;
use sessions_core::Store;
use sessions_disk::testing;
use sessions_redb::{OpenErrorKind, Redb, RedbBuilder, RedbStore};

#[test]
fn acknowledged_writes_survive_kills() {
    testing::survives_kills::<Redb>("engine::acknowledged_writes_survive_kills");
}

#[test]
fn a_full_disk_is_an_error_and_no_loss() {
    testing::survives_a_full_disk::<Redb>();
}

#[test]
fn a_disk_that_the_store_has_filled_stops_no_logout() {
    testing::survives_filling_its_disk::<Redb>();
}

#[test]
fn damaged_files_harm_nobody_else() {
    testing::survives_damaged_files::<Redb>();
}

#[test]
fn damaged_records_are_noticed() {
    testing::detects_damaged_records::<Redb>();
}

#[test]
fn golden_files_are_read() {
    testing::reads_golden_files::<Redb>();
}

#[test]
fn a_file_is_opened_once() {
    testing::opens_once::<Redb>();
}

#[test]
fn only_its_owner_can_read_the_file() {
    testing::creates_private_files::<Redb>();
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    for content in [b"not a database".to_vec(), vec![b'x'; 1 << 20], [vec![0; 4096], vec![1; 4096]].concat()] {
        fs::write(&path, &content).unwrap();
        let error = RedbStore::open(&path).unwrap_err();
        assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_file_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    drop(RedbStore::open(&path).unwrap());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
}

#[test]
fn a_file_whose_creation_was_interrupted_is_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    drop(RedbStore::open(&path).unwrap());
    let mut header = fs::read(&path).unwrap();
    header[..9].fill(0);
    header[512..].fill(0);
    for unfinished in [vec![], vec![0; 5], vec![0; 1 << 20], header] {
        fs::write(&path, unfinished).unwrap();
        assert_eq!(block_on(RedbStore::open(&path).unwrap().count()).unwrap(), 0);
    }
}

#[test]
fn what_cannot_be_opened_says_so() {
    testing::refuses_untrusted_paths::<Redb>();
    let folder = tempfile::tempdir().unwrap();
    let error = RedbStore::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::WrongType);
    let path = folder.path().join("sessions.redb");
    fs::write(&path, "not a database").unwrap();
    let error = RedbStore::open(&path).unwrap_err().to_string();
    assert_eq!(error, format!("cannot open {}: it is damaged, or not a store of this kind", path.display()));
}

#[test]
fn a_file_may_be_opened_with_and_without_quick_repair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    testing::write_golden_sample(&RedbStore::open(&path).unwrap());
    let store = RedbBuilder::new(&path).quick_repair(true).cache_size(1 << 20).open().unwrap();
    assert_eq!(block_on(store.count()).unwrap(), 3);
    assert_eq!(block_on(store.destroy_all()).unwrap(), 3);
    store.close().unwrap();
    assert_eq!(block_on(RedbStore::open(&path).unwrap().count()).unwrap(), 0);
}

#[test]
fn the_file_is_no_larger_than_asked_for() {
    let most = 8 << 20;
    testing::stays_within_its_limit(most, |path| RedbBuilder::new(path).max_bytes(most).open().unwrap());
}
