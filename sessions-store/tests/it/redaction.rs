//! `Debug` output and errors show what helps in a log, and no data.

use std::error::Error;

use sessions_store::{
    Cursor, Record, RecordBuilder, Refusal, SecretHash, SessionId, StoreError, StoreErrorKind, StoreFuture, Timestamp,
};

const ID: SessionId = SessionId::from_bytes([7; 16]);

fn builder<'a>() -> RecordBuilder<'a> {
    Record::builder(ID, SecretHash::from_bytes([1; 32]), Timestamp::from_millis(1))
}

#[test]
fn debug_shows_what_helps_in_a_log() {
    let builder = builder().principal(Some("sensitive-name")).entry("k", b"sensitive-value");
    let started = format!("{builder:?}");
    let record = builder.build().unwrap();
    let ready = StoreFuture::ready(Ok("sensitive-value"));
    let later = StoreFuture::new(async { Ok("sensitive-value") });
    for (shown, expected) in [
        (format!("{ID}"), ID.to_uuid().to_string()),
        (format!("{ID:?}"), format!("SessionId({ID})")),
        (started, format!("RecordBuilder {{ id: {ID:?}, .. }}")),
        (format!("{record:?}"), format!("Record {{ id: {ID:?}")),
        (format!("{:?}", record.entry("k").unwrap()), r#"Entry { key: "k", .. }"#.to_owned()),
        (format!("{:?}", record.secret_hash()), "SecretHash { .. }".to_owned()),
        (format!("{:?}", Cursor::from_bytes(*b"sensitive")), "Cursor { .. }".to_owned()),
        (format!("{ready:?} {later:?}"), "MaybeReady(ready) MaybeReady(later)".to_owned()),
    ] {
        assert!(shown.contains(&expected), "{expected} not in {shown}");
        assert!(!shown.contains("sensitive") && !shown.contains("115, 101"), "{shown}");
    }
}

#[test]
fn errors_name_the_failure_and_keep_the_cause() {
    let store = StoreError::new("probe", StoreErrorKind::TimedOut).caused_by("the connection is lost");
    assert_eq!((store.store(), store.kind()), ("probe", StoreErrorKind::TimedOut));
    assert_eq!(store.source().map(ToString::to_string).as_deref(), Some("the connection is lost"));
    let long = "k".repeat(65_536);
    for (told, expected) in [
        (store.to_string(), "the probe store did not answer in time"),
        ("x".parse::<SessionId>().unwrap_err().to_string(), "invalid session id: not a UUID"),
        (Record::decode([1]).unwrap_err().to_string(), "the record is damaged"),
        (Refusal::Gone.to_string(), "the session has ended or was renewed"),
        (Refusal::Conflict.to_string(), "a requirement does not hold, or an entry cannot be changed this way"),
        (builder().entry(&long, b"").build().unwrap_err().to_string(), "the record would exceed its limits"),
    ] {
        assert_eq!(told, expected);
    }
}
