//! The meaning of each change.

use sessions_store::{Changes, Record, RecordBuilder, Refusal};

use crate::fixtures::{Line, changes, draft, entries, flashes, fresh_id, start, value};
use crate::subject::Subject;

type Before = fn(RecordBuilder<'_>) -> RecordBuilder<'_>;
type Commit = fn(Changes) -> Changes;

/// An old value, the summand, and the sum.
type Sum<'a> = (Option<&'a [u8]>, i64, &'a [u8]);

/// Applies `commit` to the record that `before` makes, and returns the result.
async fn after(subject: &Subject, before: Before, commit: Commit) -> Record {
    let now = start();
    let id = subject.put(before(draft(fresh_id(), now))).await.id();
    subject.apply(id, &commit(changes(now))).await;
    subject.find(id, now).await
}

/// Checks that `commit` conflicts with the record that `before` makes.
async fn assert_conflict(subject: &Subject, before: Before, commit: Commit) {
    let now = start();
    let record = subject.put(before(draft(fresh_id(), now))).await;
    assert_eq!(subject.commit(record.id(), &commit(changes(now))).await, Err(Refusal::Conflict));
    assert_eq!(entries(&subject.find(record.id(), now).await), entries(&record));
}

fn plain<'a>(key: &'a str, value: &'a [u8]) -> Line<'a> {
    (key, value, false)
}

/// Checks that a set creates or replaces an entry.
pub async fn a_set_creates_or_replaces_an_entry(subject: &Subject) {
    let found = after(subject, |r| r.entry("a", b"1").entry("b", b"2"), |c| c.set("a", b"longer").set("c", b"3")).await;
    assert_eq!(entries(&found), [plain("a", b"longer"), plain("b", b"2"), plain("c", b"3")]);
}

/// Checks that a removal removes its entry, if there is one.
pub async fn a_removal_removes_one_entry(subject: &Subject) {
    let before: Before = |r| r.entry("a", b"1").entry("b", b"2").immutable("c", b"3");
    let found = after(subject, before, |c| c.remove("a").remove("c").remove("absent")).await;
    assert_eq!(entries(&found), [plain("b", b"2")]);
    // An entry and a flash may have the same key.
    let found = after(subject, |r| r.entry("a", b"1").flash("a", b"2"), |c| c.remove("a")).await;
    assert_eq!((entries(&found), flashes(&found)), (vec![], vec![("a", &b"2"[..])]));
}

/// Checks that only `set_immutable` replaces an immutable entry.
pub async fn only_set_immutable_replaces_an_immutable_entry(subject: &Subject) {
    let found = after(
        subject,
        |r| r.entry("a", b"1").immutable("b", b"2"),
        |c| c.set_immutable("a", b"3").set_immutable("b", b"4").set_immutable("c", b"5"),
    )
    .await;
    assert_eq!(entries(&found), [("a", &b"3"[..], true), ("b", b"4", true), ("c", b"5", true)]);
    assert_conflict(subject, |r| r.immutable("a", b"1"), |c| c.set("a", b"2")).await;
    // Not even by the same value.
    assert_conflict(subject, |r| r.immutable("a", b"1"), |c| c.set("a", b"1")).await;
    assert_conflict(subject, |r| r.immutable("a", b"1"), |c| c.increment("a", 1)).await;
}

/// Checks that an immutable entry stays immutable through later commits.
pub async fn immutability_survives_other_commits(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    subject.apply(id, &changes(now).set_immutable("plan", b"1")).await;
    subject.apply(id, &changes(now).set("other", b"2")).await;
    assert_eq!(subject.commit(id, &changes(now).set("plan", b"3")).await, Err(Refusal::Conflict));
    subject.apply(id, &changes(now).remove("plan")).await;
    subject.apply(id, &changes(now).set("plan", b"4")).await;
    assert_eq!(entries(&subject.find(id, now).await), [plain("other", b"2"), plain("plan", b"4")]);
}

/// Checks sums of missing entries, across zero and at the ends of the range.
pub async fn an_increment_adds_exactly(subject: &Subject) {
    let sums: [Sum<'_>; 13] = [
        (None, 1, b"1"),
        (None, -5, b"-5"),
        (None, 0, b"0"),
        (Some(b"41"), 1, b"42"),
        (Some(b"-3"), 5, b"2"),
        (Some(b"3"), -5, b"-2"),
        (Some(b"999999999999999"), 1, b"1000000000000000"),
        (Some(b"999999999999999"), 999_999_999_999_999, b"1999999999999998"),
        (Some(b"-99999999999999"), -999_999_999_999_999, b"-1099999999999998"),
        (Some(b"9007199254740993"), 1, b"9007199254740994"),
        (Some(b"9223372036854775806"), 1, b"9223372036854775807"),
        (Some(b"-9223372036854775807"), -1, b"-9223372036854775808"),
        (Some(b"-9223372036854775808"), i64::MAX, b"-1"),
    ];
    let now = start();
    for (old, by, sum) in sums {
        let record = old.iter().fold(draft(fresh_id(), now), |record, old| record.entry("sum", old));
        let id = subject.put(record).await.id();
        subject.apply(id, &changes(now).increment("sum", by)).await;
        assert_eq!(entries(&subject.find(id, now).await), [plain("sum", sum)], "{old:?} + {by}");
    }
}

/// Checks that an increment of anything but an integer, and a sum that overflows, conflict.
pub async fn an_increment_of_a_non_number_conflicts(subject: &Subject) {
    let now = start();
    let refused: [(&[u8], i64); 12] = [
        (b"", 1),
        (b"1.5", 1),
        (b"1e3", 1),
        (b"0x10", 1),
        (b"five", 1),
        (b"\"5\"", 1),
        (b" 5", 1),
        (b"5\n", 1),
        (b"\xff\xfe", 1),
        (b"9223372036854775807", 1),
        (b"-9223372036854775808", -1),
        (b"9223372036854775808", -1),
    ];
    for (old, by) in refused {
        let record = subject.put(draft(fresh_id(), now).entry("sum", old)).await;
        let changes = changes(now).increment("sum", by);
        assert_eq!(subject.commit(record.id(), &changes).await, Err(Refusal::Conflict), "{old:?} + {by}");
        assert_eq!(value(&subject.find(record.id(), now).await, "sum"), old);
    }
}

/// Checks that a commit may require the old value of an entry, or its absence.
pub async fn an_unmet_requirement_conflicts(subject: &Subject) {
    let before: Before = |r| r.entry("a", b"1").immutable("b", b"").flash("c", b"3");
    let found = after(subject, before, |c| {
        // Requirements of all kinds. For an entry that the same commit changes, the old value
        // counts.
        c.require("a", Some(b"1"))
            .require("b", Some(b""))
            .require("c", None)
            .require("d", None)
            .set("a", b"2")
            .set("d", b"4")
    })
    .await;
    assert_eq!(entries(&found), [plain("a", b"2"), ("b", b"", true), plain("d", b"4")]);
    let unmet: [Commit; 6] = [
        |c| c.require("a", Some(b"2")).set("a", b"2"),
        |c| c.require("a", Some(b"1 ")),
        |c| c.require("a", Some(b"")),
        |c| c.require("a", None),
        |c| c.require("b", None),
        |c| c.require("c", Some(b"3")),
    ];
    for commit in unmet {
        assert_conflict(subject, before, commit).await;
    }
}

/// Checks that requirements concern the record before the commit clears anything.
pub async fn a_requirement_is_checked_before_a_clear(subject: &Subject) {
    let found =
        after(subject, |r| r.entry("a", b"1"), |c| c.clear_entries().require("a", Some(b"1")).set("b", b"2")).await;
    assert_eq!(entries(&found), [plain("b", b"2")]);
    assert_conflict(subject, |r| r.entry("a", b"1"), |c| c.clear_entries().require("a", None)).await;
}

/// Checks that a clear removes all entries, immutable ones too, but no flash.
///
/// What the same commit sets stays.
pub async fn clear_entries_applies_before_other_changes(subject: &Subject) {
    let before: Before =
        |r| r.entry("a", b"1").entry("n", b"5").entry("t", b"text").immutable("b", b"2").flash("a", b"3");
    let found =
        after(subject, before, |c| c.clear_entries().set("b", b"4").increment("n", 1).increment("t", 1).remove("a"))
            .await;
    assert_eq!(entries(&found), [plain("b", b"4"), plain("n", b"1"), plain("t", b"1")]);
    assert_eq!(flashes(&found), [("a", &b"3"[..])]);
}

/// Checks that a clear removes all flashes, but no entry.
///
/// What the same commit sets stays.
pub async fn clear_flashes_applies_before_other_changes(subject: &Subject) {
    let before: Before = |r| r.entry("a", b"1").flash("a", b"2").flash("b", b"3").flash("c", b"4");
    let found = after(subject, before, |c| c.clear_flashes().set_flash("b", b"5").consume_flash("c", b"older")).await;
    assert_eq!(entries(&found), [plain("a", b"1")]);
    assert_eq!(flashes(&found), [("b", &b"5"[..])]);
}

/// Checks that both clears together leave nothing.
pub async fn both_clears_leave_an_empty_record(subject: &Subject) {
    let before: Before = |r| r.entry("a", b"1").immutable("b", b"2").flash("c", b"3").principal(Some("ada"));
    let found = after(subject, before, |c| c.clear_entries().clear_flashes()).await;
    assert!(entries(&found).is_empty() && flashes(&found).is_empty());
    assert_eq!(found.principal(), Some("ada"));
}

/// Checks that flashes are set, replaced and removed apart from entries of the same name.
pub async fn flashes_and_entries_are_separate(subject: &Subject) {
    let before: Before = |r| r.entry("a", b"1").flash("a", b"2").flash("b", b"3").immutable("b", b"4");
    let found = after(subject, before, |c| c.set("a", b"5").set_flash("b", b"6").set_flash("c", b"7")).await;
    assert_eq!(entries(&found), [plain("a", b"5"), ("b", b"4", true)]);
    assert_eq!(flashes(&found), [("a", &b"2"[..]), ("b", b"6"), ("c", b"7")]);
    let found = after(subject, before, |c| c.remove("a").remove_flash("b").remove_flash("absent")).await;
    assert_eq!(entries(&found), [("b", &b"4"[..], true)]);
    assert_eq!(flashes(&found), [("a", &b"2"[..])]);
}

/// Checks that a flash that was read is removed, but not a newer one.
pub async fn consume_flash_keeps_a_newer_flash(subject: &Subject) {
    let before: Before = |r| r.flash("a", b"1").flash("b", b"newer").flash("c", b"").entry("d", b"1");
    let found = after(subject, before, |c| {
        c.consume_flash("a", b"1").consume_flash("b", b"older").consume_flash("c", b"").consume_flash("d", b"1")
    })
    .await;
    assert_eq!(flashes(&found), [("b", &b"newer"[..])]);
    assert_eq!(entries(&found), [plain("d", b"1")]);
}
