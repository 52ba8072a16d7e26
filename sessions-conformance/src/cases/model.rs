//! Whatever is done to a session, in whatever order: it means what [`Record::apply`] says.

use sessions_core::{Changes, Committed, Record, RecordBuilder, Refusal, SecretHash, Taken, Timestamp};

use crate::kit::{BRIEF, MILLISECOND, NEW_SECRET, SECRET, WRONG_SECRET, answered, assert_same, draft, fresh_id, start};
use crate::subject::Subject;

const KEYS: [&str; 6] = ["", "a", "b", "a*", "\0", "\u{e9}"];
const VALUES: [&[u8]; 8] = [b"", b"0", b"1", b"-41", b"9223372036854775807", b"text", b"\xff\0", b"1.0"];
const SUMMANDS: [i64; 6] = [0, 1, -1, 42, i64::MAX, i64::MIN];
const PRINCIPALS: [&str; 3] = ["ada", "bob", "*"];

/// Is a source of choices that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 29)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn record<'a>(&mut self, now: Timestamp) -> RecordBuilder<'a> {
        let mut record = draft(fresh_id(), now);
        for key in KEYS {
            record = match self.roll(4) {
                0 => record.entry(key, self.pick(&VALUES)),
                1 => record.immutable(key, self.pick(&VALUES)),
                2 => record.flash(key, self.pick(&VALUES)),
                _ => record,
            };
        }
        record
    }

    fn changes(&mut self, now: Timestamp, secret: SecretHash) -> Changes {
        let mut changes = Changes::new(now, secret);
        for _ in 0..self.roll(5) {
            changes = self.change(changes);
        }
        if self.roll(12) == 0 {
            changes = changes.renew(self.pick(&[SECRET, NEW_SECRET]));
        }
        if self.roll(12) == 0 {
            changes = changes.bind(self.pick(&PRINCIPALS));
        }
        if self.roll(12) == 0 {
            changes = changes.idle(BRIEF + MILLISECOND * self.roll(1000) as u32);
        }
        changes
    }

    fn change(&mut self, changes: Changes) -> Changes {
        let (key, value) = (self.pick(&KEYS), self.pick(&VALUES));
        match self.roll(20) {
            0..=4 => changes.set(key, value),
            5 => changes.set_immutable(key, value),
            6..=7 => changes.remove(key),
            8..=10 => changes.increment(key, self.pick(&SUMMANDS)),
            11..=13 => changes.set_flash(key, value),
            14 => changes.remove_flash(key),
            15..=16 => changes.consume_flash(key, value),
            17 => changes.require(key, Some(value)),
            18 => changes.require(key, None),
            _ if self.roll(2) == 0 => changes.clear_entries(),
            _ => changes.clear_flashes(),
        }
    }
}

/// Commits at random, and returns what the record should be then.
async fn commit(subject: &Subject, dice: &mut Dice, model: Record, now: Timestamp) -> Record {
    let secret = if dice.roll(15) == 0 { WRONG_SECRET } else { model.secret_hash() };
    let changes = dice.changes(now, secret);
    let committed = subject.commit(model.id(), &changes).await;
    match model.apply(&changes) {
        Ok(record) => {
            assert_eq!(committed, Committed::Applied, "of {changes:?} {:?}", changes.iter().collect::<Vec<_>>());
            record
        }
        Err(refusal) => {
            let expected = if refusal == Refusal::Gone { Committed::Gone } else { Committed::Conflict };
            assert_eq!(committed, expected, "of {changes:?} {:?}", changes.iter().collect::<Vec<_>>());
            model
        }
    }
}

/// Takes at random, and returns what the record should be then, in its entries and flashes.
async fn take(subject: &Subject, dice: &mut Dice, model: Record, now: Timestamp) -> Record {
    let key = dice.pick(&KEYS);
    let secret = model.secret_hash();
    let taken = answered(subject.store().take(model.id(), &secret, key, now).await);
    let expected = model.entry(key).map_or(Taken::Absent, |entry| Taken::Value(entry.value().to_vec()));
    assert!(taken == expected, "of {key:?}");
    if taken == Taken::Absent {
        return model;
    }
    // How a take counts, and whether it is an activity, is not promised.
    let found = subject.find(model.id(), now).await;
    let removed = model.apply(&Changes::new(now, secret).remove(key)).expect("nothing stands against a removal");
    assert_eq!(crate::kit::entries(&found), crate::kit::entries(&removed));
    assert_eq!(crate::kit::flashes(&found), crate::kit::flashes(&removed));
    found
}

/// Checks hundreds of commits and takes of all kinds against the model, one after the other.
pub async fn any_sequence_of_changes_means_what_the_model_says(subject: &Subject) {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut now = start();
        let mut model = subject.put(dice.record(now)).await;
        for _ in 0..120 {
            now = now.after(MILLISECOND * dice.roll(10) as u32);
            model = match dice.roll(10) {
                0 => take(subject, &mut dice, model, now).await,
                _ => commit(subject, &mut dice, model, now).await,
            };
            assert_same(&subject.find(model.id(), now).await, &model);
        }
        for principal in PRINCIPALS {
            let expected = if model.principal() == Some(principal) { vec![model.id()] } else { vec![] };
            assert_eq!(subject.ids_of(principal, now).await, expected);
        }
        assert!(subject.destroy(model.id()).await);
    }
}
