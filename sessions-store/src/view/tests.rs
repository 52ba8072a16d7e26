use std::collections::BTreeMap;

use super::*;
use crate::id::SessionId;
use crate::record::SecretHash;
use crate::record::{Change, Changes};
use crate::timestamp::Timestamp;

const LIMITS: Limits = Limits::new(64 * 1024, 256);

fn hash() -> SecretHash {
    SecretHash::from_bytes([1; 32])
}

fn view() -> View {
    let record = Record::builder(SessionId::from_bytes([7; 16]), hash(), Timestamp::from_millis(0))
        .entry("n", b"1")
        .entry("name", b"\"iris\"")
        .immutable("plan", b"\"pro\"")
        .flash("note", b"\"saved\"");
    of(record.build().unwrap())
}

fn of(record: Record) -> View {
    View { base: Some(record), ..View::default() }
}

fn entries(view: &View) -> BTreeMap<&str, &str> {
    view.slots(Scope::Entries).map(|(key, value)| (key, std::str::from_utf8(value).unwrap())).collect()
}

fn flash<'a>(view: &'a View, key: &str) -> Option<&'a [u8]> {
    view.find(Scope::Flashes, key).map(|seen| seen.value)
}

fn change<'a>(verb: Verb, key: &'a str, value: &'a [u8]) -> Change<'a> {
    Change { verb, key: key.as_bytes(), value, by: 0 }
}

fn changes(view: &View) -> Vec<Change<'_>> {
    view.edits.iter().collect()
}

fn assert_size_is_exact(view: &mut View) {
    let kept = view.measure();
    view.measured = None;
    assert_eq!(kept, view.measure());
}

#[test]
fn later_reads_see_earlier_writes() {
    let mut view = view();
    view.set(Write::Entry, "name", b"\"rose\"", &LIMITS).unwrap();
    view.set(Write::Entry, "new", b"2", &LIMITS).unwrap();
    assert!(
        view.remove(Scope::Entries, "n")
            && !view.remove(Scope::Entries, "n")
            && !view.remove(Scope::Entries, "missing")
    );
    assert_eq!(entries(&view), BTreeMap::from([("name", "\"rose\""), ("new", "2"), ("plan", "\"pro\"")]));
    assert_size_is_exact(&mut view);
}

#[test]
fn equal_value_is_no_change() {
    let mut view = view();
    view.set(Write::Entry, "name", b"\"iris\"", &LIMITS).unwrap();
    view.set(Write::Immutable, "plan", b"\"pro\"", &LIMITS).unwrap();
    assert!(view.edits.is_empty() && !view.remove(Scope::Entries, "missing"));
    let mut empty = View::default();
    empty.clear(Scope::Entries);
    empty.clear(Scope::Flashes);
    assert!(empty.edits.is_empty());
}

#[test]
fn equal_flash_is_set_again() {
    let mut view = view();
    view.set(Write::Flash, "note", b"\"saved\"", &LIMITS).unwrap();
    assert!(changes(&view) == [change(Verb::SetFlash, "note", b"\"saved\"")], "another request may have read it");
}

#[test]
fn setting_back_is_a_change_again() {
    let mut view = view();
    view.set(Write::Entry, "name", b"\"rose\"", &LIMITS).unwrap();
    view.set(Write::Entry, "name", b"\"iris\"", &LIMITS).unwrap();
    assert!(changes(&view) == [change(Verb::Set, "name", b"\"iris\"")]);
}

#[test]
fn only_set_immutable_replaces_an_immutable_entry() {
    let mut view = view();
    let refused = view.set(Write::Entry, "plan", b"\"free\"", &LIMITS).unwrap_err();
    assert_eq!(refused, WriteError::Immutable);
    assert_eq!(view.increment("plan", 1, &LIMITS).unwrap_err(), WriteError::Immutable);
    view.set(Write::Immutable, "plan", b"\"free\"", &LIMITS).unwrap();
    assert_eq!(view.set(Write::Entry, "plan", b"1", &LIMITS).unwrap_err(), WriteError::Immutable);
    view.set(Write::Immutable, "name", b"\"iris\"", &LIMITS).unwrap();
    assert_eq!(view.set(Write::Entry, "name", b"1", &LIMITS).unwrap_err(), WriteError::Immutable);
    assert!(view.remove(Scope::Entries, "plan"));
    view.set(Write::Entry, "plan", b"1", &LIMITS).unwrap();
}

#[test]
fn store_adds_unless_the_request_set_the_value() {
    let mut view = view();
    assert_eq!(view.increment("n", 2, &LIMITS).unwrap(), 3);
    assert_eq!(view.increment("n", -5, &LIMITS).unwrap(), -2);
    assert_eq!(view.increment("fresh", 7, &LIMITS).unwrap(), 7);
    view.set(Write::Entry, "own", b"40", &LIMITS).unwrap();
    assert_eq!(view.increment("own", 2, &LIMITS).unwrap(), 42);
    assert!(
        changes(&view)
            == [
                Change { by: -3, ..change(Verb::Increment, "n", b"-2") },
                Change { by: 7, ..change(Verb::Increment, "fresh", b"7") },
                change(Verb::Set, "own", b"42")
            ],
        "{:?}",
        changes(&view)
    );
    assert_size_is_exact(&mut view);
}

#[test]
fn only_integers_can_be_incremented() {
    let mut view = view();
    assert_eq!(view.increment("name", 1, &LIMITS).unwrap_err(), WriteError::NotANumber);
    assert_eq!(view.increment("n", i64::MAX, &LIMITS).unwrap_err(), WriteError::NotANumber);
    assert!(view.edits.is_empty());
}

#[test]
fn clearing_leaves_flashes_and_later_writes() {
    let mut view = view();
    view.set(Write::Entry, "a", b"1", &LIMITS).unwrap();
    view.clear(Scope::Entries);
    assert!(entries(&view).is_empty() && flash(&view, "note").is_some());
    view.set(Write::Entry, "plan", b"2", &LIMITS).unwrap();
    assert_eq!(view.increment("n", 5, &LIMITS).unwrap(), 5);
    assert_eq!(entries(&view), BTreeMap::from([("plan", "2"), ("n", "5")]));
    view.clear(Scope::Flashes);
    assert!(flash(&view, "note").is_none());
    assert_size_is_exact(&mut view);
}

#[test]
fn flash_is_visible_until_its_request_ends() {
    let mut view = view();
    view.consume_flash("note");
    view.consume_flash("missing");
    assert_eq!(flash(&view, "note"), Some(&b"\"saved\""[..]));
    assert!(changes(&view) == [change(Verb::ConsumeFlash, "note", b"\"saved\"")]);
    assert!(!view.edits.has_writes(), "reading a flash is no write");

    view.set(Write::Flash, "own", b"1", &LIMITS).unwrap();
    view.consume_flash("own");
    assert_eq!(flash(&view, "own"), Some(&b"1"[..]));
    assert!(changes(&view)[1] == change(Verb::SpendFlash, "own", b"1"));

    assert!(view.remove(Scope::Flashes, "note") && !view.remove(Scope::Flashes, "note"));
    assert!(flash(&view, "note").is_none());
    assert_size_is_exact(&mut view);
}

#[test]
fn flash_read_in_its_own_request_stores_nothing() {
    let mut view = View::default();
    view.set(Write::Flash, "own", b"1", &LIMITS).unwrap();
    assert!(view.would_store());
    view.consume_flash("own");
    assert!(!view.would_store());
    view.set(Write::Entry, "a", b"1", &LIMITS).unwrap();
    assert!(view.would_store() && view.remove(Scope::Entries, "a") && !view.would_store());
}

#[test]
fn oversized_write_changes_nothing() {
    let limits = Limits::new(view().measure().0 + 20, 5);
    let mut view = view();
    let refused = view.set(Write::Entry, "big", &[b'1'; 100], &limits).unwrap_err();
    assert_eq!(refused, WriteError::TooLarge);
    assert!(view.edits.is_empty());
    view.set(Write::Flash, "k", b"1", &limits).unwrap();
    assert_eq!(view.set(Write::Entry, "l", b"1", &limits).unwrap_err(), WriteError::TooLarge);
    assert!(view.remove(Scope::Entries, "n"));
    view.set(Write::Entry, "l", b"1", &limits).unwrap();
    assert_size_is_exact(&mut view);
}

#[test]
fn principal_always_counts_toward_the_size() {
    let record = Record::builder(SessionId::from_bytes([7; 16]), hash(), Timestamp::from_millis(0))
        .principal(Some("ann"))
        .entry("n", b"1");
    let mut view = of(record.build().unwrap());
    assert_size_is_exact(&mut view);
    let loaded = view.measure().0;
    view.clear(Scope::Entries);
    view.set(Write::Entry, "n", b"1", &LIMITS).unwrap();
    assert_eq!(view.measure().0, loaded);
}

#[test]
fn session_over_its_limit_can_shrink() {
    let limits = Limits::new(1, 1);
    let mut view = view();
    view.set(Write::Entry, "name", b"1", &limits).unwrap();
    assert!(view.remove(Scope::Entries, "plan"));
    assert_eq!(view.set(Write::Entry, "x", b"", &limits).unwrap_err(), WriteError::TooManyKeys);
}

#[test]
fn overlong_key_is_refused() {
    let limits = Limits::new(usize::MAX, 256);
    let key = "k".repeat(65_536);
    assert_eq!(view().set(Write::Entry, &key, b"1", &limits).unwrap_err(), WriteError::TooLarge);
    view().set(Write::Entry, &key[1..], b"1", &limits).unwrap();
}

#[test]
fn view_matches_the_store() {
    let mut view = view();
    view.set(Write::Entry, "name", b"\"rose\"", &LIMITS).unwrap();
    view.increment("n", 4, &LIMITS).unwrap();
    view.remove(Scope::Entries, "plan");
    view.set(Write::Flash, "more", b"1", &LIMITS).unwrap();
    view.remove(Scope::Flashes, "note");
    let base = view.base().unwrap().clone();
    let expected: BTreeMap<String, String> =
        entries(&view).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let changes = view.take_changes(base.created(), hash(), None, LIMITS);
    let stored = base.apply(&changes).unwrap();
    let view = of(stored);
    assert_eq!(
        entries(&view).into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>(),
        expected
    );
    assert_eq!(view.slots(Scope::Flashes).collect::<Vec<_>>(), [("more", &b"1"[..])]);
}

#[test]
fn rebased_record_is_measured_with_edits() {
    let mut view = view();
    let base = view.base().cloned();
    view.set(Write::Entry, "name", b"\"a longer name\"", &LIMITS).unwrap();
    view.set(Write::Entry, "new", b"2", &LIMITS).unwrap();
    view.rebase(base);
    assert_size_is_exact(&mut view);
    view.rebase(None);
    assert_size_is_exact(&mut view);
}

#[test]
fn session_over_its_limit_can_change_entries() {
    let limits = Limits::new(1, 1);
    let mut view = view();
    view.set(Write::Entry, "n", b"2", &limits).unwrap();
    assert_eq!(view.set(Write::Entry, "n", b"10", &limits).unwrap_err(), WriteError::TooLarge);
    let base = view.base().unwrap();
    let changes = Changes::new(Timestamp::from_millis(0), hash()).limited_to(limits);
    assert!(base.apply(&changes.set("n", b"2")).is_ok(), "the store agrees");
}
