//! A record as it lies in an engine, format 1. Integers are little-endian.
//!
//! ```text
//! at   bytes
//!  0     4   CRC-32 of the id and of everything after this field
//!  4     1   format of the frame
//!  5     8   the time under which the record is in the table of deadlines, all ones if it is not in there
//! 13     …   the record's bytes
//! ```
//!
//! The first two fields are the same in every format to come, so that a damaged byte is never taken
//! for a newer format. The id is the key under which the frame lies: two frames that changed places
//! are both damaged.

use sessions_core::{Record, RecordError, SessionId, Timestamp};

use crate::keys::Class;

const FORMAT: u8 = 1;
const FORMAT_AT: usize = 4;
const DUE_AT: usize = 5;
const RECORD_AT: usize = 13;

/// The first of the times under which anonymous sessions are listed that have no deadline: behind
/// all real ones, the longest unseen first.
const NO_DEADLINE: u64 = 1 << 63;

/// Is a record with what the store notes about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) record: Record,
    /// The time under which the record is listed in the table of deadlines, [`Timestamp::NEVER`] if
    /// it is not. It is never later than the time under which it would be listed now, but may be
    /// earlier: a session that is seen again is not listed anew each time.
    pub(crate) due: Timestamp,
}

impl Frame {
    /// Frames a record to be listed under its deadline.
    pub(crate) fn new(record: Record) -> Self {
        let due = listing(&record);
        Self { record, due }
    }

    /// Returns the part of the table of deadlines that the record belongs into.
    pub(crate) fn class(&self) -> Class {
        if self.record.principal().is_some() { Class::SignedIn } else { Class::Anonymous }
    }

    /// Returns whether the record would be listed under a later time by now.
    pub(crate) fn is_stale(&self) -> bool {
        self.due < listing(&self.record)
    }

    /// Returns how many bytes the frame has.
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

    /// Reads what lies under `id`.
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
        // The checksum knows the id already; what is compared here is the id within the record.
        if record.id() != id {
            return Err(RecordError::Corrupt);
        }
        Ok(Self { record, due: Timestamp::from_millis(u64::from_le_bytes(due)) })
    }
}

/// Returns the time under which a record is to be listed. Those that can neither expire nor be
/// evicted are not.
fn listing(record: &Record) -> Timestamp {
    match record.expires_at() {
        Timestamp::NEVER if record.principal().is_none() => {
            Timestamp::from_millis(NO_DEADLINE | record.last_seen().as_millis())
        }
        deadline => deadline,
    }
}

/// Writes the checksum into a frame that has everything else.
fn seal(id: SessionId, bytes: &mut [u8]) {
    let (checksum_field, rest) = bytes.split_at_mut(FORMAT_AT);
    checksum_field.copy_from_slice(&checksum(id, rest).to_le_bytes());
}

/// Makes a frame one of the next format, sound as far as this build can tell.
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
    use sessions_core::SecretHash;

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
    fn a_frame_is_read_as_it_was_written() {
        let mut frame = frame(1);
        frame.due = Timestamp::from_millis(77);
        assert_eq!(Frame::decode(frame.record.id(), &frame.encode()), Ok(frame));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
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
    fn no_missing_byte_goes_unnoticed() {
        let frame = frame(1);
        let (id, bytes) = (frame.record.id(), frame.encode());
        for length in 0..bytes.len() {
            assert_eq!(Frame::decode(id, &bytes[..length]), Err(RecordError::Corrupt));
        }
    }

    #[test]
    fn a_frame_under_another_id_is_damaged() {
        let (one, other) = (frame(1), frame(2));
        let (id, bytes) = (other.record.id(), one.encode());
        assert_eq!(Frame::decode(id, &bytes), Err(RecordError::Corrupt));
        // Even with a checksum that fits the place: the id within the record does not.
        assert_eq!(Frame::decode(id, &sealed(id, &bytes)), Err(RecordError::Corrupt));
    }

    #[test]
    fn newer_formats_of_frame_and_record_are_told_apart_from_damage() {
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
