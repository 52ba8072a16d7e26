//! Dropped futures, as when a client disconnects: they take effect completely or not at all.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use sessions_store::{Lifetime, Record, RecordBuilder, StoreFuture, Timestamp};

use crate::fixtures::{
    BRIEF, NEW_SECRET, SECOND, answered, assert_same, built, changes, draft, fresh_id, long_ago, start,
};
use crate::subject::Subject;

/// Maximum number of polls of a future before it is dropped.
const POLLS: usize = 4;

/// Polls a future up to `polls` times, and drops it.
async fn abandon<T>(mut future: StoreFuture<T>, polls: usize) {
    poll_fn(|context| {
        for _ in 0..polls {
            if Pin::new(&mut future).poll(context).is_ready() {
                break;
            }
            std::thread::yield_now();
        }
        Poll::Ready(())
    })
    .await;
}

/// Checks that a dropped commit is never half applied, now or later.
pub async fn a_dropped_commit_is_all_or_nothing(subject: &Subject) {
    let now = start();
    for polls in 0..=POLLS {
        let before = draft(fresh_id(), now)
            .entry("kept", b"1")
            .entry("count", b"1")
            .immutable("plan", b"2")
            .flash("notice", b"3");
        let before = subject.put(before).await;
        let commit = changes(now.after(SECOND))
            .renew(NEW_SECRET)
            .bind("ada")
            .lifetime(Lifetime::ENDLESS.with_idle(9 * BRIEF))
            .remove("kept")
            .increment("count", 1);
        let commit =
            commit.set_immutable("plan", b"4").set("new", b"5").consume_flash("notice", b"3").set_flash("later", b"6");
        let after = before.apply(&commit).expect("the changes apply to the record");
        abandon(subject.store().commit(&before, &commit), polls).await;
        // It may still take effect at any moment, and is never undone.
        let mut has_happened = false;
        for _ in 0..20 {
            let found = subject.find(before.id(), now).await;
            if has_happened || found.version() > 0 {
                has_happened = true;
                assert_same(&found, &after);
            } else {
                assert_same(&found, &before);
            }
            std::thread::yield_now();
        }
        assert!(subject.destroy(before.id()).await);
        assert_eq!(subject.load(before.id(), now).await, None);
    }
    assert!(subject.ids_of("ada", now).await.is_empty());
}

/// Checks that a dropped create leaves a whole record or none.
pub async fn a_dropped_create_is_all_or_nothing(subject: &Subject) {
    let now = start();
    let mut records = BTreeMap::new();
    for polls in 0..=POLLS {
        let record =
            draft(fresh_id(), now).principal(Some("ada")).entry("a", b"1").immutable("b", b"2").flash("c", b"3");
        let record = built(record);
        abandon(subject.store().create(&record), polls).await;
        for _ in 0..20 {
            if let Some(found) = subject.load(record.id(), now).await {
                assert_same(&found, &record);
            }
            std::thread::yield_now();
        }
        // Either way, this create leaves exactly this record, even if the dropped one comes late.
        subject.create(&record).await;
        assert_same(&subject.find(record.id(), now).await, &record);
        records.insert(record.id(), record);
    }
    let found = answered(subject.store().of_principal("ada", now).await);
    found.iter().for_each(|found| assert_same(found, &records[&found.id()]));
    assert_eq!((found.len(), subject.count().await), (records.len(), records.len() as u64));
}

/// Checks that a dropped destroy ends the session or leaves it unchanged.
pub async fn a_dropped_destroy_is_all_or_nothing(subject: &Subject) {
    let now = start();
    for polls in 0..=POLLS {
        let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("a", b"1").flash("c", b"3")).await;
        abandon(subject.store().destroy(record.id()), polls).await;
        let mut has_happened = false;
        for _ in 0..20 {
            match subject.load(record.id(), now).await {
                None => has_happened = true,
                Some(found) => {
                    assert!(!has_happened, "a destroyed session came back");
                    assert_same(&found, &record);
                }
            }
            std::thread::yield_now();
        }
        subject.destroy(record.id()).await;
        assert_eq!(subject.load(record.id(), now).await, None);
        assert!(subject.ids_of("ada", now).await.is_empty());
    }
    assert_eq!(subject.count().await, 0);
}

/// Checks that a dropped `destroy_of_principal` leaves whole sessions.
pub async fn a_dropped_destroy_of_a_principal_leaves_whole_sessions(subject: &Subject) {
    drop_ends(subject, || subject.store().destroy_of_principal("ada", None)).await;
}

/// Checks that a dropped `destroy_all` leaves whole sessions.
pub async fn a_dropped_destroy_all_leaves_whole_sessions(subject: &Subject) {
    drop_ends(subject, || subject.store().destroy_all()).await;
}

/// Drops calls that end the sessions of `ada`, and then completes one.
async fn drop_ends<T>(subject: &Subject, end: impl Fn() -> StoreFuture<T>) {
    let now = start();
    for polls in 0..=POLLS {
        let records = put_five(subject, || draft(fresh_id(), now).principal(Some("ada"))).await;
        abandon(end(), polls).await;
        assert_whole(subject, &records, now).await;
        answered(end().await);
        for record in &records {
            assert_eq!(subject.load(record.id(), now).await, None);
        }
    }
    assert!(subject.ids_of("ada", now).await.is_empty());
    assert_eq!(subject.count().await, 0);
}

async fn put_five(subject: &Subject, draft: impl Fn() -> RecordBuilder<'static>) -> Vec<Record> {
    let mut records = Vec::new();
    for _ in 0..5 {
        records.push(subject.put(draft().entry("a", b"1")).await);
    }
    records
}

/// Checks that each record that is still there is as it was.
async fn assert_whole(subject: &Subject, records: &[Record], now: Timestamp) {
    for record in records {
        if let Some(found) = subject.load(record.id(), now).await {
            assert_same(&found, record);
        }
    }
}

/// Checks that a dropped sweep leaves whole sessions, which later sweeps remove.
pub async fn a_dropped_sweep_leaves_whole_sessions(subject: &Subject) {
    let now = long_ago(subject);
    let living = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("a", b"1")).await;
    for polls in 0..=POLLS {
        let records = put_five(subject, || draft(fresh_id(), now).idle(Some(BRIEF))).await;
        abandon(subject.store().sweep(10, now.after(BRIEF)), polls).await;
        // By a clock that is behind, a stored session is still live.
        assert_whole(subject, &records, now).await;
        assert_same(&subject.find(living.id(), now).await, &living);
    }
    for _ in 0..100 {
        if subject.expires_by_itself() || subject.count().await == 1 {
            return;
        }
        subject.sweep(10, now.after(BRIEF)).await;
    }
    panic!("sessions are left that no sweep removes");
}

/// Checks that a store still works after thousands of dropped futures.
pub async fn dropped_futures_leak_nothing(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    let base = subject.find(id, now).await;
    for number in 0..2000 {
        abandon(subject.store().commit(&base, &changes(now).increment("count", 1)), number % 2).await;
        abandon(subject.store().load(id, now), number % 2).await;
    }
    subject.apply(id, &changes(now).set("after", b"1")).await;
    assert!(subject.find(id, now).await.entry("after").is_some());
}

/// Checks that another thread may await a future after its arguments are gone.
pub async fn a_future_borrows_nothing(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    let commit = {
        let changes = changes(now).set("key", String::from("1").as_bytes());
        subject.store().commit(&subject.find(id, now).await, &changes)
    };
    let create = {
        let record: Record = built(draft(fresh_id(), now).principal(Some(&String::from("ada"))));
        subject.store().create(&record)
    };
    let listed = subject.store().of_principal(&String::from("ada"), now);
    let parts = std::sync::Mutex::new(Some((commit, create, listed)));
    let race = subject.race(1, move |_, _| {
        let (commit, create, listed) =
            parts.lock().expect("nothing panics while holding it").take().expect("there is one racer");
        async move {
            assert!(answered(commit.await).is_ok());
            answered(create.await);
            answered(listed.await);
        }
    });
    race.await;
    assert!(subject.find(id, now).await.entry("key").is_some());
    assert_eq!(subject.ids_of("ada", now).await.len(), 1);
}
