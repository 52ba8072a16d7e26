//! The sessions of a principal.

use sessions_store::{Changes, Lifetime, Record, Refusal, SessionId};

use crate::fixtures::{
    BRIEF, IDLE, NEW_SECRET, answered, assert_same, changes, draft, fresh_id, long_ago, sorted, start,
};
use crate::subject::Subject;

async fn end(subject: &Subject, principal: &str, except: Option<SessionId>) -> Vec<SessionId> {
    let ended = answered(subject.store().destroy_of_principal(principal, except).await);
    assert_eq!(sorted(ended.iter().copied()).len(), ended.len(), "no id is reported twice");
    sorted(ended)
}

/// Checks that a principal's records are found whole, and no others.
pub async fn a_principal_has_the_sessions_bound_to_it(subject: &Subject) {
    let now = start();
    let first =
        subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1").flash("notice", b"2")).await;
    let second = subject.begin_of("ada", now).await;
    let other = subject.begin_of("bob", now).await;
    let anonymous = subject.begin(now).await;
    assert_eq!(subject.ids_of("ada", now).await, sorted([first.id(), second]));
    assert_eq!(subject.ids_of("bob", now).await, [other]);
    assert!(subject.ids_of("nobody", now).await.is_empty());
    let found = answered(subject.store().of_principal("ada", now).await);
    assert_same(found.iter().find(|record| record.id() == first.id()).expect("it is listed"), &first);
    subject.apply(anonymous, &changes(now).bind("ada")).await;
    assert_eq!(subject.ids_of("ada", now).await, sorted([first.id(), second, anonymous]));
    assert_eq!(subject.find(anonymous, now).await.principal(), Some("ada"));
}

/// Checks that a principal's live sessions are counted, and those of other principals are not.
pub async fn sessions_of_a_principal_are_counted(subject: &Subject) {
    let now = start();
    let count = async |principal| answered(subject.store().count_of_principal(principal, now).await);
    assert_eq!(count("ada").await, 0);
    for number in 1..=12 {
        let id = subject.begin_of("ada", now).await;
        assert_eq!(count("ada").await, number);
        subject.apply(id, &changes(now).bind("ada").set("key", b"1")).await;
        assert_eq!(count("ada").await, number, "a binding counts once");
    }
    subject.begin(now).await;
    subject.begin_of("bob", now).await;
    assert_eq!((count("ada").await, count("bob").await, count("nobody").await), (12, 1, 0));
    end(subject, "ada", None).await;
    assert_eq!((count("ada").await, count("bob").await), (0, 1));
}

/// Checks that commits, renewals and a second login keep one binding.
pub async fn a_binding_survives_other_commits(subject: &Subject) {
    let now = start();
    let id = subject.begin_of("ada", now).await;
    subject.apply(id, &changes(now).set("key", b"1").clear_flashes()).await;
    subject.apply(id, &changes(now).clear_entries().bind("ada")).await;
    subject.apply(id, &changes(now).renew(NEW_SECRET)).await;
    subject.apply(id, &Changes::new(now, NEW_SECRET).lifetime(Lifetime::ENDLESS.with_idle(2 * IDLE))).await;
    assert_eq!(answered(subject.store().of_principal("ada", now).await).len(), 1);
    assert_eq!(subject.find(id, now).await.principal(), Some("ada"));
}

/// Checks that a session has one principal at a time.
pub async fn a_new_binding_replaces_the_old(subject: &Subject) {
    let now = start();
    let (id, stays) = (subject.begin_of("ada", now).await, subject.begin_of("ada", now).await);
    subject.apply(id, &changes(now).bind("bob")).await;
    assert_eq!(subject.ids_of("ada", now).await, [stays]);
    assert_eq!(subject.ids_of("bob", now).await, [id]);
    assert_eq!(end(subject, "ada", None).await, [stays]);
    assert!(subject.load(id, now).await.is_some());
    subject.apply(id, &changes(now).bind("ada")).await;
    assert_eq!(subject.ids_of("ada", now).await, [id]);
    assert!(end(subject, "bob", None).await.is_empty());
    assert!(subject.load(id, now).await.is_some());
}

/// Checks that ended sessions leave their principal's list.
pub async fn an_ended_session_has_no_principal(subject: &Subject) {
    let now = long_ago(subject);
    let (destroyed, brief, stays) = (
        subject.begin_of("ada", now).await,
        draft(fresh_id(), now).idle(Some(BRIEF)),
        subject.begin_of("ada", now).await,
    );
    let expires = subject.put(brief.principal(Some("ada"))).await.id();
    assert!(subject.destroy(destroyed).await);
    assert_eq!(subject.ids_of("ada", now).await, sorted([expires, stays]));
    assert_eq!(subject.ids_of("ada", now.after(BRIEF)).await, [stays]);
    subject.sweep(10, now.after(BRIEF)).await;
    assert_eq!(subject.ids_of("ada", now.after(BRIEF)).await, [stays]);
}

/// Checks that all of a principal's sessions end, and no others.
pub async fn a_principals_sessions_end_together(subject: &Subject) {
    let now = start();
    let mut theirs = Vec::new();
    for _ in 0..30 {
        theirs.push(subject.begin_of("ada", now).await);
    }
    let others = [subject.begin_of("bob", now).await, subject.begin(now).await];
    assert_eq!(end(subject, "ada", None).await, sorted(theirs.iter().copied()));
    for id in theirs {
        assert_eq!(subject.load(id, now).await, None);
        assert_eq!(subject.commit(id, &changes(now).set("key", b"1")).await, Err(Refusal::Gone));
    }
    for id in others {
        assert!(subject.load(id, now).await.is_some());
    }
    assert!(subject.ids_of("ada", now).await.is_empty());
    assert!(end(subject, "ada", None).await.is_empty());
    assert!(end(subject, "nobody", None).await.is_empty());
    assert_eq!(subject.count().await, 2);
}

/// Checks that all sessions but the current one may be ended.
pub async fn one_session_may_be_spared(subject: &Subject) {
    let now = start();
    let (spared, first, second) =
        (subject.begin_of("ada", now).await, subject.begin_of("ada", now).await, subject.begin_of("ada", now).await);
    let other = subject.begin_of("bob", now).await;
    assert_eq!(end(subject, "ada", Some(spared)).await, sorted([first, second]));
    assert_eq!(subject.ids_of("ada", now).await, [spared]);
    // Excepting another principal's session, or an absent one, spares nothing.
    assert_eq!(end(subject, "ada", Some(other)).await, [spared]);
    assert_eq!(end(subject, "bob", Some(fresh_id())).await, [other]);
    assert_eq!(subject.count().await, 0);
}

/// Checks that no principal is a pattern, a prefix or another spelling of another.
pub async fn principals_are_compared_byte_for_byte(subject: &Subject) {
    let now = start();
    let long = "a".repeat(1000);
    let longer = "a".repeat(1001);
    let names = [
        "",
        " ",
        "*",
        "a*",
        "?da",
        "[a]da",
        "ada",
        "Ada",
        "ada ",
        "ada\0",
        "ada\n",
        "ad",
        "adaa",
        "..",
        "../ada",
        "a/b",
        "a:b",
        "a%",
        "a_a",
        "'; drop table",
        "\"",
        "\\",
        "{ada}",
        "}{",
        "$1",
        "\u{e9}",
        "e\u{301}",
        "\u{1f600}",
        "\u{feff}ada",
        &long,
        &longer,
    ];
    let mut ids = Vec::new();
    for name in names {
        ids.push(subject.begin_of(name, now).await);
    }
    let anonymous = subject.begin(now).await;
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(subject.ids_of(name, now).await, [*id], "of {name:?}");
        assert_eq!(subject.find(*id, now).await.principal(), Some(*name));
    }
    for (ended, (name, id)) in names.iter().zip(&ids).enumerate() {
        assert_eq!(end(subject, name, None).await, [*id], "of {name:?}");
        assert_eq!(subject.count().await, (names.len() - ended) as u64);
    }
    assert!(subject.load(anonymous, now).await.is_some());
}

/// Checks the lists of sessions after racing logins, commits and logouts.
pub async fn principals_sessions_are_right_after_a_race(subject: &Subject) {
    let now = start();
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(subject.begin(now).await);
    }
    let shared = ids.clone();
    let race = subject.race(8, move |subject, number| {
        let ids = shared.clone();
        async move {
            for round in 0..8 {
                let id = ids[(number + round) % ids.len()];
                match (number, round) {
                    (0, 7) => _ = subject.destroy(id).await,
                    (1, 4) => _ = answered(subject.store().destroy_of_principal("user 1", Some(id)).await),
                    _ => _ = subject.commit(id, &changes(now).bind(format!("user {}", (number * round) % 3))).await,
                }
            }
        }
    });
    race.await;
    let mut living: Vec<Record> = Vec::new();
    for id in ids {
        living.extend(subject.load(id, now).await);
    }
    assert!(living.len() < 8);
    for name in ["user 0", "user 1", "user 2"] {
        let theirs = living.iter().filter(|record| record.principal() == Some(name)).map(Record::id);
        assert_eq!(subject.ids_of(name, now).await, sorted(theirs));
    }
    assert_eq!(subject.count().await, living.len() as u64);
}
