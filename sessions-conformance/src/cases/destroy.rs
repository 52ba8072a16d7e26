//! Ending sessions, which stay ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sessions_store::{Changes, Created, Record, Refusal};

use crate::fixtures::{NEW_SECRET, SECOND, assert_same, built, changes, draft, fresh_id, sorted, start};
use crate::subject::Subject;

/// Checks that nothing is left of a destroyed session.
pub async fn a_destroyed_session_is_gone(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
    let id = record.id();
    assert!(subject.destroy(id).await);
    assert_eq!(subject.load(id, now).await, None);
    assert_eq!(subject.commit(id, &changes(now).set("key", b"2")).await, Err(Refusal::Gone));
    assert!(subject.ids_of("ada", now).await.is_empty());
    assert!(subject.listed(10, now).await.is_empty());
    assert_eq!(subject.load(id, now).await, None);
    assert_eq!(subject.count().await, 0);
}

/// Checks that a second destroy reports no session, and does no harm.
pub async fn a_destroy_reports_whether_there_was_a_session(subject: &Subject) {
    let now = start();
    let (id, other) = (subject.begin(now).await, subject.begin(now).await);
    assert!(subject.destroy(id).await);
    assert!(!subject.destroy(id).await);
    assert!(!subject.destroy(fresh_id()).await);
    assert!(subject.load(other, now).await.is_some());
}

/// Checks that one of several racing destroys reports the session.
pub async fn racing_destroys_have_one_winner(subject: &Subject) {
    let now = start();
    for _ in 0..10 {
        let id = subject.begin(now).await;
        let answers = subject.race(8, move |subject, _| async move { subject.destroy(id).await }).await;
        assert_eq!(answers.iter().filter(|did| **did).count(), 1);
    }
}

/// Checks that no request in flight revives a session.
///
/// Every commit that begins after the destroy has returned is refused as gone.
pub async fn a_destroy_is_final_among_racing_commits(subject: &Subject) {
    let now = start();
    for round in 0..10 {
        let id = subject.begin(now).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let race = subject.race(8, move |subject, number| {
            let is_over = Arc::clone(&is_over);
            async move {
                if number == 7 {
                    // Later rounds let the writers write more before the destroy.
                    for _ in 0..round {
                        subject.load(id, now).await;
                    }
                    assert!(subject.destroy(id).await);
                    is_over.store(true, Ordering::SeqCst);
                    return;
                }
                loop {
                    let was_over = is_over.load(Ordering::SeqCst);
                    let committed = subject.commit(id, &changes(now).increment("count", 1).set("late", b"1")).await;
                    assert!(!was_over || committed == Err(Refusal::Gone), "a commit was applied after the destroy");
                    if was_over {
                        return;
                    }
                }
            }
        });
        race.await;
        assert_eq!(subject.load(id, now).await, None);
    }
    assert_eq!(subject.count().await, 0);
}

/// Checks that a login that races a destroy does not survive it.
pub async fn a_destroy_is_final_for_a_racing_login(subject: &Subject) {
    let now = start();
    for _ in 0..10 {
        let id = subject.begin(now).await;
        let race = subject.race(8, move |subject, number| async move {
            if number == 0 {
                assert!(subject.destroy(id).await);
            } else {
                let login = changes(now).renew(NEW_SECRET).bind("ada").set("admin", b"1");
                // Either order of the login and the destroy is valid.
                let _ = subject.commit(id, &login).await;
            }
        });
        race.await;
        assert_eq!(subject.load(id, now).await, None);
        assert!(subject.ids_of("ada", now).await.is_empty());
        let late = Changes::new(now, NEW_SECRET).set("admin", b"1");
        assert_eq!(subject.commit(id, &late).await, Err(Refusal::Gone));
    }
}

/// Checks that a reused id is a new session, which the old secret does not open.
pub async fn a_reused_id_has_nothing_of_the_old_session(subject: &Subject) {
    let now = start();
    let old =
        draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1").immutable("plan", b"2").flash("notice", b"3");
    let id = subject.put(old).await.id();
    assert!(subject.destroy(id).await);
    let new = built(Record::builder(id, NEW_SECRET, now.after(SECOND)).entry("other", b"4"));
    assert_eq!(subject.create(&new).await, Created::STORED);
    assert_same(&subject.find(id, now.after(SECOND)).await, &new);
    assert!(subject.ids_of("ada", now).await.is_empty());
    assert_eq!(subject.commit(id, &changes(now).set("key", b"5")).await, Err(Refusal::Gone));
    assert_same(&subject.find(id, now.after(SECOND)).await, &new);
}

/// Checks that all sessions end, and are counted.
pub async fn destroy_all_ends_every_session(subject: &Subject) {
    let now = start();
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(subject.begin(now).await);
        ids.push(subject.begin_of(&format!("user {number}"), now).await);
    }
    assert_eq!(subject.destroy_all().await, 40);
    assert_eq!(subject.count().await, 0);
    assert!(subject.listed(10, now).await.is_empty());
    for id in sorted(ids) {
        assert_eq!(subject.load(id, now).await, None);
        assert_eq!(subject.commit(id, &changes(now)).await, Err(Refusal::Gone));
        assert!(!subject.destroy(id).await);
    }
    for number in 0..20 {
        assert!(subject.ids_of(&format!("user {number}"), now).await.is_empty());
    }
    assert_eq!(subject.destroy_all().await, 0);
}

/// Checks that a store still works after all its sessions have ended.
pub async fn a_store_works_after_destroy_all(subject: &Subject) {
    let now = start();
    let id = subject.begin_of("ada", now).await;
    assert_eq!(subject.destroy_all().await, 1);
    assert_eq!(subject.create(&built(draft(id, now).principal(Some("ada")))).await, Created::STORED);
    assert_eq!(subject.ids_of("ada", now).await, [id]);
    assert_eq!(subject.count().await, 1);
}
