//! Tables as the first release wrote them. Every later one must read them.

use std::path::Path;
use std::time::Duration;

use pollster::block_on;
use sessions_store::{Changes, Created, Record, SecretHash, SessionId, Store, Timestamp};

use super::sample::folder;
use crate::engine::{Engine, Table, Write};
use crate::store::DiskStore;

/// The golden file: a line per key with its table, and key and value in hexadecimal.
const LAYOUT_2: &str = include_str!("golden/layout-2.txt");

const SECRET: SecretHash = SecretHash::from_bytes([0xab; 32]);
const CREATED: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn id(first: u8) -> SessionId {
    let mut bytes = [0x5e; 16];
    bytes[0] = first;
    SessionId::from_bytes(bytes)
}

fn later(seconds: u64) -> Timestamp {
    CREATED.after(Duration::from_secs(seconds))
}

/// Returns the tables of a store of layout 2 after [`write_golden_sample`].
///
/// # Panics
///
/// Panics if the golden file is malformed.
#[must_use]
pub fn golden_tables() -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let lines = LAYOUT_2.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split(' ');
            let mut field = || fields.next().expect("a line has three fields");
            let name = field();
            let table = Table::ALL.into_iter().find(|table| table.name() == name);
            (table.expect("the table has a name"), bytes(field()), bytes(field()))
        })
        .collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("it is ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("they are digits")).collect()
}

/// Writes the sessions of the golden file into an empty store.
///
/// # Panics
///
/// Panics if the store does not work.
pub fn write_golden_sample<E: Engine>(store: &DiskStore<E>) {
    for record in [plain(), rich(), bare()] {
        let record = record.build().expect("it is small");
        assert_eq!(block_on(store.create(&record)).expect("the store writes"), Created::STORED);
    }
    let base = rich().build().expect("it is small");
    let changes = Changes::new(later(60), SECRET).increment("visits", 2).set_flash("notice", b"\"saved\"");
    let committed = block_on(store.commit(&base, &changes)).expect("the store writes");
    assert!(committed.is_ok());
}

fn plain<'a>() -> sessions_store::RecordBuilder<'a> {
    Record::builder(id(1), SECRET, CREATED)
        .idle(Some(Duration::from_secs(1800)))
        .absolute_deadline(later(43_200))
        .entry("cart", b"[1,2,3]")
}

fn rich<'a>() -> sessions_store::RecordBuilder<'a> {
    Record::builder(id(2), SECRET, CREATED)
        .idle(Some(Duration::from_secs(600)))
        .principal(Some("ann@example.org"))
        .entry("visits", b"40")
        .entry("\u{fc}ber \0", &[0, 255, 1, 254])
        .immutable("plan", b"\"free\"")
        .flash("welcome", b"true")
}

fn bare<'a>() -> sessions_store::RecordBuilder<'a> {
    Record::builder(id(3), SECRET, CREATED)
}

/// Checks that a store of layout 2 is read as it was written.
///
/// # Panics
///
/// Panics if a session is missing or differs.
pub fn reads_golden_files<E: Engine>() {
    let folder = folder();
    let path = folder.path().join("store");
    write_tables::<E>(&path);
    let store = DiskStore::<E>::open(&path).expect("the store is opened");
    let load = |first, now| block_on(store.load(id(first), now)).expect("the session is read");

    assert_eq!(block_on(store.count()).expect("the count is read"), 3);
    assert_eq!(load(1, CREATED), plain().build().ok());
    assert_eq!(load(3, Timestamp::from_millis(u64::MAX - 1)), bare().build().ok());
    let read = load(2, later(659)).expect("it was seen after a minute");
    let written = rich().last_seen(later(60)).version(1).build().expect("it is small");
    assert_eq!((read.last_seen(), read.version()), (written.last_seen(), written.version()));
    assert_eq!(read.entry("visits").expect("it has the entry").value(), b"42");
    assert_eq!(read.entry("\u{fc}ber \0").expect("it has the entry").value(), [0, 255, 1, 254]);
    assert!(read.entry("plan").expect("it has the entry").is_immutable());
    assert_eq!(read.flash("welcome"), Some(b"true".as_slice()));
    assert_eq!(read.flash("notice"), Some(b"\"saved\"".as_slice()));
    assert!(!read.is_live(later(660)));

    let of_ann = block_on(store.of_principal("ann@example.org", later(60))).expect("the index is read");
    assert_eq!(of_ann, [read]);
    let swept = block_on(store.sweep(10, later(660))).expect("the store sweeps");
    assert_eq!(swept, [id(2)]);
    let swept = block_on(store.sweep(10, later(1800))).expect("the store sweeps");
    assert_eq!(swept, [id(1)]);
    store.close().expect("the store is closed");
}

fn write_tables<E: Engine>(path: &Path) {
    let mut engine = E::open(&path.into()).expect("new files are opened");
    let tables = golden_tables();
    let mut writes: Vec<_> = tables.iter().map(|(table, key, value)| Write::new(*table, key, Some(value))).collect();
    writes.sort_by_key(|write| (write.table, write.key));
    engine.write(&writes).expect("the engine writes");
}
