//! Two handles, as in two processes: one sees what the other wrote. A store with one handle is its
//! own second.

use sessions_store::{Created, Refusal};

use crate::fixtures::{
    BRIEF, NEW_SECRET, answered, assert_same, built, changes, draft, fresh_id, long_ago, sorted, start, value,
};
use crate::subject::Subject;

/// Checks records, commits and takes through both handles.
pub async fn two_handles_see_each_others_writes(subject: &Subject) {
    let (here, there) = (subject, &subject.through_other_handle());
    let now = start();
    let record = here.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    let id = record.id();
    assert_same(&there.find(id, now).await, &record);
    for round in 0..10_u8 {
        let (writer, reader) = if round % 2 == 0 { (here, there) } else { (there, here) };
        // The reader has already loaded the record, and must not return a cached one.
        reader.find(id, now).await;
        writer.apply(id, &changes(now).set("key", &[round]).increment("count", 1)).await;
        assert_eq!(value(&reader.find(id, now).await, "key"), [round]);
    }
    assert_eq!(value(&here.find(id, now).await, "count"), b"10");
    assert_eq!(there.create(&record).await, Created::Exists);
}

/// Checks that a destroy ends the session for both handles.
pub async fn a_destroy_is_seen_through_the_other_handle(subject: &Subject) {
    let (here, there) = (subject, &subject.through_other_handle());
    let now = start();
    let id = here.begin(now).await;
    there.find(id, now).await;
    assert!(here.destroy(id).await);
    assert_eq!(there.load(id, now).await, None);
    assert_eq!(there.commit(id, &changes(now).set("key", b"1")).await, Err(Refusal::Gone));
    assert!(!there.destroy(id).await);
    here.begin(now).await;
    assert_eq!(there.count().await, 1);
    assert_eq!(there.destroy_all().await, 1);
    assert_eq!(here.count().await, 0);
}

/// Checks that a renewal refuses the old secret through both handles.
pub async fn a_renewal_is_seen_through_the_other_handle(subject: &Subject) {
    let (here, there) = (subject, &subject.through_other_handle());
    let now = start();
    let id = here.begin(now).await;
    there.find(id, now).await;
    here.apply(id, &changes(now).renew(NEW_SECRET)).await;
    assert_eq!(there.find(id, now).await.secret_hash(), NEW_SECRET);
    assert_eq!(there.commit(id, &changes(now).set("key", b"1")).await, Err(Refusal::Gone));
}

/// Checks that both handles find and end a principal's sessions.
pub async fn principals_are_seen_through_the_other_handle(subject: &Subject) {
    let (here, there) = (subject, &subject.through_other_handle());
    let now = long_ago(here);
    let (first, second) = (here.begin_of("ada", now).await, there.begin(now).await);
    here.apply(second, &changes(now).bind("ada")).await;
    for handle in [here, there] {
        assert_eq!(handle.ids_of("ada", now).await, sorted([first, second]));
        assert_eq!(handle.listed(1, now).await, sorted([first, second]));
    }
    let ended = answered(there.store().destroy_of_principal("ada", Some(first)).await);
    assert_eq!(ended, [second]);
    assert_eq!(here.load(second, now).await, None);
    assert_eq!(here.ids_of("ada", now).await, [first]);
    assert_eq!(here.sweep(10, now.after(BRIEF)).await, []);
}

/// Checks that a session written through one handle can be swept through the other.
pub async fn a_sweep_is_seen_through_the_other_handle(subject: &Subject) {
    let (here, there) = (subject, &subject.through_other_handle());
    let now = long_ago(subject);
    let id = here.put(draft(fresh_id(), now).idle(Some(BRIEF))).await.id();
    let seen = here.put(draft(fresh_id(), now).idle(Some(BRIEF))).await.id();
    here.apply(seen, &changes(now.after(BRIEF / 2))).await;
    let swept = there.sweep(10, now.after(BRIEF)).await;
    assert!(swept.is_empty() == subject.expires_by_itself() && !swept.contains(&seen));
    assert_eq!(here.load(id, now.after(BRIEF)).await, None);
    assert!(here.load(seen, now.after(BRIEF)).await.is_some());
}

/// Checks that two namespaces in the same place share no session.
pub async fn namespaces_are_separate(one: &Subject, other: &Subject) {
    let now = long_ago(one);
    let record = one.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1").idle(Some(BRIEF))).await;
    let id = record.id();
    assert_eq!(other.load(id, now).await, None);
    assert_eq!(other.commit(id, &changes(now)).await, Err(Refusal::Gone));
    assert!(other.ids_of("ada", now).await.is_empty());
    assert!(answered(other.store().destroy_of_principal("ada", None).await).is_empty());
    assert!(other.listed(10, now).await.is_empty());
    assert_eq!(other.sweep(10, now.after(BRIEF)).await, []);
    assert!(!other.destroy(id).await);
    assert_eq!((one.count().await, other.count().await), (1, 0));
    // The same id may be another session in the other namespace.
    let theirs = built(draft(id, now).principal(Some("bob")));
    assert_eq!(other.create(&theirs).await, Created::STORED);
    assert_same(&one.find(id, now).await, &record);
    assert_same(&other.find(id, now).await, &theirs);
    assert_eq!(other.destroy_all().await, 1);
    assert_same(&one.find(id, now).await, &record);
}
