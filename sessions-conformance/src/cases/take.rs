//! Taking an entry, which one caller gets.

use sessions_core::record::Record;
use sessions_core::store::{Committed, Taken};

use crate::fixtures::{
    NEW_SECRET, WRONG_SECRET, answered, assert_same, changes, draft, entries, flashes, fresh_id, start,
};
use crate::subject::Subject;

/// Checks that a take removes the entry that it returns, and nothing else.
pub async fn a_take_removes_and_returns_one_entry(subject: &Subject) {
    let now = start();
    let record = draft(fresh_id(), now).entry("code", b"123").entry("codes", b"456").flash("code", b"789");
    let id = subject.put(record).await.id();
    assert_eq!(subject.take(id, "code", now).await, Taken::Value(b"123".to_vec()));
    assert_eq!(subject.take(id, "code", now).await, Taken::Absent);
    let found = subject.find(id, now).await;
    assert_eq!(entries(&found), [("codes", &b"456"[..], false)]);
    assert_eq!(flashes(&found), [("code", &b"789"[..])]);
}

/// Checks that a take of a missing entry changes nothing.
pub async fn a_take_of_a_missing_entry_is_absent(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).entry("key", b"1").flash("notice", b"2")).await;
    assert_eq!(subject.take(record.id(), "absent", now).await, Taken::Absent);
    assert_eq!(subject.take(record.id(), "notice", now).await, Taken::Absent);
    assert_same(&subject.find(record.id(), now).await, &record);
}

/// Checks values that look like no value, and immutable entries.
pub async fn a_take_returns_any_value(subject: &Subject) {
    let now = start();
    let values: [&[u8]; 4] = [b"", b"null", b"\0", b"\xff\xfe"];
    for value in values {
        let id = subject.put(draft(fresh_id(), now).entry("plain", value).immutable("immutable", value)).await.id();
        assert_eq!(subject.take(id, "plain", now).await, Taken::Value(value.to_vec()));
        assert_eq!(subject.take(id, "immutable", now).await, Taken::Value(value.to_vec()));
        assert!(entries(&subject.find(id, now).await).is_empty());
    }
}

/// Checks that a wrong secret takes nothing.
pub async fn a_take_with_a_wrong_secret_is_gone(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).entry("code", b"1")).await;
    let taken = answered(subject.store().take(record.id(), &WRONG_SECRET, "code", now).await);
    assert_eq!(taken, Taken::Gone);
    assert_same(&subject.find(record.id(), now).await, &record);
    subject.apply(record.id(), &changes(now).renew(NEW_SECRET)).await;
    assert_eq!(subject.take(record.id(), "code", now).await, Taken::Gone);
    let taken = answered(subject.store().take(record.id(), &NEW_SECRET, "code", now).await);
    assert_eq!(taken, Taken::Value(b"1".to_vec()));
}

/// Checks that a taken entry may be set again, and is then a new one.
pub async fn a_taken_entry_may_be_set_again(subject: &Subject) {
    let now = start();
    let id = subject.put(draft(fresh_id(), now).immutable("code", b"1")).await.id();
    assert_eq!(subject.take(id, "code", now).await, Taken::Value(b"1".to_vec()));
    assert_eq!(subject.commit(id, &changes(now).require("code", Some(b"1"))).await, Committed::Conflict);
    subject.apply(id, &changes(now).set("code", b"2")).await;
    assert_eq!(subject.take(id, "code", now).await, Taken::Value(b"2".to_vec()));
}

/// Checks that one of several racing takes gets the entry, while others write.
pub async fn racing_takes_of_an_entry_have_one_winner(subject: &Subject) {
    let now = start();
    for _ in 0..10 {
        let id = subject.put(draft(fresh_id(), now).entry("code", b"secret")).await.id();
        let answers = subject
            .race(16, move |subject, number| async move {
                if number >= 12 {
                    subject.apply(id, &changes(now).increment("noise", 1)).await;
                    return None;
                }
                Some(subject.take(id, "code", now).await)
            })
            .await;
        let taken: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(taken.iter().filter(|taken| **taken == Taken::Value(b"secret".to_vec())).count(), 1);
        assert_eq!(taken.iter().filter(|taken| **taken == Taken::Absent).count(), 11);
        let found: Record = subject.find(id, now).await;
        assert_eq!(entries(&found), [("noise", &b"4"[..], false)]);
    }
}
