//! The contract's tests and the engine checks, on an engine in memory.

use sessions_conformance::{Damage, Setup};
use sessions_disk::testing;

use crate::support::{Disk, Ram};

sessions_conformance::store_conformance!(pollster::block_on, Disk::new().open());

sessions_conformance::damage_conformance!(pollster::block_on, {
    let store = Disk::new().open();
    Setup::new(store.clone()).damaged_by(move |id, damage| match damage {
        Damage::NewerFormat => testing::make_newer(&store, id),
        _ => testing::corrupt(&store, id),
    })
});

#[test]
fn damaged_records_are_detected() {
    testing::detects_damaged_records::<Ram>();
}

#[test]
fn golden_files_are_read() {
    testing::reads_golden_files::<Ram>();
}

#[test]
fn a_store_is_opened_once() {
    testing::opens_once::<Ram>();
}

/// A new layout needs a golden file of its own. This one is then only read.
#[test]
fn new_writes_match_the_golden_file() {
    let disk = Disk::new();
    let store = disk.open();
    testing::write_golden_sample(&store);
    store.close().unwrap();
    let lines = |tables: Vec<(sessions_disk::Table, Vec<u8>, Vec<u8>)>| -> Vec<String> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        tables.iter().map(|(table, key, value)| format!("{} {} {}", table.name(), hex(key), hex(value))).collect()
    };
    let written = disk.dump().into_iter().map(|((table, key), value)| (table, key, value)).collect();
    assert_eq!(lines(written).join("\n"), lines(testing::golden_tables()).join("\n"));
}
