//! Decodes arbitrary bytes as a stored record.
//!
//! A record that decodes keeps its bytes, can be read in full, and can be changed and rebuilt
//! without loss.

#![no_main]

use std::collections::BTreeMap;
use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use sessions_store::{Changes, Record};

fuzz_target!(|data: &[u8]| {
    let Ok(record) = Record::decode(data) else { return };
    assert_eq!(record.as_bytes(), data, "decoding changed the record");
    black_box(format!("{record:?}"));
    black_box((record.expires_at(), record.has_expired(record.created())));
    for entry in record.entries() {
        assert!(record.entry(entry.key()).is_some(), "an entry is not found by its key");
    }
    for (key, _) in record.flashes() {
        assert!(record.flash(key).is_some(), "a flash is not found by its key");
    }
    assert_eq!(Contents::of(&rebuilt(&record)), Contents::of(&record), "writing the record anew changed it");
    change(&record);
});

/// Applies changes of each kind. They may be refused, but must leave a valid record.
fn change(record: &Record) {
    let changes = || Changes::new(record.last_seen(), record.secret_hash());
    let key = record.entries().next().map_or("key", |entry| entry.key());
    for changes in [
        changes(),
        changes().set(key, b"value"),
        changes().set_immutable(key, b"").remove_flash(key),
        changes().increment(key, 1).set_flash(key, b"value"),
        changes().remove(key).bind("principal"),
        changes().clear_entries().set("new", b"value"),
        changes().clear_flashes().require(key, None),
    ] {
        if let Ok(changed) = record.apply(&changes) {
            let read = Record::decode(changed.as_bytes()).expect("a changed record decodes");
            assert_eq!(read, changed);
        }
    }
}

fn rebuilt(record: &Record) -> Record {
    let mut draft = Record::builder(record.id(), record.secret_hash(), record.created())
        .lifetime(record.lifetime())
        .principal(record.principal());
    for entry in record.entries() {
        draft = if entry.is_immutable() {
            draft.immutable(entry.key(), entry.value())
        } else {
            draft.entry(entry.key(), entry.value())
        };
    }
    for (key, value) in record.flashes() {
        draft = draft.flash(key, value);
    }
    draft.build().expect("what was decoded fits the format")
}

/// Contents that a builder copies from one record to another.
#[derive(Debug, PartialEq)]
struct Contents<'a> {
    principal: Option<&'a str>,
    entries: BTreeMap<&'a str, Vec<(&'a [u8], bool)>>,
    flashes: BTreeMap<&'a str, Vec<&'a [u8]>>,
}

impl<'a> Contents<'a> {
    fn of(record: &'a Record) -> Self {
        let mut entries = BTreeMap::<_, Vec<_>>::new();
        for entry in record.entries() {
            entries.entry(entry.key()).or_default().push((entry.value(), entry.is_immutable()));
        }
        let mut flashes = BTreeMap::<_, Vec<_>>::new();
        for (key, value) in record.flashes() {
            flashes.entry(key).or_default().push(value);
        }
        Self { principal: record.principal(), entries, flashes }
    }
}
