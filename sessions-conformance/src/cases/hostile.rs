//! Keys, values, ids and principals that look like something else.

use sessions_store::SessionId;

use crate::fixtures::{
    Line, MILLISECOND, assert_same, built, changes, draft, entries, flashes, fresh_id, sorted, start,
};
use crate::subject::Subject;

/// Keys that an engine, script, pattern, path or field name could interpret.
const KEYS: [&str; 62] = [
    "",
    " ",
    "*",
    "**",
    "?",
    "key",
    "key*",
    "k?y",
    "[key]",
    "[a-z]*",
    "k",
    "keyy",
    "KEY",
    ".",
    "..",
    "../..",
    "/",
    "a/b",
    "\\",
    "a\\b",
    "\0",
    "key\0",
    "\0key",
    "\n",
    "\r\n",
    "\t",
    "\x1b[2J",
    "'",
    "\"",
    "`",
    "''; --",
    "' OR 1=1",
    "%s",
    "%00",
    "{key}",
    "{",
    "}{",
    "$(key)",
    "${key}",
    "return redis.call('FLUSHALL')",
    "KEYS[1]",
    "ARGV",
    "nil",
    "null",
    "*3\r\n$3\r\nDEL\r\n",
    "e",
    "f",
    "e:key",
    "f:key",
    ":",
    "::",
    "id",
    "secret",
    "version",
    "created",
    "last_seen",
    "idle",
    "absolute",
    "principal",
    "\u{e9}",
    "e\u{301}",
    "\u{1f36a}\u{200d}\u{feff}",
];

/// Values that an engine or decoder could misread.
const VALUES: [&[u8]; 24] = [
    b"",
    b"\0",
    b"\0\0",
    b"0",
    b"-0",
    b"00",
    b"+1",
    b"1e400",
    b"NaN",
    b"null",
    b"nil",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b" ",
    b"\r\n",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x8d\xaa",
    b"$-1\r\n",
    b"*",
    b"return 1",
];

/// Returns a value unique to a key.
fn of(key: &str) -> Vec<u8> {
    [key.as_bytes(), b"=\xff\0"].concat()
}

/// Checks that no call interprets the text of a key.
pub async fn a_key_may_be_any_text(subject: &Subject) {
    let now = start();
    let values: Vec<Vec<u8>> = KEYS.iter().map(|key| of(key)).collect();
    let pairs = || KEYS.iter().zip(&values);
    let id = subject.begin(now).await;
    let all = pairs().fold(changes(now), |changes, (key, value)| changes.set(key, value).set_flash(key, value));
    subject.apply(id, &all).await;
    let mut expected: Vec<Line<'_>> = pairs().map(|(key, value)| (*key, &**value, false)).collect();
    expected.sort_unstable();
    let found = subject.find(id, now).await;
    assert_eq!(entries(&found), expected);
    assert_eq!(flashes(&found), expected.iter().map(|line| (line.0, line.1)).collect::<Vec<_>>());
    // A create with these keys stores the same record.
    let created =
        pairs().fold(draft(fresh_id(), now), |draft, (key, value)| draft.immutable(key, value).flash(key, value));
    let created = subject.put(created).await;
    assert_same(&subject.find(created.id(), now).await, &created);
}

/// Checks that changing one key changes no other, whatever its text matches.
pub async fn a_key_names_one_entry(subject: &Subject) {
    let now = start();
    let values: Vec<Vec<u8>> = KEYS.iter().map(|key| of(key)).collect();
    let full = KEYS
        .iter()
        .zip(&values)
        .fold(draft(fresh_id(), now), |draft, (key, value)| draft.entry(key, value).flash(key, value));
    let id = subject.put(full).await.id();
    for (gone, (key, value)) in KEYS.iter().zip(&values).enumerate() {
        subject.apply(id, &changes(now).require(key, Some(value)).remove(key)).await;
        let found = subject.find(id, now).await;
        assert_eq!(entries(&found).len(), KEYS.len() - gone - 1, "after {key:?}");
        assert!(found.entry(key).is_none());
        assert_eq!(found.flash(key), Some(&**value));
        subject.apply(id, &changes(now).consume_flash(key, value)).await;
        assert_eq!(flashes(&subject.find(id, now).await).len(), KEYS.len() - gone - 1, "after {key:?}");
    }
}

/// Checks that any key may be incremented.
pub async fn a_counter_may_have_any_name(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    for _ in 0..3 {
        let all = KEYS.iter().fold(changes(now), |changes, key| changes.increment(key, 14));
        subject.apply(id, &all).await;
    }
    let found = subject.find(id, now).await;
    assert_eq!(entries(&found).len(), KEYS.len());
    assert!(found.entries().all(|entry| entry.value() == b"42"));
}

/// Checks that every kind of entry and every call keeps values byte for byte.
pub async fn a_value_may_be_any_bytes(subject: &Subject) {
    let now = start();
    let every_byte: Vec<u8> = (0..=255).collect();
    let values = VALUES.iter().copied().chain([&*every_byte]);
    for value in values {
        let id = subject.put(draft(fresh_id(), now).entry("created", value).flash("created", value)).await.id();
        let writes = changes(now).require("created", Some(value)).set("set", value);
        subject.apply(id, &writes.set_immutable("immutable", value).set_flash("set", value)).await;
        let found = subject.find(id, now).await;
        assert_eq!(entries(&found), [("created", value, false), ("immutable", value, true), ("set", value, false)]);
        assert_eq!(flashes(&found), [("created", value), ("set", value)]);
        subject.apply(id, &changes(now).consume_flash("set", value)).await;
        assert_eq!(flashes(&subject.find(id, now).await), [("created", value)]);
    }
}

/// Checks values as large as the default limit of a whole record.
pub async fn a_value_may_be_large(subject: &Subject) {
    let now = start();
    let large: Vec<u8> = (0..64 * 1024_u32).map(|number| (number * 31 + number / 256) as u8).collect();
    let larger = [&large[..], b"end"].concat();
    let id = subject.put(draft(fresh_id(), now).entry("created", &large)).await.id();
    subject.apply(id, &changes(now).set("set", &larger).set_flash("flash", &large)).await;
    let found = subject.find(id, now).await;
    assert!(entries(&found) == [("created", &*large, false), ("set", &*larger, false)]);
    assert!(flashes(&found) == [("flash", &*large)]);
    subject.apply(id, &changes(now).set("set", b"small").require("set", Some(&larger))).await;
    subject.apply(id, &changes(now).require("created", Some(&large)).remove("created")).await;
    assert_eq!(entries(&subject.find(id, now).await), [("set", &b"small"[..], false)]);
}

/// Checks that long keys are compared to their end.
pub async fn a_key_may_be_long(subject: &Subject) {
    let now = start();
    let (one, other) = (format!("{}1", "k".repeat(4000)), format!("{}2", "k".repeat(4000)));
    let id = subject.begin(now).await;
    subject.apply(id, &changes(now).set(&one, b"1").set(&other, b"2").set_flash(&one, b"3")).await;
    subject.apply(id, &changes(now).remove(&one)).await;
    let found = subject.find(id, now).await;
    assert_eq!(entries(&found), [(&*other, &b"2"[..], false)]);
    assert_eq!(flashes(&found), [(&*one, &b"3"[..])]);
}

/// Checks that any 16 bytes are an id, each of its own session.
pub async fn an_id_may_be_any_bytes(subject: &Subject) {
    let now = start();
    let mut all: Vec<[u8; 16]> = vec![
        [0; 16],
        [0xff; 16],
        *b"****************",
        *b"../../../../../.",
        *b"a\r\nDEL a\r\nGET a\r",
        *b"%s%s%s%s%s%s%s%s",
    ];
    // Ids that differ in one bit.
    all.extend((0..128).map(|bit| (1_u128 << bit).to_be_bytes()));
    let ids: Vec<_> = all.into_iter().map(SessionId::from_bytes).collect();
    for (number, id) in ids.iter().enumerate() {
        subject.put(draft(*id, now).entry("number", number.to_string().as_bytes())).await;
    }
    assert_eq!(subject.count().await, ids.len() as u64);
    assert_eq!(subject.listed(20, now).await, sorted(ids.iter().copied()));
    for (number, id) in ids.iter().enumerate() {
        let expected = built(draft(*id, now).entry("number", number.to_string().as_bytes()));
        assert_same(&subject.find(*id, now).await, &expected);
        assert!(subject.destroy(*id).await);
        assert_eq!(subject.count().await, (ids.len() - number - 1) as u64);
    }
}

/// Checks that a commit may bind any text as a principal.
pub async fn a_principal_may_be_any_text(subject: &Subject) {
    let now = start();
    for key in KEYS {
        let id = subject.begin(now).await;
        subject.apply(id, &changes(now.after(MILLISECOND)).bind(key).set(key, key.as_bytes())).await;
        let found = subject.find(id, now).await;
        assert_eq!(found.principal(), Some(key));
        assert_eq!(subject.ids_of(key, now).await, [id], "of {key:?}");
    }
    assert_eq!(subject.count().await, KEYS.len() as u64);
}
