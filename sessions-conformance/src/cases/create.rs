//! Creating records.

use sessions_store::{Created, Lifetime, Record, Refusal, Timestamp};

use crate::fixtures::{
    IDLE, LIFE, NEW_SECRET, SECOND, SECRET, assert_same, built, changes, draft, fresh_id, start, value,
};
use crate::subject::Subject;

/// Checks that every part of a record comes back.
pub async fn a_created_record_is_loaded_as_it_was(subject: &Subject) {
    let now = start();
    let record = Record::builder(fresh_id(), SECRET, now)
        .last_seen(now.after(SECOND))
        .idle(Some(IDLE))
        .absolute_deadline(now.after(LIFE))
        .version(7)
        .principal(Some("ada"))
        .entry("cart", b"[1,2]")
        .immutable("plan", b"\"gold\"")
        .flash("notice", b"\"hello\"");
    let record = subject.put(record).await;
    assert_same(&subject.find(record.id(), now.after(SECOND)).await, &record);
}

/// Checks that a record may be empty.
pub async fn an_empty_record_is_loaded_as_it_was(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now)).await;
    assert_same(&subject.find(record.id(), now).await, &record);
}

/// Checks that a record without timeouts has none, rather than very long ones.
pub async fn a_record_without_limits_never_expires(subject: &Subject) {
    let now = start();
    let record = subject.put(Record::builder(fresh_id(), SECRET, now)).await;
    let end_of_time = Timestamp::from_millis(u64::MAX - 1);
    let found = subject.find(record.id(), end_of_time).await;
    assert_eq!(found.lifetime(), Lifetime::ENDLESS);
    assert!(subject.sweep(10, end_of_time).await.is_empty());
    assert!(subject.load(record.id(), end_of_time).await.is_some());
}

/// Checks that timeouts near the end of time do not overflow.
pub async fn huge_limits_are_kept(subject: &Subject) {
    let now = start();
    let deadline = Timestamp::from_millis(u64::MAX - 1);
    let long = std::time::Duration::from_millis(u64::MAX - 2);
    let record = Record::builder(fresh_id(), SECRET, now).idle(Some(long)).absolute_deadline(deadline);
    let record = subject.put(record).await;
    assert_same(&subject.find(record.id(), now).await, &record);
}

/// Checks that a create is no upsert.
pub async fn a_taken_id_is_reported_and_never_overwritten(subject: &Subject) {
    let now = start();
    let first = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("mine", b"1")).await;
    let second = built(Record::builder(first.id(), NEW_SECRET, now).principal(Some("bob")).entry("theirs", b"2"));
    assert_eq!(subject.create(&second).await, Created::Exists);
    assert_same(&subject.find(first.id(), now).await, &first);
    assert_eq!(subject.ids_of("ada", now).await, [first.id()]);
    assert!(subject.ids_of("bob", now).await.is_empty());
    assert_eq!(subject.count().await, 1);
}

/// Checks that racing creates of one id store one record, the winner's.
pub async fn racing_creates_of_one_id_have_one_winner(subject: &Subject) {
    let now = start();
    for _ in 0..5 {
        let id = fresh_id();
        let answers = subject
            .race(16, move |subject, number| async move {
                let name = number.to_string();
                let record = built(draft(id, now).principal(Some(&name)).entry("winner", name.as_bytes()));
                subject.create(&record).await
            })
            .await;
        let winners: Vec<_> = (0..16).filter(|number| answers[*number] == Created::STORED).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == Created::Exists).count(), 15);
        let winner = winners[0].to_string();
        let found = subject.find(id, now).await;
        assert_eq!(value(&found, "winner"), winner.as_bytes());
        assert_eq!(found.principal(), Some(&*winner));
        for number in (0..16).filter(|number| *number != winners[0]) {
            assert!(subject.ids_of(&number.to_string(), now).await.is_empty());
        }
        assert!(subject.destroy(id).await);
    }
}

/// Checks that an absent record is neither found nor changed, and causes no error.
pub async fn an_absent_record_is_none_and_gone(subject: &Subject) {
    let now = start();
    let id = fresh_id();
    assert_eq!(subject.load(id, now).await, None);
    assert_eq!(subject.commit(id, &changes(now).set("key", b"1")).await, Err(Refusal::Gone));
    assert!(!subject.destroy(id).await);
    assert_eq!(subject.load(id, now).await, None);
    assert_eq!(subject.count().await, 0);
}
