//! Commits as a whole.

use sessions_store::{Changes, Created, Lifetime, Limits, Refusal, SecretHash, Timestamp};

use crate::fixtures::{
    IDLE, LIFE, MILLISECOND, NEW_SECRET, SECOND, SECRET, WRONG_SECRET, answered, assert_same, built, changes, draft,
    entries, flashes, fresh_id, start, value,
};
use crate::subject::Subject;

/// Checks that acknowledged changes are stored, and everything else is unchanged.
pub async fn the_next_load_sees_a_commit(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).entry("old", b"1").flash("notice", b"2")).await;
    let later = now.after(SECOND);
    subject.apply(record.id(), &changes(later).set("new", b"3")).await;
    let expected = draft(record.id(), now).last_seen(later).version(1);
    let expected = built(expected.entry("old", b"1").entry("new", b"3").flash("notice", b"2"));
    assert_same(&subject.find(record.id(), later).await, &expected);
}

/// Checks that each commit increments the version.
pub async fn every_commit_is_a_new_version(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    for version in 1..=5 {
        subject.apply(id, &changes(now).increment("visits", 1)).await;
        assert_eq!(subject.find(id, now).await.version(), version);
    }
}

/// Checks that empty changes update the time, and nothing else.
pub async fn an_empty_commit_is_a_touch(subject: &Subject) {
    let now = start();
    let record =
        subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1").flash("notice", b"2")).await;
    let later = now.after(60 * SECOND);
    subject.apply(record.id(), &changes(later)).await;
    let expected = draft(record.id(), now).last_seen(later).version(1).principal(Some("ada"));
    assert_same(&subject.find(record.id(), later).await, &built(expected.entry("key", b"1").flash("notice", b"2")));
}

/// Checks that a machine with a slow clock does not age a session.
pub async fn a_slow_clock_does_not_move_time_back(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    subject.apply(id, &changes(now.after(60 * SECOND)).set("first", b"1")).await;
    subject.apply(id, &changes(now.after(SECOND)).set("second", b"2")).await;
    let found = subject.find(id, now.after(60 * SECOND)).await;
    assert_eq!(found.last_seen(), now.after(60 * SECOND));
    assert_eq!((value(&found, "first"), value(&found, "second")), (&b"1"[..], &b"2"[..]));
}

/// Checks that a commit with a wrong secret changes nothing.
pub async fn a_wrong_secret_commits_nothing(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).entry("key", b"1")).await;
    let stale = Changes::new(now.after(SECOND), WRONG_SECRET);
    let stale = stale
        .set("key", b"2")
        .set_flash("notice", b"3")
        .renew(NEW_SECRET)
        .bind("eve")
        .lifetime(Lifetime::ENDLESS.with_idle(LIFE));
    assert_eq!(subject.commit(record.id(), &stale).await, Err(Refusal::Gone));
    assert_same(&subject.find(record.id(), now).await, &record);
    assert!(subject.ids_of("eve", now).await.is_empty());
}

/// Checks that after a renewal only the new secret opens the session.
pub async fn a_replaced_secret_opens_nothing(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    subject.apply(id, &changes(now).renew(NEW_SECRET).set("key", b"1")).await;
    assert_eq!(subject.commit(id, &changes(now).set("key", b"2")).await, Err(Refusal::Gone));
    subject.apply(id, &Changes::new(now, NEW_SECRET).set("other", b"3")).await;
    let found = subject.find(id, now).await;
    assert_eq!(found.secret_hash(), NEW_SECRET);
    assert_eq!(entries(&found), [("key", &b"1"[..], false), ("other", b"3", false)]);
}

/// Checks that one commit can renew, bind a principal and set the lifetime.
pub async fn a_login_is_one_commit(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).entry("cart", b"[]").flash("notice", b"1")).await;
    let lifetime =
        Lifetime::ENDLESS.with_idle(7 * IDLE).with_absolute_deadline(now.after(9 * LIFE)).with_persistent_cookie(true);
    let login = changes(now.after(SECOND))
        .renew(NEW_SECRET)
        .bind("ada")
        .lifetime(lifetime)
        .remove("cart")
        .set("name", b"\"Ada\"");
    subject.apply(record.id(), &login).await;
    let found = subject.find(record.id(), now.after(SECOND)).await;
    assert_eq!(found.secret_hash(), NEW_SECRET);
    assert_eq!(found.principal(), Some("ada"));
    assert_eq!(found.signed_in_at(), Some(now.after(SECOND)));
    assert_eq!(found.lifetime(), lifetime);
    assert_eq!(found.created(), now);
    assert_eq!(found.last_seen(), now.after(SECOND));
    assert_eq!(found.version(), 1);
    assert_eq!(entries(&found), [("name", &b"\"Ada\""[..], false)]);
    assert_eq!(flashes(&found), [("notice", &b"1"[..])]);
    assert_eq!(subject.ids_of("ada", now.after(SECOND)).await, [record.id()]);
}

/// Checks that a confirmation is kept, and changes nothing else.
pub async fn a_confirmation_is_kept(subject: &Subject) {
    let now = start();
    let record =
        subject.put(draft(fresh_id(), now).principal(Some("ada")).signed_in_at(Some(now)).entry("key", b"1")).await;
    assert_eq!(subject.find(record.id(), now).await.signed_in_at(), Some(now));
    let later = now.after(SECOND);
    subject.apply(record.id(), &changes(later).set("key", b"22")).await;
    assert_eq!(subject.find(record.id(), later).await.signed_in_at(), Some(now));
    subject.apply(record.id(), &changes(later).confirm().renew(NEW_SECRET)).await;
    let found = subject.find(record.id(), later).await;
    assert_eq!((found.signed_in_at(), found.principal()), (Some(later), Some("ada")));
    assert_eq!((found.lifetime(), entries(&found)), (record.lifetime(), vec![("key", &b"22"[..], false)]));
}

/// Checks that a rotation waits for the first use of its secret, through commits of every kind.
pub async fn a_rotation_ends_at_the_first_use_of_its_secret(subject: &Subject) {
    let now = start();
    let id = subject.begin_of("ada", now).await;
    let touches = |secret| {
        [
            Changes::new(now, secret),
            Changes::new(now, secret).set("key", b"1"),
            Changes::new(now, secret).set("key", b"a longer value"),
        ]
    };
    subject.apply(id, &changes(now).rotate(NEW_SECRET, now)).await;
    for touch in touches(SECRET) {
        subject.apply(id, &touch).await;
        let found = subject.find(id, now).await;
        assert_eq!(found.secret_hash(), SECRET);
        assert!(found.has_successor(&NEW_SECRET), "the rotation is not over");
    }
    subject.apply(id, &changes(now).rotate(WRONG_SECRET, Timestamp::from_millis(0))).await;
    for touch in touches(NEW_SECRET) {
        subject.apply(id, &touch).await;
        let found = subject.find(id, now).await;
        assert_eq!(found.secret_hash(), NEW_SECRET, "the first use of its secret ends the rotation");
        assert!(!found.has_successor(&NEW_SECRET) && found.supersedes(&SECRET, now, SECOND));
    }
    // Requests under way with the old secret may write, but not renew.
    subject.apply(id, &changes(now).set("late", b"1")).await;
    assert_eq!(subject.commit(id, &changes(now).renew(SECRET)).await, Err(Refusal::Gone));
    subject.apply(id, &Changes::new(now, NEW_SECRET).renew(SECRET)).await;
    assert_eq!(subject.commit(id, &Changes::new(now, NEW_SECRET)).await, Err(Refusal::Gone));
    assert_eq!(subject.ids_of("ada", now).await, [id]);
}

/// Checks that one change that cannot be applied stops all others, wherever it stands.
pub async fn a_commit_is_all_or_nothing(subject: &Subject) {
    let now = start();
    let record = draft(fresh_id(), now).entry("text", b"\"five\"").entry("kept", b"1").immutable("plan", b"2");
    let record = subject.put(record.flash("notice", b"3")).await;
    let everything = || {
        let changes =
            changes(now.after(SECOND)).renew(NEW_SECRET).bind("eve").lifetime(Lifetime::ENDLESS.with_idle(2 * IDLE));
        let changes = changes.set("a", b"x").remove("kept").increment("visits", 1).set_immutable("b", b"x");
        changes.set_flash("later", b"x").consume_flash("notice", b"3")
    };
    let refused = [
        everything().increment("text", 1),
        everything().set("plan", b"x"),
        everything().increment("plan", 1),
        everything().require("kept", Some(b"2")),
        everything().require("kept", None),
        everything().require("absent", Some(b"1")),
        everything().increment("z", i64::MAX).require("zz", Some(b"")),
    ];
    for changes in refused {
        assert_eq!(subject.commit(record.id(), &changes).await, Err(Refusal::Conflict), "of {changes:?}");
        assert_same(&subject.find(record.id(), now).await, &record);
        assert!(subject.ids_of("eve", now).await.is_empty());
    }
    subject.apply(record.id(), &everything()).await;
}

/// Checks that a commit that would exceed a limit is refused completely, whatever grows.
pub async fn a_commit_past_a_limit_is_refused_whole(subject: &Subject) {
    let now = start();
    let record =
        subject.put(draft(fresh_id(), now).entry("count", b"9").entry("kept", b"1").flash("notice", b"2")).await;
    let (bytes, keys) = (record.as_bytes().len(), 3);
    let later = now.after(SECOND);
    let refused = [
        ("a new entry", keys, changes(later).set("new", b"")),
        ("a new flash", keys, changes(later).set_flash("new", b"")),
        ("a new number", keys, changes(later).increment("new", 1)),
        ("a longer value", bytes, changes(later).set("kept", b"11")),
        ("a longer immutable value", bytes, changes(later).set_immutable("kept", b"11")),
        ("a longer flash", bytes, changes(later).set_flash("notice", b"22")),
        ("a longer sum", bytes, changes(later).increment("count", 1)),
        ("a principal", bytes, changes(later).bind("a")),
    ];
    for (name, limit, changes) in refused {
        let limits = if limit == keys { Limits::new(usize::MAX, keys) } else { Limits::new(bytes, usize::MAX) };
        let changes = changes.renew(NEW_SECRET).limited_to(limits);
        assert_eq!(subject.commit(record.id(), &changes).await, Err(Refusal::TooLarge), "{name}");
        assert_same(&subject.find(record.id(), now).await, &record);
    }
    assert!(subject.ids_of("a", now).await.is_empty());
    let limits = Limits::new(bytes, keys);
    subject.apply(record.id(), &changes(later).set("new", b"1").remove("kept").limited_to(limits)).await;
}

/// Checks that a session above a lowered limit can be used and made smaller.
pub async fn limits_never_stop_a_record_from_shrinking(subject: &Subject) {
    let now = start();
    let record = subject.put(draft(fresh_id(), now).entry("a", b"1111").entry("b", b"2").flash("notice", b"3")).await;
    let limits = Limits::new(1, 1);
    let later = now.after(SECOND);
    for changes in [
        changes(later),
        changes(later).set("b", b"3").renew(SECRET),
        changes(later).set("a", b"11"),
        changes(later).consume_flash("notice", b"3"),
        changes(later).remove("a"),
        changes(later).clear_entries(),
    ] {
        subject.apply(record.id(), &changes.limited_to(limits)).await;
    }
    assert!(entries(&subject.find(record.id(), later).await).is_empty());
}

/// Checks that one commit may change very many keys.
pub async fn a_commit_may_change_many_keys(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    let keys: Vec<String> = (0..250).map(|number| format!("key {number:03}")).collect();
    let all = keys.iter().fold(changes(now), |changes, key| changes.set(key, key.as_bytes()));
    subject.apply(id, &all).await;
    let found = subject.find(id, now).await;
    let expected: Vec<_> = keys.iter().map(|key| (&**key, key.as_bytes(), false)).collect();
    assert_eq!(entries(&found), expected);
    let none = keys.iter().fold(changes(now), |changes, key| changes.remove(key));
    subject.apply(id, &none).await;
    assert!(entries(&subject.find(id, now).await).is_empty());
}

/// Checks that a commit changes no other session.
pub async fn a_commit_leaves_other_sessions_alone(subject: &Subject) {
    let now = start();
    let others = [
        subject.put(draft(fresh_id(), now).entry("key", b"1").flash("key", b"2")).await,
        subject.put(draft(fresh_id(), now).principal(Some("ada")).immutable("key", b"3")).await,
    ];
    let id = subject.begin(now).await;
    subject
        .apply(id, &changes(now.after(MILLISECOND)).clear_entries().clear_flashes().set("key", b"4").bind("ada"))
        .await;
    for other in &others {
        assert_same(&subject.find(other.id(), now).await, other);
    }
}

/// Checks that no commit stores a session that was never created.
pub async fn a_commit_never_creates_a_record(subject: &Subject) {
    let now = start();
    let id = fresh_id();
    let attempts = [
        changes(now),
        changes(now).set("key", b"1"),
        changes(now).increment("key", 1),
        changes(now).set_flash("key", b"1"),
        changes(now).clear_entries().clear_flashes(),
        changes(now).require("key", None),
        changes(now).bind("eve"),
        changes(now).renew(NEW_SECRET).lifetime(Lifetime::ENDLESS.with_idle(IDLE)),
    ];
    for changes in attempts {
        assert_eq!(subject.commit(id, &changes).await, Err(Refusal::Gone), "of {changes:?}");
        assert_eq!(subject.load(id, now).await, None);
    }
    assert!(subject.ids_of("eve", now).await.is_empty());
    assert_eq!(subject.count().await, 0);
    // The attempts have left nothing behind.
    let record = built(draft(id, now));
    assert_eq!(subject.create(&record).await, Created::STORED);
    assert_same(&subject.find(id, now).await, &record);
}

/// Checks that a commit returns the record that it wrote.
pub async fn a_commit_returns_the_new_record(subject: &Subject) {
    let now = start();
    let base = subject.put(draft(fresh_id(), now).entry("count", b"1")).await;
    // Another request writes in between.
    subject.apply(base.id(), &changes(now).set("other", b"2")).await;
    let changes = changes(now.after(SECOND)).increment("count", 1).bind("ada").renew(NEW_SECRET);
    let new = answered(subject.store().commit(&base, &changes).await).expect("the changes apply to the record");
    assert_eq!(entries(&new), [("count", &b"2"[..], false), ("other", b"2", false)]);
    assert_same(&subject.find(base.id(), now.after(SECOND)).await, &new);
}

/// Checks that a commit applies to the stored record, however old its base.
pub async fn a_commit_on_an_old_base_changes_the_current_record(subject: &Subject) {
    let now = start();
    let first = subject.put(draft(fresh_id(), now).entry("count", b"0").entry("old", b"1")).await;
    for _ in 0..3 {
        assert_eq!(subject.commit_on(&first, &changes(now).increment("count", 1)).await, Ok(()));
    }
    subject.apply(first.id(), &changes(now).remove("old").set("new", b"2")).await;
    // Requirements are checked against the stored record, not against the base.
    let stale = changes(now).require("old", Some(b"1")).set("late", b"3");
    assert_eq!(subject.commit_on(&first, &stale).await, Err(Refusal::Conflict));
    let fitting = changes(now).require("new", Some(b"2")).set("late", b"3");
    assert_eq!(subject.commit_on(&first, &fitting).await, Ok(()));
    let found = subject.find(first.id(), now).await;
    assert_eq!(entries(&found), [("count", &b"3"[..], false), ("late", b"3", false), ("new", b"2", false)]);
    subject.apply(first.id(), &changes(now).renew(NEW_SECRET)).await;
    assert_eq!(subject.commit_on(&first, &changes(now).set("late", b"4")).await, Err(Refusal::Gone));
    assert!(subject.destroy(first.id()).await);
    assert_eq!(subject.commit_on(&first, &changes(now).set("late", b"5")).await, Err(Refusal::Gone));
    assert_eq!(subject.load(first.id(), now).await, None);
}

/// Checks that a request whose token was renewed meanwhile may only consume the flash that it has
/// shown.
pub async fn an_overtaken_request_consumes_its_flash(subject: &Subject) {
    let now = start();
    let id = subject.put(draft(fresh_id(), now).flash("seen", b"1").flash("other", b"2")).await.id();
    subject.apply(id, &changes(now).renew(NEW_SECRET)).await;
    assert!(subject.find(id, now).await.supersedes(&SECRET, now, SECOND));
    let consume = |secret| Changes::new(now, secret).consume_flash("seen", b"1");
    let [another, third, fourth] = [0x11, 0x12, 0x13].map(|byte| SecretHash::from_bytes([byte; 32]));
    assert_eq!(subject.commit(id, &consume(another)).await, Err(Refusal::Gone));
    assert_eq!(subject.commit(id, &consume(SECRET).set("late", b"3")).await, Err(Refusal::Gone));
    assert_eq!(subject.commit(id, &consume(SECRET).bind("mallory")).await, Err(Refusal::Gone));
    assert_eq!(subject.commit(id, &Changes::new(now, SECRET)).await, Err(Refusal::Gone));
    assert_eq!(subject.commit(id, &consume(SECRET)).await, Ok(()));
    let found = subject.find(id, now).await;
    assert_eq!((flashes(&found), found.secret_hash()), (vec![("other", &b"2"[..])], NEW_SECRET));
    assert!(found.supersedes(&SECRET, now, SECOND), "later commits keep it");
    // Only the last three secrets count.
    for (own, next) in [(NEW_SECRET, another), (another, third)] {
        subject.apply(id, &Changes::new(now, own).renew(next)).await;
        assert!(subject.find(id, now).await.supersedes(&SECRET, now, SECOND));
    }
    subject.apply(id, &Changes::new(now, third).renew(fourth)).await;
    assert_eq!(subject.commit(id, &changes(now).consume_flash("other", b"2")).await, Err(Refusal::Gone));
}
