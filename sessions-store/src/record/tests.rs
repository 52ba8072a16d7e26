use super::*;
use crate::record::changes::Changes;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn id() -> SessionId {
    SessionId::from_bytes([7; 16])
}

fn secret() -> SecretHash {
    SecretHash::from_bytes([9; 32])
}

fn record() -> Record {
    Record::builder(id(), secret(), NOW)
        .idle(Some(Duration::from_secs(60)))
        .absolute_deadline(Timestamp::from_millis(90_000))
        .principal(Some("ann"))
        .entry("n", b"41")
        .immutable("plan", b"\"pro\"")
        .flash("n", b"\"saved\"")
        .build()
        .unwrap()
}

fn value<'a>(record: &'a Record, key: &str) -> Option<&'a [u8]> {
    record.entry(key).map(|entry| entry.value())
}

#[test]
fn a_record_survives_a_round_trip() {
    let record = Record::decode(record().as_bytes()).unwrap();
    assert_eq!((record.id(), record.secret_hash(), record.created(), record.last_seen()), (id(), secret(), NOW, NOW));
    assert_eq!((record.lifetime().idle(), record.version()), (Some(Duration::from_secs(60)), 0));
    assert_eq!((record.expires_at(), record.principal()), (Timestamp::from_millis(61_000), Some("ann")));
    assert_eq!((value(&record, "n"), record.flash("n")), (Some(&b"41"[..]), Some(&b"\"saved\""[..])));
    assert!(record.entry("plan").unwrap().is_immutable() && !record.entry("n").unwrap().is_immutable());
    assert_eq!((record.entries().count(), record.flashes().count()), (2, 1));
    assert_eq!(record.entry("missing").map(|entry| entry.value().len()), None);
}

#[test]
fn damaged_bytes_never_panic() {
    let good = record().as_bytes().to_vec();
    for length in 0..good.len() {
        assert_eq!(Record::decode(&good[..length]), Err(RecordError::Corrupt), "cut to {length}");
    }
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(record) = Record::decode(bytes) {
            let _ = (record.principal(), record.entries().count(), record.flashes().count(), record.expires_at());
        }
    }
}

#[test]
fn a_newer_format_is_not_damage() {
    let mut bytes = record().as_bytes().to_vec();
    bytes[0] = 2;
    assert_eq!(Record::decode(bytes), Err(RecordError::NewerFormat));
}

#[test]
fn changes_affect_only_their_keys() {
    let later = Timestamp::from_millis(5_000);
    let changed = record().apply(&Changes::new(later, secret()).increment("n", 1).set("cart", b"[]")).unwrap();
    assert_eq!((value(&changed, "n"), value(&changed, "cart")), (Some(&b"42"[..]), Some(&b"[]"[..])));
    assert_eq!((value(&changed, "plan"), changed.flash("n")), (Some(&b"\"pro\""[..]), Some(&b"\"saved\""[..])));
    assert_eq!((changed.last_seen(), changed.created(), changed.version()), (later, NOW, 1));
}

#[test]
fn an_expired_or_renewed_record_is_gone() {
    let cases = [
        ("idle", Changes::new(Timestamp::from_millis(61_000), secret())),
        ("absolute", Changes::new(Timestamp::from_millis(90_000), secret())),
        ("renewed", Changes::new(NOW, SecretHash::from_bytes([1; 32]))),
    ];
    for (name, changes) in cases {
        assert_eq!(record().apply(&changes.set("k", b"1")), Err(Refusal::Gone), "{name}");
    }
}

#[test]
fn refused_changes_change_nothing() {
    let changes = || Changes::new(NOW, secret()).set("other", b"1");
    let cases = [
        ("an immutable entry", changes().set("plan", b"\"free\"")),
        ("incrementing an immutable entry", changes().increment("plan", 1)),
        ("incrementing out of range", changes().increment("n", i64::MAX)),
        ("a requirement of another value", changes().require("n", Some(b"40"))),
        ("a requirement of absence", changes().require("n", None)),
        ("a requirement of presence", changes().require("missing", Some(b"1"))),
    ];
    for (name, changes) in cases {
        assert_eq!(record().apply(&changes), Err(Refusal::Conflict), "{name}");
    }
    assert!(record().apply(&changes().require("n", Some(b"41")).require("missing", None)).is_ok());
    assert!(record().apply(&changes().set_immutable("plan", b"\"free\"")).is_ok());
}

#[test]
fn incrementing_a_non_integer_is_refused() {
    let record = Record::builder(id(), secret(), NOW).entry("text", b"\"1\"").entry("real", b"1.5").build().unwrap();
    for key in ["text", "real"] {
        assert_eq!(record.apply(&Changes::new(NOW, secret()).increment(key, 1)), Err(Refusal::Conflict), "{key}");
    }
}

#[test]
fn clears_come_before_other_changes() {
    let changes = Changes::new(NOW, secret()).clear_entries().increment("n", 1).set("plan", b"\"free\"");
    let changed = record().apply(&changes).unwrap();
    assert_eq!((value(&changed, "n"), value(&changed, "plan")), (Some(&b"1"[..]), Some(&b"\"free\""[..])));
    assert_eq!(changed.flash("n"), Some(&b"\"saved\""[..]));
    assert_eq!(record().apply(&Changes::new(NOW, secret()).clear_flashes()).unwrap().flashes().count(), 0);
}

#[test]
fn a_changed_flash_is_not_consumed() {
    let consume = |seen: &[u8]| record().apply(&Changes::new(NOW, secret()).consume_flash("n", seen)).unwrap();
    assert_eq!(consume(b"\"saved\"").flash("n"), None);
    assert_eq!(consume(b"\"older\"").flash("n"), Some(&b"\"saved\""[..]));
}

#[test]
fn a_renewal_replaces_secret_principal_and_timeout() {
    let new = SecretHash::from_bytes([8; 32]);
    let changes = Changes::new(NOW, secret())
        .renew(new)
        .bind("bob")
        .lifetime(Lifetime::ENDLESS.with_idle(Duration::from_secs(5)));
    let changed = record().apply(&changes).unwrap();
    assert_eq!((changed.secret_hash(), changed.principal()), (new, Some("bob")));
    assert_eq!(changed.lifetime(), Lifetime::ENDLESS.with_idle(Duration::from_secs(5)));
    assert_eq!(changed.apply(&Changes::new(NOW, secret())), Err(Refusal::Gone));
}

#[test]
fn last_seen_never_goes_back() {
    let changed = record().apply(&Changes::new(Timestamp::from_millis(1), secret()).set("k", b"1")).unwrap();
    assert_eq!(changed.last_seen(), NOW);
}

#[test]
fn debug_shows_no_value_and_no_hash() {
    let shown = format!("{:?} {:?}", record(), record().entry("plan").unwrap());
    assert!(!shown.contains("pro") && !shown.contains("ann"), "{shown}");
}

#[test]
fn add_starts_at_zero_and_checks_the_range() {
    assert_eq!((add(Some(b"2"), 5), add(Some(b"x"), 5)), (Some(7), None));
    assert_eq!((add(None, 5), add(Some(b"-1"), i64::MIN)), (Some(5), None));
}

#[test]
fn an_empty_record_reads_back() {
    for principal in [None, Some("ann")] {
        let record = Record::builder(id(), secret(), NOW).principal(principal).build().unwrap();
        assert_eq!(Record::decode(record.as_bytes()).unwrap(), record);
        assert_eq!((record.principal(), record.entries().count(), record.flashes().count()), (principal, 0, 0));
        let longer = [record.as_bytes(), b"x"].concat();
        assert_eq!(Record::decode(longer), Err(RecordError::Corrupt));
    }
    let anonymous = Record::builder(id(), secret(), NOW).entry("n", b"41").build().unwrap();
    assert_eq!(Record::decode(anonymous.as_bytes()).unwrap(), anonymous);
}

#[test]
fn a_principal_and_its_mark_go_together() {
    let good = record().as_bytes().to_vec();
    assert_eq!(good[layout::FLAGS], layout::SIGNED_IN);
    for mark in [0, 2, 255] {
        let mut bytes = good.clone();
        bytes[layout::FLAGS] = mark;
        assert_eq!(Record::decode(bytes), Err(RecordError::Corrupt), "{mark}");
    }
}

#[test]
fn a_key_that_is_no_text_is_damage() {
    let good = Record::builder(id(), secret(), NOW).entry("first", b"1").entry("second", b"2").build().unwrap();
    for key in [&b"first"[..], b"second"] {
        let mut bytes = good.as_bytes().to_vec();
        let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
        bytes[at] = 0xff;
        assert_eq!(Record::decode(bytes), Err(RecordError::Corrupt));
    }
}

#[test]
fn a_value_of_the_same_length_takes_the_new_kind() {
    let changed = record().apply(&Changes::new(NOW, secret()).set_immutable("n", b"42")).unwrap();
    let entry = changed.entry("n").unwrap();
    assert_eq!((entry.value(), entry.is_immutable()), (&b"42"[..], true));
}

#[test]
fn a_flash_leaves_the_entry_of_its_name_alone() {
    let changed = record().apply(&Changes::new(NOW, secret()).set_flash("n", b"99")).unwrap();
    assert_eq!((value(&changed, "n"), changed.flash("n")), (Some(&b"41"[..]), Some(&b"99"[..])));
    let changed = record().apply(&Changes::new(NOW, secret()).remove_flash("n")).unwrap();
    assert_eq!((value(&changed, "n"), changed.flash("n")), (Some(&b"41"[..]), None));
}

#[test]
fn a_stamp_is_no_part_of_the_session() {
    let plain = record();
    let stamped = plain.stamped(7, &[9; Record::STAMP_LENGTH]);
    assert_eq!((plain.stamp(), plain.nonce()), (None, 0));
    assert_eq!((stamped.stamp(), stamped.nonce()), (Some(&[9; Record::STAMP_LENGTH]), 7));
    assert_eq!((stamped.version(), stamped.id()), (plain.version(), plain.id()));
    assert_eq!(stamped.size(), plain.size());
    assert_eq!(stamped.as_bytes().len(), plain.as_bytes().len() + Record::STAMP_LENGTH);
    assert!(stamped.entries().map(|entry| entry.value()).eq(plain.entries().map(|entry| entry.value())));
    assert_eq!(Record::decode(stamped.as_bytes()).unwrap(), stamped);
    assert_eq!(stamped.stamped(0, &[0; Record::STAMP_LENGTH]).size(), plain.size());

    // A commit that patches the record and one that rebuilds it have the same result as without a
    // stamp.
    for changes in [Changes::new(NOW, secret()), Changes::new(NOW, secret()).set("n", b"a longer value")] {
        assert_eq!(stamped.apply(&changes).unwrap(), plain.apply(&changes).unwrap());
    }
    let full = Changes::new(NOW, secret()).set("x", &[b'x'; 20]).limited_to(Limits::new(plain.size() + 1, 100));
    assert_eq!(stamped.apply(&full).unwrap_err(), Refusal::TooLarge);
}

#[test]
fn each_state_of_a_session_has_its_own_mark() {
    let first = record().stamped(1, &[1; Record::STAMP_LENGTH]);
    let next = first.apply(&Changes::new(NOW, secret())).unwrap();
    assert_ne!(first.mark(), next.mark());
    assert_ne!(next.mark(), next.stamped(2, &[1; Record::STAMP_LENGTH]).mark());
    assert_ne!(next.stamped(3, &[1; Record::STAMP_LENGTH]).mark(), next.stamped(2, &[1; Record::STAMP_LENGTH]).mark());
    assert_eq!(first.mark(), &first.as_bytes()[..Record::MARK_LENGTH]);
}

#[test]
fn a_stamp_that_does_not_fit_is_damage() {
    let stamped = record().stamped(7, &[9; Record::STAMP_LENGTH]);
    let bytes = stamped.as_bytes();
    let shorter = &bytes[..bytes.len() - 1];
    let longer = [bytes, b"x"].concat();
    let mut unmarked = bytes.to_vec();
    unmarked[layout::FLAGS] &= !layout::STAMPED;
    let mut unknown = bytes.to_vec();
    unknown[layout::FLAGS] |= 4;
    for bytes in [shorter.to_vec(), longer, unmarked, unknown] {
        assert_eq!(Record::decode(bytes), Err(RecordError::Corrupt));
    }
}

#[test]
fn a_renewal_keeps_the_beginning_of_the_previous_secret() {
    let (later, grace) = (NOW.after(Duration::from_secs(5)), Duration::from_secs(10));
    let (second, third) = (SecretHash::from_bytes([0x22; 32]), SecretHash::from_bytes([0x33; 32]));
    let first = record();
    assert!(!first.supersedes(&secret(), NOW, grace));
    let renewed = first.apply(&Changes::new(later, secret()).renew(second)).unwrap();
    assert_eq!(renewed.as_bytes().len(), first.as_bytes().len() + 16);
    assert_eq!(renewed.size(), first.size(), "no limit stops a renewal");
    let at = |seconds| renewed.supersedes(&secret(), later.after(Duration::from_secs(seconds)), grace);
    assert!(at(0) && at(9) && !at(10));
    assert!(!renewed.supersedes(&second, later, grace), "its own secret is not superseded");
    assert_eq!(Record::decode(renewed.as_bytes()).unwrap(), renewed);

    // Commits that patch the record and those that rebuild it keep it, and a renewal adds to it.
    let stamped = renewed.stamped(7, &[9; Record::STAMP_LENGTH]);
    for base in [&renewed, &stamped] {
        for value in [&b"42"[..], b"a longer value"] {
            let next = base.apply(&Changes::new(later, second).set("n", value)).unwrap();
            assert!(next.supersedes(&secret(), later, grace));
        }
        let next = base.apply(&Changes::new(later, second).renew(third)).unwrap();
        assert!(next.supersedes(&second, later, grace) && next.supersedes(&secret(), later, grace));
        assert_eq!(next.as_bytes().len(), renewed.as_bytes().len() + 32);
        assert_eq!(Record::decode(next.as_bytes()).unwrap(), next);
    }
    let hour = later.after(Duration::from_secs(60 * 60));
    let endless = renewed.apply(&Changes::new(later, second).lifetime(Lifetime::ENDLESS)).unwrap();
    let next = endless.apply(&Changes::new(hour, second).renew(third)).unwrap();
    assert!(next.supersedes(&second, hour, grace));
    assert_eq!(next.as_bytes().len(), renewed.as_bytes().len(), "older secrets are dropped");
    let mut cut = renewed.as_bytes().to_vec();
    cut.truncate(cut.len() - 1);
    assert_eq!(Record::decode(cut), Err(RecordError::Corrupt));
}

/// Returns a hash of one repeated byte.
fn hash(byte: u8) -> SecretHash {
    SecretHash::from_bytes([byte; 32])
}

/// Returns a record whose secret rotates to `hash(2)`, begun at `NOW`.
fn rotating() -> Record {
    record().apply(&Changes::new(NOW, secret()).rotate(hash(2), NOW)).unwrap()
}

#[test]
fn a_tail_matches_its_flags() {
    let brief = Lifetime::ENDLESS.with_idle(Duration::from_secs(7)).with_persistent_cookie(true);
    let touch = || Changes::new(NOW, secret());
    let anonymous = Record::builder(id(), secret(), NOW).entry("n", b"41").build().unwrap();
    let table = [
        (anonymous.clone(), 0),
        (anonymous.apply(&touch().lifetime(brief)).unwrap(), 0),
        (anonymous.apply(&touch().confirm()).unwrap(), 0),
        (anonymous.apply(&touch().renew(hash(2))).unwrap(), 16),
        (anonymous.apply(&touch().rotate(hash(2), NOW)).unwrap(), 40),
        (anonymous.apply(&touch().bind("ann")).unwrap(), 8),
        (anonymous.apply(&touch().bind("ann").renew(hash(2))).unwrap(), 24),
        (rotating(), 40),
        (rotating().apply(&Changes::new(NOW, hash(2)).rotate(hash(3), NOW)).unwrap(), 16),
        (rotating().apply(&touch().renew(hash(3))).unwrap(), 48),
        (rotating().apply(&Changes::new(NOW, hash(2)).renew(hash(3))).unwrap(), 48),
    ];
    for (record, tail) in table {
        assert_eq!(record.tail().len(), tail);
        let stamped = record.stamped(7, &[9; Record::STAMP_LENGTH]);
        assert_eq!(stamped.tail().len(), tail + Record::STAMP_LENGTH);
        for record in [record, stamped] {
            assert_eq!(Record::decode(record.as_bytes()).unwrap(), record);
            let cut = &record.as_bytes()[..record.as_bytes().len() - 1];
            assert_eq!(Record::decode(cut), Err(RecordError::Corrupt));
            // A patch and a rebuild keep the tail.
            for value in [&b"42"[..], b"a longer value"] {
                let next = record.apply(&Changes::new(NOW, record.secret_hash()).set("n", value)).unwrap();
                assert_eq!(next.tail(), &record.tail()[..tail]);
                assert_eq!(next.lifetime(), record.lifetime());
            }
        }
    }
}

#[test]
fn replaced_secrets_are_dropped_after_an_hour() {
    for (minutes, tail) in [(59, 48), (60, 16)] {
        let later = NOW.after(Duration::from_secs(minutes * 60));
        let endless = Record::builder(id(), secret(), NOW).build().unwrap();
        let renewed = endless.apply(&Changes::new(NOW, secret()).renew(hash(2))).unwrap();
        let again = renewed.apply(&Changes::new(later, hash(2)).renew(hash(3))).unwrap();
        assert_eq!(again.tail().len(), tail, "{minutes}");
    }
}

#[test]
fn a_record_has_the_time_of_its_login() {
    let at = |seconds| NOW.after(Duration::from_secs(seconds));
    assert_eq!(record().signed_in_at(), None, "it is not known");
    let anonymous = Record::builder(id(), secret(), NOW).build().unwrap();
    assert_eq!(anonymous.signed_in_at(), None);
    let confirmed = anonymous.apply(&Changes::new(at(1), secret()).confirm()).unwrap();
    assert_eq!(confirmed.signed_in_at(), None, "nobody is signed in");
    let ann = anonymous.apply(&Changes::new(at(2), secret()).bind("ann")).unwrap();
    assert_eq!(ann.signed_in_at(), Some(at(2)));
    let used = ann.apply(&Changes::new(at(3), secret()).set("n", b"1")).unwrap();
    assert_eq!(used.signed_in_at(), Some(at(2)));
    let confirmed = used.apply(&Changes::new(at(4), secret()).confirm()).unwrap();
    assert_eq!((confirmed.signed_in_at(), confirmed.principal()), (Some(at(4)), Some("ann")));
}

#[test]
fn a_rotation_ends_with_the_first_use_of_the_new_secret() {
    let both = rotating();
    assert_eq!(both.secret_hash(), secret());
    assert!(both.has_successor(&hash(2)) && both.newest_secret() == hash(2) && both.newest_secret() != secret());
    assert!(both.continues_from(&secret()) && both.continues_from(&hash(2)) && !both.continues_from(&hash(3)));

    // The old secret still works.
    let written = both.apply(&Changes::new(NOW, secret()).set("n", b"1")).unwrap();
    assert!(written.has_successor(&hash(2)));
    assert_eq!(both.apply(&Changes::new(NOW, hash(3))), Err(Refusal::Gone));

    // The new secret ends the rotation. Requests under way with the old secret may still write.
    let later = NOW.after(Duration::from_secs(5));
    let ended = written.apply(&Changes::new(later, hash(2))).unwrap();
    assert_eq!(ended.secret_hash(), hash(2));
    assert!(!ended.has_successor(&hash(2)) && ended.newest_secret() == hash(2) && ended.continues_from(&secret()));
    assert!(ended.supersedes(&secret(), later, Duration::from_secs(1)));
    assert_eq!(ended.secret_since(), later);
    let late = ended.apply(&Changes::new(later, secret()).increment("n", 1)).unwrap();
    assert_eq!((late.secret_hash(), value(&late, "n")), (hash(2), Some(&b"2"[..])));

    // But they may neither sign in nor renew, and may not write after another renewal.
    for changes in [Changes::new(later, secret()).bind("ann"), Changes::new(later, secret()).renew(hash(4))] {
        assert_eq!(ended.apply(&changes), Err(Refusal::Gone));
    }
    let rotated = ended.apply(&Changes::new(later, secret()).rotate(hash(5), later)).unwrap();
    assert!(!rotated.has_successor(&hash(5)), "a request with the old secret begins no rotation");
    let renewed = ended.apply(&Changes::new(later, hash(2)).renew(hash(6))).unwrap();
    for stale in [secret(), hash(2)] {
        assert_eq!(renewed.apply(&Changes::new(later, stale).set("n", b"9")), Err(Refusal::Gone));
        assert!(!renewed.continues_from(&stale));
    }
}

#[test]
fn a_rotation_is_begun_once() {
    let begin = |record: &Record, seconds, secret, next| {
        let now = NOW.after(Duration::from_secs(seconds));
        let minute_ago = Timestamp::from_millis(now.as_millis().saturating_sub(60_000));
        record.apply(&Changes::new(now, secret).rotate(next, minute_ago)).unwrap()
    };
    let endless = Record::builder(id(), secret(), NOW).build().unwrap();
    let first = begin(&endless, 0, secret(), hash(2));
    let second = begin(&first, 59, secret(), hash(3));
    assert!(second.has_successor(&hash(2)) && !second.has_successor(&hash(3)));
    assert_eq!(second.rotating_since(), Some(NOW));
    let third = begin(&first, 60, secret(), hash(4));
    assert!(third.has_successor(&hash(4)) && !third.has_successor(&hash(2)));
}

#[test]
fn a_renewal_ends_a_rotation() {
    for shown in [secret(), hash(2)] {
        let renewed = rotating().apply(&Changes::new(NOW, shown).renew(hash(6))).unwrap();
        assert_eq!(renewed.secret_hash(), hash(6));
        assert!(renewed.supersedes(&shown, NOW, Duration::from_secs(1)), "the token in use is superseded");
        assert!(!renewed.has_successor(&hash(2)) && !renewed.continues_from(&shown));
    }
}

#[test]
fn a_rotated_secret_is_superseded() {
    let ended = rotating().apply(&Changes::new(NOW, hash(2))).unwrap();
    let mut bytes = ended.as_bytes().to_vec();
    assert_eq!(bytes[layout::FLAGS], layout::SIGNED_IN | layout::RENEWED | layout::ROTATED);
    bytes[layout::FLAGS] &= !layout::RENEWED;
    assert_eq!(Record::decode(bytes), Err(RecordError::Corrupt));
}
