//! Unreadable records, which concern only their own sessions.

use sessions_store::{Created, Refusal, StoreErrorKind};

use crate::fixtures::{
    IDLE, NEW_SECRET, answered, assert_fails, assert_same, built, changes, draft, fresh_id, long_ago, old_record,
    sorted,
};
use crate::setup::Damage;
use crate::subject::Subject;

/// Stores a record between two others, damages it, and returns the ids.
async fn damaged(subject: &Subject, damage: Damage) -> [sessions_store::SessionId; 3] {
    let now = long_ago(subject);
    let mut ids = [fresh_id(), fresh_id(), fresh_id()];
    ids.sort_unstable();
    for id in ids {
        subject
            .put(draft(id, now).principal(Some("ada")).entry("key", b"1").immutable("plan", b"2").flash("notice", b"3"))
            .await;
    }
    subject.damage(ids[1], damage);
    ids
}

/// Checks that no call reads or changes the record, or fails in another way.
async fn assert_unusable(subject: &Subject, id: sessions_store::SessionId, kind: StoreErrorKind) {
    let now = long_ago(subject);
    assert_fails(&subject.store().load(id, now).await, kind);
    for changes in
        [changes(now), changes(now).set("key", b"9").renew(NEW_SECRET), changes(now).clear_entries().clear_flashes()]
    {
        match subject.store().commit(&old_record(id, now), &changes).await {
            Ok(committed) => assert_eq!(committed, Err(Refusal::Gone)),
            Err(error) => assert_eq!(error.kind(), kind),
        }
    }
    match subject.store().create(&built(draft(id, now))).await {
        Ok(created) => assert_eq!(created, Created::Exists),
        Err(error) => assert_eq!(error.kind(), kind),
    }
    assert_fails(&subject.store().load(id, now).await, kind);
}

/// Checks that every call finds the other sessions.
async fn assert_others_unharmed(subject: &Subject, [one, _, other]: [sessions_store::SessionId; 3]) {
    let now = long_ago(subject);
    assert_eq!(subject.ids_of("ada", now).await, [one, other]);
    assert_eq!(subject.listed(1, now).await, [one, other]);
    assert_eq!(subject.listed(100, now).await, [one, other]);
    for id in [one, other] {
        let expected =
            draft(id, now).principal(Some("ada")).entry("key", b"1").immutable("plan", b"2").flash("notice", b"3");
        let found = subject.find(id, now).await;
        let deadline = found.lifetime().absolute_deadline();
        let expected =
            built(expected.last_seen(found.last_seen()).absolute_deadline(deadline).version(found.version()));
        assert_eq!((found.principal(), found.lifetime()), (expected.principal(), expected.lifetime()));
        assert_eq!(crate::fixtures::entries(&found), crate::fixtures::entries(&expected));
        subject.apply(id, &changes(now)).await;
    }
}

/// Checks that a damaged record is an error of its own session only.
pub async fn a_damaged_record_harms_no_other_session(subject: &Subject) {
    let ids = damaged(subject, Damage::Corrupt).await;
    assert_unusable(subject, ids[1], StoreErrorKind::Unreadable).await;
    assert_others_unharmed(subject, ids).await;
}

/// Checks that a damaged record can be destroyed and its id used again.
pub async fn a_damaged_record_can_be_destroyed(subject: &Subject) {
    let ids = damaged(subject, Damage::Corrupt).await;
    let now = long_ago(subject);
    assert!(subject.destroy(ids[1]).await);
    assert_eq!(subject.load(ids[1], now).await, None);
    let record = subject.put(draft(ids[1], now)).await;
    assert_same(&subject.find(ids[1], now).await, &record);
}

/// Checks that a damaged record does not keep a principal's other sessions alive.
pub async fn a_damaged_record_stops_no_logout(subject: &Subject) {
    let ids = damaged(subject, Damage::Corrupt).await;
    let now = long_ago(subject);
    let ended = sorted(answered(subject.store().destroy_of_principal("ada", None).await));
    assert!(ended.contains(&ids[0]) && ended.contains(&ids[2]));
    assert_eq!(subject.load(ids[0], now).await, None);
    subject.destroy_all().await;
    assert_eq!(subject.load(ids[1], now).await, None);
}

/// Checks that a principal's session of a newer format ends with the others.
///
/// The logout must also apply to newer builds, which can read the session.
pub async fn a_newer_format_stops_no_logout(subject: &Subject) {
    let ids = damaged(subject, Damage::NewerFormat).await;
    let ended = sorted(answered(subject.store().destroy_of_principal("ada", Some(ids[1])).await));
    assert_eq!(ended, [ids[0], ids[2]]);
    assert_fails(&subject.store().load(ids[1], long_ago(subject)).await, StoreErrorKind::NewerFormat);
    assert_eq!(answered(subject.store().destroy_of_principal("ada", None).await), [ids[1]]);
    assert_eq!(subject.load(ids[1], long_ago(subject)).await, None);
}

/// Checks that any session of a newer format can be ended.
pub async fn a_newer_format_stops_no_destroy(subject: &Subject) {
    let now = long_ago(subject);
    let ids = damaged(subject, Damage::NewerFormat).await;
    assert!(subject.destroy(ids[1]).await);
    assert_eq!(subject.load(ids[1], now).await, None);
    assert_eq!(subject.destroy_all().await, 2);
    let ids = damaged(subject, Damage::NewerFormat).await;
    assert_eq!(subject.destroy_all().await, 3);
    assert_eq!(subject.load(ids[1], now).await, None);
    assert_eq!(subject.count().await, 0);
}

/// Checks that a principal with a damaged record can sign in again: a login counts the principal's
/// sessions.
pub async fn a_damaged_record_stops_no_login(subject: &Subject) {
    let now = long_ago(subject);
    for damage in [Damage::Corrupt, Damage::NewerFormat] {
        let ids = damaged(subject, damage).await;
        let login = subject.begin(now).await;
        subject.apply(login, &changes(now).renew(NEW_SECRET).bind("ada")).await;
        assert!(answered(subject.store().count_of_principal("ada", now).await) >= 3);
        assert_eq!(subject.ids_of("ada", now).await, sorted([ids[0], ids[2], login]));
        subject.destroy_all().await;
    }
}

/// Checks that an error names its store.
pub async fn an_error_names_its_store(subject: &Subject) {
    let ids = damaged(subject, Damage::Corrupt).await;
    let error = subject.store().load(ids[1], long_ago(subject)).await.expect_err("the record is damaged");
    assert_eq!(error.store(), subject.store().name());
}

/// Checks that a sweep skips or removes a damaged record, and continues.
pub async fn a_damaged_record_stops_no_sweep(subject: &Subject) {
    let ids = damaged(subject, Damage::Corrupt).await;
    let later = long_ago(subject).after(2 * IDLE);
    let mut swept = Vec::new();
    for _ in 0..10 {
        swept.extend(subject.sweep(2, later).await);
    }
    if !subject.expires_by_itself() {
        assert!(swept.contains(&ids[0]) && swept.contains(&ids[2]));
    }
    assert!(subject.listed(10, later).await.is_empty());
}

/// Checks that only calls that end a session change a record of a newer format.
pub async fn a_newer_format_is_left_unchanged(subject: &Subject) {
    let ids = damaged(subject, Damage::NewerFormat).await;
    assert_unusable(subject, ids[1], StoreErrorKind::NewerFormat).await;
    assert_others_unharmed(subject, ids).await;
    for _ in 0..10 {
        let swept = subject.sweep(2, long_ago(subject).after(2 * IDLE)).await;
        assert!(!swept.contains(&ids[1]));
    }
    assert_fails(&subject.store().load(ids[1], long_ago(subject)).await, StoreErrorKind::NewerFormat);
}
