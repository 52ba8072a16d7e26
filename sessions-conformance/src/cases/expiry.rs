//! Expired sessions are dead, even while they are stored. The time is the one passed to the call.

use std::time::Duration;

use sessions_store::{Changes, Lifetime, Record, Refusal, SessionId, Timestamp};

use crate::fixtures::{
    BRIEF, IDLE, LIFE, MILLISECOND, NEW_SECRET, SECOND, SECRET, answered, changes, draft, fresh_id, start, value,
};
use crate::subject::Subject;

/// Checks that no call finds the session of `ada` with the entry `key`.
async fn assert_dead(subject: &Subject, id: SessionId, now: Timestamp) {
    assert_eq!(subject.load(id, now).await, None);
    let changes = changes(now).set("key", b"late").lifetime(Lifetime::ENDLESS.with_idle(LIFE)).bind("eve");
    assert_eq!(subject.commit(id, &changes).await, Err(Refusal::Gone));
    assert_eq!(subject.commit(id, &Changes::new(now, SECRET)).await, Err(Refusal::Gone));
    assert!(subject.ids_of("ada", now).await.is_empty());
    assert!(subject.ids_of("eve", now).await.is_empty());
    assert!(subject.listed(10, now).await.is_empty());
    // None of these calls has revived it.
    assert_eq!(subject.load(id, now).await, None);
}

/// Returns the millisecond before a moment.
fn just_before(moment: Timestamp) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() - 1)
}

/// Checks the idle timeout to the millisecond.
pub async fn an_idle_session_expires_at_its_deadline(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    let deadline = now.after(IDLE);
    assert!(subject.load(record.id(), just_before(deadline)).await.is_some());
    assert_eq!(subject.ids_of("ada", just_before(deadline)).await, [record.id()]);
    assert_eq!(subject.listed(10, just_before(deadline)).await, [record.id()]);
    assert_dead(subject, record.id(), deadline).await;
    assert_dead(subject, record.id(), deadline.after(LIFE)).await;
}

/// Checks the absolute timeout to the millisecond.
pub async fn a_session_expires_at_its_absolute_deadline(subject: &Subject) {
    let now = start();
    let deadline = now.after(IDLE / 2);
    let record =
        Record::builder(fresh_id(), SECRET, now).absolute_deadline(deadline).principal(Some("ada")).entry("key", b"1");
    let record = subject.put(record).await;
    assert!(subject.load(record.id(), just_before(deadline)).await.is_some());
    assert_dead(subject, record.id(), deadline).await;
}

/// Checks that no write carries a session past its absolute deadline.
pub async fn nothing_extends_the_absolute_deadline(subject: &Subject) {
    let now = start();
    let record = subject
        .put(draft(fresh_id(), now).absolute_deadline(now.after(IDLE)).principal(Some("ada")).entry("key", b"1"))
        .await;
    let (id, last) = (record.id(), just_before(now.after(IDLE)));
    let lifetime = record.lifetime();
    let attempts = [
        changes(last),
        changes(last).set("key", b"2").clear_flashes(),
        changes(last).lifetime(lifetime.with_idle(Duration::from_secs(u32::MAX.into()))),
        changes(last).lifetime(lifetime.with_idle(None)),
        changes(last).bind("ada"),
    ];
    for changes in attempts {
        subject.apply(id, &changes).await;
        assert_eq!(subject.find(id, last).await.expires_at(), now.after(IDLE));
    }
    subject.apply(id, &changes(last).renew(NEW_SECRET)).await;
    assert_eq!(subject.find(id, last).await.lifetime().absolute_deadline(), now.after(IDLE));
    subject.apply(id, &Changes::new(last, NEW_SECRET).renew(SECRET)).await;
    assert_dead(subject, id, now.after(IDLE)).await;
}

/// Checks that a session lives as long as it is used, and no longer.
pub async fn a_commit_before_the_deadline_extends_it(subject: &Subject) {
    let mut now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    for _ in 0..5 {
        now = just_before(now.after(IDLE));
        subject.apply(record.id(), &changes(now)).await;
        let found = subject.find(record.id(), just_before(now.after(IDLE))).await;
        assert_eq!((found.last_seen(), found.expires_at()), (now, now.after(IDLE)));
    }
    assert_dead(subject, record.id(), now.after(IDLE)).await;
}

/// Checks that reading a session does not extend it.
pub async fn a_load_does_not_extend_a_session(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    let last = just_before(now.after(IDLE));
    for _ in 0..3 {
        assert_eq!(subject.find(record.id(), last).await.last_seen(), now);
        assert_eq!(subject.ids_of("ada", last).await.len(), 1);
        assert_eq!(subject.listed(1, last).await.len(), 1);
    }
    assert_dead(subject, record.id(), now.after(IDLE)).await;
}

/// Checks that later commits keep a longer idle timeout.
pub async fn a_longer_idle_timeout_survives_later_commits(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    let (id, idle) = (record.id(), 4 * IDLE);
    subject.apply(id, &changes(now).lifetime(Lifetime::ENDLESS.with_idle(idle))).await;
    let later = now.after(2 * IDLE);
    subject.apply(id, &changes(later).set("key", b"2")).await;
    subject.apply(id, &changes(later).increment("visits", 1)).await;
    let found = subject.find(id, just_before(later.after(idle))).await;
    assert_eq!((found.lifetime().idle(), found.expires_at()), (Some(idle), later.after(idle)));
    assert_eq!(value(&found, "key"), b"2");
    assert_dead(subject, id, later.after(idle)).await;
}

/// Checks that a shorter idle timeout applies at once, and to later commits.
pub async fn a_shorter_idle_timeout_applies_at_once(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    let id = record.id();
    subject.apply(id, &changes(now).lifetime(Lifetime::ENDLESS.with_idle(BRIEF))).await;
    assert_eq!(subject.load(id, now.after(BRIEF)).await, None);
    let later = now.after(SECOND);
    subject.apply(id, &changes(later).set("key", b"2")).await;
    assert_eq!(subject.find(id, later).await.expires_at(), later.after(BRIEF));
    assert_dead(subject, id, later.after(BRIEF)).await;
}

/// Checks that an idle timeout of zero ends the session.
pub async fn a_zero_idle_timeout_ends_the_session(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    subject.apply(record.id(), &changes(now).lifetime(Lifetime::ENDLESS.with_idle(Duration::ZERO))).await;
    assert_dead(subject, record.id(), now).await;
}

/// Checks that a record seen more than five minutes from now is dead, and stays stored.
pub async fn a_record_from_the_future_is_dead(subject: &Subject) {
    let now = start();
    for (ahead, is_alive) in [(BRIEF, true), (BRIEF + MILLISECOND, false), (100 * LIFE, false)] {
        let later = now.after(ahead);
        let record = subject.put(draft(fresh_id(), later).principal(Some("ada")).entry("key", b"1")).await;
        let id = record.id();
        assert_eq!(subject.load(id, now).await.is_some(), is_alive, "{ahead:?}");
        assert_eq!(subject.ids_of("ada", now).await.contains(&id), is_alive, "{ahead:?}");
        assert_eq!(subject.listed(10, now).await.contains(&id), is_alive, "{ahead:?}");
        let committed = if is_alive { Ok(()) } else { Err(Refusal::Gone) };
        assert_eq!(subject.commit(id, &changes(now).set("other", b"2")).await, committed, "{ahead:?}");
        assert!(subject.sweep(10, now).await.is_empty());
        assert_eq!(value(&subject.find(id, later).await, "key"), b"1");
        assert!(subject.destroy(id).await);
    }
}

/// Checks that sessions expire one by one, each at its own deadline.
pub async fn each_session_has_its_own_deadline(subject: &Subject) {
    let now = start();
    let mut ids = Vec::new();
    for minutes in 1..=10 {
        let idle = Duration::from_secs(60 * minutes);
        ids.push(subject.put(draft(fresh_id(), now).idle(Some(idle)).principal(Some("ada"))).await.id());
    }
    for alive in (0..10).rev() {
        let moment = now.after(Duration::from_secs(60 * (10 - alive)));
        let records = answered(subject.store().of_principal("ada", moment).await);
        assert_eq!(records.len() as u64, alive);
        for (number, id) in (1..=10).zip(&ids) {
            assert_eq!(subject.load(*id, moment).await.is_some(), number > 10 - alive);
        }
        assert!(subject.load(ids[9], just_before(now.after(2 * BRIEF))).await.is_some());
    }
}
