//! The last writers of a record, kept in its stamp, and what they tell of a swap whose answer was
//! lost.
//!
//! A writer is an opened store. Each waits for one swap of a session before it sends the next, and
//! an earlier one that arrives late finds that what it names is gone. So a writer's last nonce
//! tells whether its latest swap was done, as long as the writer has not dropped out of the ring.
//! The ring holds writers rather than nonces, since on a busy session a ring of the last nonces
//! would forget within four writes.

use sessions_store::Record;

/// Number of writers in a stamp.
const PLACES: usize = 4;

/// The last writers, the newest first, each of them once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Writers([Write; PLACES]);

/// The last write of a writer. All zeros for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Write {
    writer: u32,
    nonce: u32,
}

/// What is known of a swap whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    NotDone,
    Unknown,
}

impl Writers {
    fn of(record: &Record) -> Self {
        let Some(stamp) = record.stamp() else { return Self::default() };
        let half = |at: usize| u32::from_le_bytes([stamp[at], stamp[at + 1], stamp[at + 2], stamp[at + 3]]);
        Self([0, 8, 16, 24].map(|at| Write { writer: half(at), nonce: half(at + 4) }))
    }

    /// Puts a write first, in place of an earlier one by the same writer.
    fn with(self, write: Write) -> Self {
        let mut writers = Self::default();
        writers.0[0] = write;
        let others = self.0.into_iter().filter(|other| other.writer != write.writer);
        writers.0[1..].iter_mut().zip(others).for_each(|(place, other)| *place = other);
        writers
    }

    fn to_stamp(self) -> [u8; Record::STAMP_LENGTH] {
        let mut stamp = [0; Record::STAMP_LENGTH];
        for (bytes, write) in stamp.chunks_exact_mut(8).zip(self.0) {
            bytes[..4].copy_from_slice(&write.writer.to_le_bytes());
            bytes[4..].copy_from_slice(&write.nonce.to_le_bytes());
        }
        stamp
    }

    fn nonce_of(&self, writer: u32) -> Option<u32> {
        self.0.iter().find(|write| write.writer == writer).map(|write| write.nonce)
    }

    /// Returns whether nobody who wrote after `earlier` can have dropped out.
    fn reaches_back_to(&self, earlier: &Self) -> bool {
        self.0.iter().any(|write| *write == Write::default() || earlier.0.contains(write))
    }
}

/// Signs a record that a writer made of `before`.
pub(crate) fn sign(after: &Record, before: Option<&Record>, writer: u32, nonce: u32) -> Record {
    let writers = before.map_or_else(Writers::default, Writers::of);
    after.stamped(nonce, &writers.with(Write { writer, nonce }).to_stamp())
}

/// Judges from the current record whether a writer's swap of `before` was done.
pub(crate) fn judge(current: &Record, before: &Record, writer: u32, nonce: u32) -> Verdict {
    let (now, then) = (Writers::of(current), Writers::of(before));
    match now.nonce_of(writer) {
        Some(last) if last == nonce => Verdict::Done,
        // It is the writer's latest swap, so that it would be its last write.
        Some(_) => Verdict::NotDone,
        None if now.reaches_back_to(&then) => Verdict::NotDone,
        None => Verdict::Unknown,
    }
}

/// Returns whether a value shows that a swap was done that would have written `after`.
///
/// It was one of the last four writers' last writes. An engine whose writes become safe only later,
/// such as once replicas have them, learns by it that a swap which found another value has been
/// done by an earlier try.
#[must_use]
pub fn shows_write(value: &[u8], after: &Record) -> bool {
    let [write, ..] = Writers::of(after).0;
    Record::decode(value.to_vec())
        .is_ok_and(|current| Writers::of(&current).nonce_of(write.writer) == Some(write.nonce))
}

#[cfg(test)]
mod tests {
    use sessions_store::{SecretHash, SessionId, Timestamp};

    use super::*;

    /// Writers, each with its nonce.
    type Writes = [(u32, u32)];

    const ME: u32 = 1;

    fn plain() -> Record {
        let (hash, now) = (SecretHash::from_bytes([1; 32]), Timestamp::from_millis(0));
        Record::builder(SessionId::from_bytes([2; 16]), hash, now).build().unwrap()
    }

    /// Returns a record after writes by these writers, each with the nonce beside it.
    fn after(base: &Record, writes: &Writes) -> Record {
        writes.iter().fold(base.clone(), |record, (writer, nonce)| sign(&plain(), Some(&record), *writer, *nonce))
    }

    #[test]
    fn a_writer_stands_once_and_first() {
        let record = after(&plain(), &[(1, 10), (2, 20), (1, 11), (3, 30), (4, 40), (5, 50)]);
        let writers = Writers::of(&record).0.map(|write| (write.writer, write.nonce));
        assert_eq!(writers, [(5, 50), (4, 40), (3, 30), (1, 11)]);
        assert_eq!(record.nonce(), 50);
    }

    #[test]
    fn a_lost_swap_is_judged_by_the_last_writers() {
        let fresh = after(&plain(), &[(9, 90)]);
        let known = after(&plain(), &[(ME, 6), (9, 90)]);
        let others = [(11, 1), (12, 1), (13, 1), (14, 1)];
        let table: [(&str, &Record, &Writes, Verdict); 9] = [
            ("it is the last write", &fresh, &[(ME, 7)], Verdict::Done),
            ("others wrote after it", &fresh, &[(ME, 7), (11, 1), (12, 1), (13, 1)], Verdict::Done),
            ("only others wrote", &fresh, &others[..2], Verdict::NotDone),
            ("the writer's earlier write is still the last", &known, &others[..2], Verdict::NotDone),
            ("others wrote as far back as the base", &fresh, &others[..3], Verdict::NotDone),
            ("too many others wrote", &fresh, &others, Verdict::Unknown),
            (
                "it was done, and too many others wrote",
                &fresh,
                &[(ME, 7), (11, 1), (12, 1), (13, 1), (14, 1)],
                Verdict::Unknown,
            ),
            ("the session is another one of the same id", &plain(), &[(11, 1)], Verdict::NotDone),
            ("the writer wrote something before", &fresh, &[(ME, 6), (11, 1)], Verdict::NotDone),
        ];
        for (name, base, writes, verdict) in table {
            let current = after(base, writes);
            assert_eq!(judge(&current, base, ME, 7), verdict, "{name}");
            let swapped = sign(&plain(), Some(base), ME, 7);
            assert_eq!(shows_write(current.as_bytes(), &swapped), verdict == Verdict::Done, "{name}");
        }
    }
}
