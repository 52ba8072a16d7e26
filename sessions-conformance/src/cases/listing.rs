//! Counting and listing sessions.

use sessions_store::{Record, SessionId, Timestamp};

use crate::fixtures::{BRIEF, IDLE, answered, assert_same, changes, draft, fresh_id, sorted, start};
use crate::subject::Subject;

async fn begin_many(subject: &Subject, number: usize, now: Timestamp) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for _ in 0..number {
        ids.push(subject.begin(now).await);
    }
    sorted(ids)
}

/// Checks that each session counts once, however often it is written.
pub async fn the_count_follows_creates_and_destroys(subject: &Subject) {
    let now = start();
    assert_eq!(subject.count().await, 0);
    let ids = begin_many(subject, 12, now).await;
    assert_eq!(subject.count().await, 12);
    for id in &ids {
        subject.apply(*id, &changes(now).set("key", b"1").bind("ada")).await;
    }
    assert_eq!(subject.count().await, 12);
    for (ended, id) in ids.iter().enumerate() {
        assert_eq!(subject.count().await, 12 - ended as u64);
        assert!(subject.destroy(*id).await);
        assert!(!subject.destroy(*id).await);
    }
    assert_eq!(subject.count().await, 0);
}

/// Checks the count after racing creates and destroys.
pub async fn the_count_is_right_after_a_race(subject: &Subject) {
    let now = start();
    let race = subject.race(8, move |subject, _| async move {
        for round in 0..10 {
            let id = subject.begin(now).await;
            if round % 2 == 0 {
                assert!(subject.destroy(id).await);
            }
        }
    });
    race.await;
    assert_eq!(subject.count().await, 40);
    assert_eq!(subject.listed(7, now).await.len(), 40);
}

/// Checks that pages of any size add up to all sessions, and end.
pub async fn a_listing_has_every_live_session(subject: &Subject) {
    let now = start();
    for limit in [1, 7, 1000] {
        assert!(subject.listed(limit, now).await.is_empty());
    }
    let ids = begin_many(subject, 50, now).await;
    for limit in [1, 7, 49, 50, 51, 1000, usize::MAX] {
        assert_eq!(subject.listed(limit, now).await, ids, "in pages of {limit}");
    }
    assert!(subject.listed(7, now.after(IDLE)).await.is_empty());
}

/// Checks that a limit of zero is a hint too: the listing has all sessions, and ends.
pub async fn a_listing_without_room_has_every_session(subject: &Subject) {
    let now = start();
    let ids = begin_many(subject, 5, now).await;
    assert_eq!(subject.listed(0, now).await, ids);
}

/// Checks that a listing returns whole records.
pub async fn a_listing_shows_whole_records(subject: &Subject) {
    let now = start();
    let record =
        draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1").immutable("plan", b"2").flash("notice", b"3");
    let record = subject.put(record).await;
    let mut found: Vec<Record> = Vec::new();
    let mut cursor = None;
    loop {
        let page = answered(subject.store().scan(cursor, 10, now).await);
        found.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 1);
    assert_same(&found[0], &record);
}

/// Checks that a listing has each session that is live throughout, whatever else changes.
pub async fn a_listing_misses_no_session_that_stays(subject: &Subject) {
    let now = start();
    let stay = begin_many(subject, 30, now).await;
    let mut leave = begin_many(subject, 30, now).await;
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = answered(subject.store().scan(cursor, 5, now).await);
        listed.extend(page.records.iter().map(Record::id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        if let Some(id) = leave.pop() {
            assert!(subject.destroy(id).await);
            subject.begin(now).await;
            subject.apply(stay[leave.len()], &changes(now).increment("visits", 1).bind("ada")).await;
        }
    }
    let listed = sorted(listed);
    assert!(stay.iter().all(|id| listed.contains(id)));
}

/// Checks that expired sessions among live ones are not listed.
pub async fn a_listing_skips_expired_sessions(subject: &Subject) {
    let now = start();
    let mut living = Vec::new();
    for number in 0..40 {
        let idle = if number % 2 == 0 { BRIEF } else { IDLE };
        let id = subject.put(draft(fresh_id(), now).idle(Some(idle))).await.id();
        if number % 2 == 1 {
            living.push(id);
        }
    }
    for limit in [1, 6, 100] {
        assert_eq!(subject.listed(limit, now.after(BRIEF)).await, sorted(living.iter().copied()));
    }
}
