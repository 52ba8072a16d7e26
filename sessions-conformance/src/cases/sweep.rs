//! Sweeping expired sessions, and no others.

use sessions_store::{Lifetime, Refusal, SessionId, Timestamp};

use crate::fixtures::{BRIEF, IDLE, MILLISECOND, changes, draft, fresh_id, long_ago, sorted};
use crate::subject::Subject;

async fn begin_many(subject: &Subject, number: usize, now: Timestamp) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for _ in 0..number {
        ids.push(subject.put(draft(fresh_id(), now).idle(Some(BRIEF)).principal(Some("ada"))).await.id());
    }
    sorted(ids)
}

/// Sweeps, `limit` sessions at most at a time, until `expected` have been swept.
///
/// A sweep may find fewer than there are; the next one then finds more.
async fn sweep_all(subject: &Subject, expected: usize, limit: usize, now: Timestamp) -> Vec<SessionId> {
    let mut swept = Vec::new();
    for _ in 0..100 {
        let slice = subject.sweep(limit, now).await;
        assert!(slice.len() <= limit);
        swept.extend(slice);
        if swept.len() >= expected {
            break;
        }
    }
    swept
}

/// Checks that a sweep of live sessions, or with a limit of zero, removes none.
pub async fn a_sweep_removes_no_live_session(subject: &Subject) {
    let now = long_ago(subject);
    assert!(subject.sweep(100, now).await.is_empty());
    let ids = begin_many(subject, 20, now).await;
    assert!(subject.sweep(100, now.after(BRIEF - MILLISECOND)).await.is_empty());
    assert!(subject.sweep(0, now.after(BRIEF)).await.is_empty());
    for id in ids {
        assert!(subject.load(id, now).await.is_some());
    }
}

/// Checks that all expired sessions are removed and reported once, and the others kept.
pub async fn a_sweep_removes_and_reports_expired_sessions(subject: &Subject) {
    let now = long_ago(subject);
    let expired = begin_many(subject, 20, now).await;
    let living = subject.begin_of("ada", now).await;
    let swept = sweep_all(subject, 20, 100, now.after(BRIEF)).await;
    if subject.expires_by_itself() {
        assert!(swept.is_empty(), "an engine that expires records by itself leaves nothing to sweep");
    } else {
        assert_eq!(swept.len(), 20);
        assert_eq!(sorted(swept), expired);
        assert_eq!(subject.count().await, 1);
        assert!(subject.sweep(100, now.after(BRIEF)).await.is_empty());
        for id in &expired {
            // Even by a clock that is behind, since the record is removed.
            assert_eq!(subject.load(*id, now).await, None);
            assert!(!subject.destroy(*id).await);
        }
        assert_eq!(subject.ids_of("ada", now).await, [living]);
    }
    assert_eq!(subject.listed(10, now.after(BRIEF)).await, [living]);
    assert!(subject.load(living, now.after(BRIEF)).await.is_some());
}

/// Checks that a sweep stops at its limit, and repeated sweeps remove everything.
pub async fn a_sweep_stops_at_its_limit(subject: &Subject) {
    let now = long_ago(subject);
    let expired = begin_many(subject, 50, now).await;
    let living = subject.begin(now).await;
    let swept = sweep_all(subject, 50, 7, now.after(BRIEF)).await;
    if subject.expires_by_itself() {
        assert!(swept.is_empty());
    } else {
        assert_eq!(swept.len(), 50);
        assert_eq!(sorted(swept), expired);
        assert_eq!(subject.count().await, 1);
    }
    assert!(subject.load(living, now.after(BRIEF)).await.is_some());
}

/// Checks that a sweep uses the deadline of the last commit.
pub async fn a_sweep_follows_a_moved_deadline(subject: &Subject) {
    let now = long_ago(subject);
    let begin = async |idle, time, lifetime| {
        let id = subject.put(draft(fresh_id(), now).idle(Some(idle))).await.id();
        let changes = changes(time);
        subject.apply(id, &if let Some(lifetime) = lifetime { changes.lifetime(lifetime) } else { changes }).await;
        id
    };
    let endless = Lifetime::ENDLESS;
    let unending = begin(BRIEF, now, Some(endless)).await;
    let due = [
        (BRIEF, begin(IDLE, now, Some(endless.with_idle(BRIEF))).await),
        (BRIEF * 3 / 2, begin(BRIEF, now.after(BRIEF / 2), None).await),
        (BRIEF * 2, begin(IDLE, now, Some(endless.with_absolute_deadline(now.after(BRIEF * 2)))).await),
        (BRIEF * 3, begin(BRIEF, now, Some(endless.with_idle(BRIEF * 3))).await),
    ];
    for (after, id) in due {
        assert!(subject.sweep(10, now.after(after - MILLISECOND)).await.is_empty());
        assert!(subject.load(id, now.after(after - MILLISECOND)).await.is_some());
        let swept = sweep_all(subject, 1, 10, now.after(after)).await;
        assert!(if subject.expires_by_itself() { swept.is_empty() } else { swept == [id] }, "after {after:?}");
        assert_eq!(subject.load(id, now.after(after)).await, None);
    }
    assert!(subject.load(unending, now.after(BRIEF * 3)).await.is_some());
}

/// Checks that racing sweeps report each session once.
pub async fn racing_sweeps_report_each_session_once(subject: &Subject) {
    let now = long_ago(subject);
    let expired = begin_many(subject, 60, now).await;
    let race = subject.race(4, move |subject, _| async move {
        let mut swept = Vec::new();
        for _ in 0..20 {
            swept.extend(subject.sweep(5, now.after(BRIEF)).await);
        }
        swept
    });
    let mut swept: Vec<_> = race.await.into_iter().flatten().collect();
    swept.extend(sweep_all(subject, 60 - swept.len(), 100, now.after(BRIEF)).await);
    if subject.expires_by_itself() {
        assert!(swept.is_empty());
    } else {
        assert_eq!(swept.len(), 60, "none is reported twice");
        assert_eq!(sorted(swept), expired);
        assert_eq!(subject.count().await, 0);
    }
}

/// Checks that a session is either seen in time or swept, never both.
///
/// No sweep removes a session after an acknowledged commit.
pub async fn a_sweep_spares_a_session_seen_meanwhile(subject: &Subject) {
    let now = long_ago(subject);
    let ids = begin_many(subject, 40, now).await;
    // By the sweepers' clocks all have expired, by the requests' clocks none.
    let (in_time, too_late) = (now.after(BRIEF - MILLISECOND), now.after(BRIEF));
    let shared = ids.clone();
    let race = subject.race(6, move |subject, number| {
        let ids = shared.clone();
        async move {
            let (mut seen, mut swept) = (Vec::new(), Vec::new());
            for (at, id) in ids.iter().enumerate() {
                if number < 2 {
                    swept.extend(subject.sweep(3, too_late).await);
                } else if at % 4 == number - 2 && subject.commit(*id, &changes(in_time)).await == Ok(()) {
                    seen.push(*id);
                }
            }
            (seen, swept)
        }
    });
    let (seen, swept): (Vec<_>, Vec<_>) = race.await.into_iter().unzip();
    let (seen, swept) = (sorted(seen.into_iter().flatten()), sorted(swept.into_iter().flatten()));
    for id in ids {
        assert_eq!(subject.load(id, too_late).await.is_some(), seen.contains(&id));
        assert!(!(seen.contains(&id) && swept.contains(&id)), "seen in time, and swept");
    }
    assert_eq!(subject.ids_of("ada", too_late).await, seen);
}

/// Checks that a swept session is gone for requests in flight.
pub async fn a_swept_session_is_gone(subject: &Subject) {
    let now = long_ago(subject);
    let ids = begin_many(subject, 5, now).await;
    sweep_all(subject, 5, 100, now.after(IDLE)).await;
    for id in ids {
        assert_eq!(subject.commit(id, &changes(now.after(IDLE)).set("key", b"1")).await, Err(Refusal::Gone));
        assert_eq!(subject.load(id, now.after(IDLE)).await, None);
        if !subject.expires_by_itself() {
            // By a clock that is behind, only the sweep has ended it.
            assert_eq!(subject.commit(id, &changes(now).set("key", b"1")).await, Err(Refusal::Gone));
            assert_eq!(subject.load(id, now).await, None);
        }
    }
    assert!(subject.ids_of("ada", now.after(IDLE)).await.is_empty());
}
