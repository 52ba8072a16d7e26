//! Limits of a record's size.

use crate::record::{HEAD_LENGTH, INDEX_LINE, Record};

/// The limits of one record.
///
/// Each commit's [`Changes`](crate::Changes) carry the limits, and [`Record::apply`] checks
/// them in the store's atomic step. So concurrent requests cannot exceed them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    bytes: usize,
    keys: usize,
}

impl Limits {
    /// The limits of the record format.
    pub const FORMAT: Self = Self { bytes: u32::MAX as usize, keys: u16::MAX as usize };

    /// Creates limits.
    ///
    /// `bytes` limits the length of the record, `keys` the number of entries and flashes together.
    pub const fn new(bytes: usize, keys: usize) -> Self {
        Self { bytes, keys }
    }

    /// Returns the maximum length of a record in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the maximum number of entries and flashes together.
    #[must_use]
    pub const fn keys(&self) -> usize {
        self.keys
    }

    /// Returns the maximum number of keys that one request may write to.
    ///
    /// A request may replace all keys of a full record. 8,192 bounds the cost of sorting them.
    #[must_use]
    pub fn edits(&self) -> usize {
        self.keys.saturating_mul(2).min(8192)
    }

    /// Returns whether a record may be stored in place of the old one, if there is one.
    ///
    /// A record that exceeds the limits, because they were lowered, may still shrink.
    #[must_use]
    pub fn admit(&self, old: Option<&Record>, new: &Record) -> bool {
        let (bytes, keys) = old.map_or((0, 0), |old| (old.size(), old.slot_count()));
        new.size() <= self.bytes.max(bytes) && new.slot_count() <= self.keys.max(keys)
    }

    /// Returns whether the limits allow an entry, and no more than the format does.
    #[must_use]
    pub const fn are_possible(&self) -> bool {
        let allows_entry = self.bytes > HEAD_LENGTH + INDEX_LINE && self.keys > 0;
        allows_entry && self.bytes <= Self::FORMAT.bytes && self.keys <= Self::FORMAT.keys
    }
}

impl Default for Limits {
    /// Returns limits of 65,536 bytes and 256 keys.
    fn default() -> Self {
        Self { bytes: 64 * 1024, keys: 256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::record::SecretHash;
    use crate::timestamp::Timestamp;

    #[test]
    fn impossible_limits_are_recognized() {
        let Limits { bytes, keys } = Limits::FORMAT;
        assert!(Limits::new(bytes, keys).are_possible());
        assert!(!Limits::new(bytes, keys + 1).are_possible());
        assert!(!Limits::new(bytes, 0).are_possible());
        assert_eq!([104, 105].map(|bytes| Limits::new(bytes, keys).are_possible()), [false, true]);
        assert!(!bytes.checked_add(1).is_some_and(|bytes| Limits::new(bytes, keys).are_possible()));
    }

    /// Creates a record with a number of entries and a total size of their values.
    fn record(slots: usize, value_bytes: usize) -> Record {
        let keys: Vec<String> = (0..slots).map(|number| format!("{number:02}")).collect();
        let values: Vec<Vec<u8>> = (0..slots).map(|n| vec![b'1'; if n == 0 { value_bytes } else { 0 }]).collect();
        let builder =
            Record::builder(SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
        let entries = keys.iter().zip(&values);
        entries.fold(builder, |builder, (key, value)| builder.entry(key, value)).build().unwrap()
    }

    #[test]
    fn a_record_beyond_a_limit_may_only_shrink() {
        let limits = Limits::new(record(3, 10).as_bytes().len(), 3);
        for (name, old, new, admitted) in [
            ("up to both limits", record(1, 1), record(3, 10), true),
            ("past the bytes", record(3, 10), record(3, 11), false),
            ("past the keys", record(3, 0), record(4, 0), false),
            ("smaller, still past the bytes", record(3, 20), record(3, 15), true),
            ("as large, past the bytes", record(3, 20), record(3, 20), true),
            ("fewer keys, still too many", record(6, 0), record(5, 0), true),
            ("fewer bytes and more keys", record(3, 10), record(4, 0), false),
        ] {
            assert_eq!(limits.admit(Some(&old), &new), admitted, "{name}");
        }
        assert!(limits.admit(None, &record(3, 10)));
        assert!(!limits.admit(None, &record(3, 11)) && !limits.admit(None, &record(4, 0)));
    }
}
