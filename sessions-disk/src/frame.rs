//! The stored form of a record, format 1. Integers are little-endian.
//!
//! ```text
//! at   bytes
//!  0     4   CRC-32 of the id and of everything after this field
//!  4     1   format of the frame
//!  5     8   the time of the record's entry in the deadlines table, all ones if it has none
//! 13     …   the record's bytes
//! ```
//!
//! The first two fields stay the same in every later format, so that a damaged byte is never taken
//! for a newer format. The checksum covers the frame's key, the id: if two frames change places,
//! both count as damaged.

use sessions_store::{Record, RecordError, SessionId, Timestamp};

use crate::engine::Table;
use crate::keys::{self, Class};

const FORMAT: u8 = 1;
const FORMAT_AT: usize = 4;
const DUE_AT: usize = 5;
const RECORD_AT: usize = 13;

/// The bit that marks the listed time of anonymous sessions without a deadline. They sort after all
/// deadlines, by the time they were last seen.
const NO_DEADLINE: u64 = 1 << 63;

/// A record, and the time under which it is listed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) record: Record,
    /// The time of the record's entry in the deadlines table, [`Timestamp::NEVER`] if it has none.
    ///
    /// It may be earlier than the current deadline, never later: a session that is seen again is
    /// not relisted each time.
    pub(crate) due: Timestamp,
}

impl Frame {
    /// Creates a frame that is listed under the record's deadline.
    pub(crate) fn new(record: Record) -> Self {
        let due = listed_time(&record);
        Self { record, due }
    }

    /// Returns the record's class in the deadlines table.
    pub(crate) fn class(&self) -> Class {
        if self.record.principal().is_some() { Class::SignedIn } else { Class::Anonymous }
    }

    /// Returns the keys of the record's entries in the index tables.
    pub(crate) fn index_keys(&self) -> impl Iterator<Item = (Table, Vec<u8>)> {
        let id = self.record.id();
        let principal = self.record.principal().map(|principal| keys::principal(principal, id).to_vec());
        let deadline = (self.due != Timestamp::NEVER).then(|| keys::deadline(self.class(), self.due, id).to_vec());
        let principal = principal.map(|key| (Table::Principals, key));
        principal.into_iter().chain(deadline.map(|key| (Table::Deadlines, key)))
    }

    /// Returns whether the record is listed under a time that has moved since.
    pub(crate) fn is_stale(&self) -> bool {
        self.due < listed_time(&self.record)
    }

    /// Returns the encoded length in bytes.
    pub(crate) fn len(&self) -> u64 {
        (RECORD_AT + self.record.as_bytes().len()) as u64
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = self.record.as_bytes();
        let mut bytes = Vec::with_capacity(RECORD_AT + record.len());
        bytes.extend_from_slice(&[0; FORMAT_AT]);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.due.as_millis().to_le_bytes());
        bytes.extend_from_slice(record);
        seal(self.record.id(), &mut bytes);
        bytes
    }

    /// Decodes the bytes stored under `id`.
    pub(crate) fn decode(id: SessionId, bytes: &[u8]) -> Result<Self, RecordError> {
        let (stored, rest) = bytes.split_first_chunk().ok_or(RecordError::Corrupt)?;
        if u32::from_le_bytes(*stored) != checksum(id, rest) {
            return Err(RecordError::Corrupt);
        }
        match bytes.get(FORMAT_AT) {
            Some(&FORMAT) => {}
            Some(&newer) if newer > FORMAT => return Err(RecordError::NewerFormat),
            _ => return Err(RecordError::Corrupt),
        }
        let (head, record) = bytes.split_at_checked(RECORD_AT).ok_or(RecordError::Corrupt)?;
        let due = head[DUE_AT..].try_into().map_err(|_| RecordError::Corrupt)?;
        let record = Record::decode(record)?;
        // The checksum covers the key. This compares the id inside the record.
        if record.id() != id {
            return Err(RecordError::Corrupt);
        }
        Ok(Self { record, due: Timestamp::from_millis(u64::from_le_bytes(due)) })
    }
}

/// Returns the time to list a record under, [`Timestamp::NEVER`] for one that can neither expire
/// nor be evicted.
fn listed_time(record: &Record) -> Timestamp {
    match record.expires_at() {
        Timestamp::NEVER if record.principal().is_none() => {
            Timestamp::from_millis(NO_DEADLINE | record.last_seen().as_millis())
        }
        deadline => deadline,
    }
}

/// Writes the checksum of an otherwise complete frame.
fn seal(id: SessionId, bytes: &mut [u8]) {
    let (checksum_field, rest) = bytes.split_at_mut(FORMAT_AT);
    checksum_field.copy_from_slice(&checksum(id, rest).to_le_bytes());
}

/// Turns a frame into one of the next format, with a valid checksum.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn make_newer(id: SessionId, bytes: &mut [u8]) {
    bytes[FORMAT_AT] = FORMAT + 1;
    seal(id, bytes);
}

fn checksum(id: SessionId, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessions_store::SecretHash;

    fn frame(number: u32) -> Frame {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
        let (id, secret) = (SessionId::from_bytes(id), SecretHash::from_bytes([2; 32]));
        let record = Record::builder(id, secret, Timestamp::from_millis(5)).entry("user", b"\"ann\"");
        Frame::new(record.build().unwrap())
    }

    fn sealed(id: SessionId, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        seal(id, &mut bytes);
        bytes
    }

    #[test]
    fn a_frame_decodes_as_encoded() {
        let mut frame = frame(1);
        frame.due = Timestamp::from_millis(77);
        assert_eq!(Frame::decode(frame.record.id(), &frame.encode()), Ok(frame));
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        for number in 0..1000 {
            let frame = frame(number);
            let (id, mut bytes) = (frame.record.id(), frame.encode());
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Frame::decode(id, &bytes), Err(RecordError::Corrupt));
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            assert_eq!(Frame::decode(id, &bytes), Ok(frame));
        }
    }

    #[test]
    fn every_truncation_is_detected() {
        let frame = frame(1);
        let (id, bytes) = (frame.record.id(), frame.encode());
        for length in 0..bytes.len() {
            assert_eq!(Frame::decode(id, &bytes[..length]), Err(RecordError::Corrupt));
        }
    }

    #[test]
    fn a_frame_under_another_id_is_corrupt() {
        let (one, other) = (frame(1), frame(2));
        let (id, bytes) = (other.record.id(), one.encode());
        assert_eq!(Frame::decode(id, &bytes), Err(RecordError::Corrupt));
        // Even with a matching checksum: the id inside the record differs.
        assert_eq!(Frame::decode(id, &sealed(id, &bytes)), Err(RecordError::Corrupt));
    }

    #[test]
    fn newer_formats_are_not_taken_for_damage() {
        let frame = frame(1);
        let id = frame.record.id();
        for (at, format) in [(FORMAT_AT, 2), (FORMAT_AT, 255), (RECORD_AT, 2)] {
            let mut bytes = frame.encode();
            bytes[at] = format;
            assert_eq!(Frame::decode(id, &sealed(id, &bytes)), Err(RecordError::NewerFormat));
        }
        let mut newer = frame.encode();
        make_newer(id, &mut newer);
        assert_eq!(Frame::decode(id, &newer), Err(RecordError::NewerFormat));
        // A newer frame may be shorter than any of ours.
        assert_eq!(Frame::decode(id, &sealed(id, &[0, 0, 0, 0, 2])), Err(RecordError::NewerFormat));
        assert_eq!(Frame::decode(id, &sealed(id, &[0, 0, 0, 0, 0])), Err(RecordError::Corrupt));
        assert_eq!(Frame::decode(id, &sealed(id, &[0, 0, 0, 0])), Err(RecordError::Corrupt));
    }
}
