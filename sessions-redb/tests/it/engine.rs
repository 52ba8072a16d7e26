//! The engine checks, and what only redb can get wrong.

use std::fs;

use pollster::block_on;
use sessions_disk::testing;
use sessions_redb::{OpenErrorKind, Redb, RedbBuilder, RedbStore};
use sessions_store::Store;

#[test]
fn acknowledged_writes_survive_kills() {
    testing::survives_kills::<Redb>("engine::acknowledged_writes_survive_kills");
}

/// `src/faults.rs` has one at each operation of redb. Here, the file is also created and reopened.
#[test]
#[cfg(target_os = "linux")]
fn acknowledged_writes_survive_power_losses() {
    testing::survives_power_losses("engine::acknowledged_writes_survive_power_losses", |path| {
        RedbStore::open(path).unwrap()
    });
}

#[test]
fn a_full_disk_loses_nothing() {
    testing::survives_a_full_disk::<Redb>();
}

#[test]
fn a_disk_filled_by_the_store_stops_no_logout() {
    testing::survives_filling_its_disk::<Redb>();
}

/// Regression: the store went on with an empty one in the other folder.
#[test]
fn a_relative_path_outlives_a_change_of_folder() {
    testing::stays_in_its_folder::<Redb>("engine::a_relative_path_outlives_a_change_of_folder");
}

#[test]
fn damaged_files_harm_no_other_session() {
    testing::survives_damaged_files::<Redb>();
}

#[test]
fn damaged_records_are_detected() {
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
fn only_the_owner_can_read_the_file() {
    testing::creates_private_files::<Redb>();
}

#[test]
fn a_foreign_file_is_refused_and_left_unchanged() {
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
fn a_truncated_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    drop(RedbStore::open(&path).unwrap());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
}

#[test]
fn an_interrupted_creation_is_started_again() {
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
fn untrusted_paths_are_refused() {
    testing::refuses_untrusted_paths::<Redb>();
    let folder = tempfile::tempdir().unwrap();
    let error = RedbStore::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::WrongType);
    let path = folder.path().join("sessions.redb");
    fs::write(&path, "not a database").unwrap();
    let error = RedbStore::open(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "cannot open {}: it is damaged, or not a store of this kind; restore a backup or use another path",
            path.display()
        )
    );
}

#[test]
fn quick_repair_may_be_turned_on_and_off() {
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
fn the_file_stays_within_its_limit() {
    let most = 8 << 20;
    testing::stays_within_its_limit(most, |path| RedbBuilder::new(path).max_bytes(most).open().unwrap());
}
