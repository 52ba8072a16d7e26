//! Commits on Redis, which have the result that core defines.

use std::time::Duration;

use crate::support::{NOW, SECRET, changes, commit, id, patient, record, server};
use pollster::block_on;
use sessions_store::{Changes, Created, Lifetime, Limits, Record, Refusal, SecretHash, Store, Timestamp};

/// A small random number generator, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.roll(items.len() as u64) as usize]
    }
}

const KEYS: [&str; 7] = ["a", "b", "", "e:a", "ключ", "a\0b", "*?[x]"];
const VALUES: [&[u8]; 20] = [
    b"",
    b"0",
    b"1",
    b"-1",
    b"+5",
    b"007",
    b"-0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"00000000000000000000000000012",
    b"9999999999",
    b"-10000000000",
    b"1.5",
    b"abc",
    b"\xff\x00\r\n",
    b" 1",
    b"-",
    b"+",
    b"1e3",
];
const STEPS: [i64; 11] =
    [0, 1, -1, 9_999_999_999, -10_000_000_000, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 1 << 53, -(1 << 53) - 1];

fn random_changes(dice: &mut Dice, now: Timestamp) -> Changes {
    let secret = if dice.roll(20) == 0 { SecretHash::from_bytes([8; 32]) } else { SECRET };
    let mut changes = Changes::new(now, secret);
    if dice.roll(8) == 0 {
        changes = changes.clear_entries();
    }
    if dice.roll(8) == 0 {
        changes = changes.clear_flashes();
    }
    for _ in 0..dice.roll(6) {
        let key = dice.one_of(&KEYS);
        let value = dice.one_of(&VALUES);
        changes = match dice.roll(12) {
            0 => changes.require(key, Some(value)),
            1 => changes.require(key, None),
            2 | 3 => changes.set(key, value),
            4 => changes.set_immutable(key, value),
            5 => changes.remove(key),
            6..=8 => changes.increment(key, dice.one_of(&STEPS)),
            9 => changes.set_flash(key, value),
            10 => changes.remove_flash(key),
            _ => changes.consume_flash(key, value),
        };
    }
    match dice.roll(15) {
        0 => changes.lifetime(Lifetime::ENDLESS.with_idle(Duration::from_millis(dice.roll(10_000_000)))),
        1 => changes.lifetime(Lifetime::ENDLESS.with_idle(Duration::MAX)),
        2 => changes.bind(dice.one_of(&["", "user", "=", "ключ"])),
        _ => changes,
    }
}

/// Returns limits that a few changes may exceed, or that the record already exceeds.
fn random_limits(dice: &mut Dice, record: &Record) -> Limits {
    let around = |size: usize, sides| move |dice: &mut Dice| size + dice.roll(sides) as usize;
    let bytes = around(record.as_bytes().len() - 10, 40);
    let keys = around((record.entries().count() + record.flashes().count()).saturating_sub(1), 4);
    match dice.roll(4) {
        0 => Limits::FORMAT,
        1 => Limits::new(bytes(dice), usize::MAX),
        2 => Limits::new(usize::MAX, keys(dice)),
        _ => Limits::new(bytes(dice), keys(dice)),
    }
}

/// Compares records regardless of the order of their entries.
fn assert_same(found: &Record, expected: &Record, what: &Changes) {
    let parts = |record: &Record| {
        let mut entries: Vec<_> = record
            .entries()
            .map(|entry| (entry.key().to_owned(), entry.value().to_vec(), entry.is_immutable()))
            .collect();
        let mut flashes: Vec<_> = record.flashes().map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
        entries.sort();
        flashes.sort();
        let times = (record.created(), record.last_seen(), record.lifetime(), record.version());
        (entries, flashes, times, record.principal().map(str::to_owned), *record.secret_hash().as_bytes())
    };
    assert_eq!(parts(found), parts(expected), "{what:?}");
}

#[test]
fn redis_and_core_apply_changes_alike() {
    if !test_servers::installed() {
        return;
    }
    let store = patient().open(&server().url()).unwrap();
    let mut dice = Dice(0x5eed_0f5e_5510_4515);
    let (mut applied, mut conflicts, mut gone, mut too_large) = (0, 0, 0, 0);
    for _ in 0..150 {
        let id = id();
        let mut expected = record(id).absolute_deadline(NOW.after(Duration::from_secs(90_000))).build().unwrap();
        assert_eq!(block_on(store.create(&expected)).unwrap(), Created::STORED);
        let mut now = NOW;
        for _ in 0..20 {
            now = now.after(Duration::from_millis(dice.roll(600_000)));
            let seen = if dice.roll(10) == 0 { NOW } else { now };
            let changes = random_changes(&mut dice, seen).limited_to(random_limits(&mut dice, &expected));
            let committed = block_on(commit(&store, id, &changes)).unwrap();
            match expected.apply(&changes) {
                Ok(record) => {
                    assert!(committed.is_ok(), "{changes:?}");
                    expected = record;
                    applied += 1;
                }
                Err(refusal) => {
                    assert_eq!(committed, Err(refusal), "{changes:?}");
                    match refusal {
                        Refusal::Gone => gone += 1,
                        Refusal::Conflict => conflicts += 1,
                        _ => too_large += 1,
                    }
                }
            }
            let found = block_on(store.load(id, now)).unwrap().unwrap();
            assert_same(&found, &expected, &changes);
        }
    }
    // The random changes must have led to each outcome often.
    let outcomes = [applied, conflicts, gone, too_large];
    assert!(outcomes.iter().all(|times| *times > 100), "{outcomes:?}");
}

#[test]
fn a_record_of_thousands_of_keys_is_written_and_cleared() {
    if !test_servers::installed() {
        return;
    }
    let store = patient().open(&server().url()).unwrap();
    let id = id();
    let keys: Vec<String> = (0..9000).map(|number| format!("key-{number}")).collect();
    let first = keys.iter().fold(record(id), |record, key| record.entry(key, b"1")).build().unwrap();
    block_on(store.create(&first)).unwrap();
    let added = keys.iter().take(2500).fold(changes(), |changes, key| changes.increment(key, 1));
    block_on(commit(&store, id, &added)).unwrap().unwrap();
    let found = block_on(store.load(id, NOW)).unwrap().unwrap();
    assert_eq!(found.entries().filter(|entry| entry.value() == b"2").count(), 2500);
    assert_eq!(found.entries().count(), keys.len());
    block_on(commit(&store, id, &changes().clear_entries().set("left", b"1"))).unwrap().unwrap();
    assert_eq!(block_on(store.load(id, NOW)).unwrap().unwrap().entries().count(), 1);
}
