//! A record as the fields of a hash.
//!
//! | field | value |
//! |---|---|
//! | `h` | the head: format (`1`), when it was created and last seen, idle limit, absolute deadline, version, size; a dash for no limit |
//! | `s` | hash of the secret, 32 bytes |
//! | `p` | principal; missing for none |
//! | `e:KEY`, `i:KEY`, `f:KEY` | an entry, an immutable one, a flash, as the codec wrote it |
//!
//! Times are milliseconds in decimal text, and moments count from the Unix epoch. The head is one
//! field, since each field costs a load more than its bytes. The size is an upper bound of the
//! record's bytes in core's format, and may be missing.

use std::fmt;
use std::time::Duration;

use redis::Value;
use sessions_core::record::{Record, SecretHash};
use sessions_core::store::{StoreError, StoreErrorKind};
use sessions_core::{SessionId, Timestamp};

use crate::call::{Call, bytes};
use crate::error::NAME;

pub(crate) const FORMAT: u64 = 1;
/// Milliseconds that keys outlive their session, since clocks differ.
pub(crate) const SLACK: u64 = 60_000;
/// A hundred years, the maximum time to live.
pub(crate) const LONGEST: u64 = 3_155_760_000_000;

/// Appends what a script needs to create a record: its time to live and its fields.
pub(crate) fn write(record: &Record, call: &mut Call) {
    match record.expires_at() {
        Timestamp::NEVER => call.arg(b""),
        deadline => {
            let left = deadline.as_millis().saturating_sub(record.last_seen().as_millis());
            call.number(left.saturating_add(SLACK).min(LONGEST))
        }
    };
    call.arg(b"h").arg(Head::of(record).to_string().as_bytes());
    call.arg(b"s").arg(record.secret_hash().as_bytes());
    if let Some(principal) = record.principal() {
        call.arg(b"p").arg(principal.as_bytes());
    }
    for entry in record.entries() {
        let space = if entry.is_immutable() { "i:" } else { "e:" };
        call.arg(&field(space, entry.key())).arg(entry.value());
    }
    for (key, value) in record.flashes() {
        call.arg(&field("f:", key)).arg(value);
    }
}

fn field(space: &str, key: &str) -> Vec<u8> {
    [space.as_bytes(), key.as_bytes()].concat()
}

/// Returns the milliseconds of a duration without a finer part.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The reason why a record cannot be read. Such a record is left unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Damaged,
    NewerFormat,
}

impl Unreadable {
    const fn kind(self) -> StoreErrorKind {
        match self {
            Self::Damaged => StoreErrorKind::Unreadable,
            Self::NewerFormat => StoreErrorKind::NewerFormat,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the record is damaged",
            Self::NewerFormat => "the record has a newer format than this build supports",
        })
    }
}

impl std::error::Error for Unreadable {}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::new(NAME, unreadable.kind()).caused_by(unreadable)
    }
}

/// Returns whether an error concerns one record only.
pub(crate) fn is_of_one_record(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unreadable | StoreErrorKind::NewerFormat)
}

/// Parses the reply to HGETALL, or returns `None` if there is no such hash.
pub(crate) fn read(id: SessionId, value: &Value) -> Result<Option<Record>, Unreadable> {
    let pairs = pairs(value).ok_or(Unreadable::Damaged)?;
    if pairs.is_empty() {
        return Ok(None);
    }
    let found = |name: &[u8]| pairs.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
    let head = Head::parse(found(b"h").ok_or(Unreadable::Damaged)?)?;
    let secret = found(b"s").and_then(|secret| <[u8; 32]>::try_from(secret).ok()).ok_or(Unreadable::Damaged)?;
    let mut builder = Record::builder(id, SecretHash::from_bytes(secret), Timestamp::from_millis(head.created))
        .last_seen(Timestamp::from_millis(head.seen))
        .idle(head.idle.map(Duration::from_millis))
        .absolute_deadline(head.absolute.map_or(Timestamp::NEVER, Timestamp::from_millis))
        .version(head.version)
        .principal(found(b"p").map(text).transpose()?);
    for (field, value) in pairs {
        builder = match field.split_at_checked(2) {
            Some((b"e:", key)) => builder.entry(text(key)?, value),
            Some((b"i:", key)) => builder.immutable(text(key)?, value),
            Some((b"f:", key)) => builder.flash(text(key)?, value),
            _ => builder,
        };
    }
    builder.build().map(Some).map_err(|_| Unreadable::Damaged)
}

type Pair<'a> = (&'a [u8], &'a [u8]);

fn pairs(value: &Value) -> Option<Vec<Pair<'_>>> {
    // Not collected into an `Option`, which would reallocate several times.
    let mut pairs = Vec::with_capacity(8);
    let mut push = |field, value| {
        pairs.push((bytes(field)?, bytes(value)?));
        Some(())
    };
    match value {
        Value::Array(items) => items.chunks(2).try_for_each(|two| push(two.first()?, two.get(1)?))?,
        Value::Map(items) => items.iter().try_for_each(|(field, value)| push(field, value))?,
        _ => return None,
    }
    Some(pairs)
}

/// The field of a record with what every record has.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    created: u64,
    seen: u64,
    idle: Option<u64>,
    absolute: Option<u64>,
    version: u32,
    size: Option<u64>,
}

impl Head {
    fn of(record: &Record) -> Self {
        let absolute = Some(record.absolute_deadline()).filter(|deadline| *deadline != Timestamp::NEVER);
        Self {
            created: record.created().as_millis(),
            seen: record.last_seen().as_millis(),
            idle: record.idle().map(whole_millis),
            absolute: absolute.map(Timestamp::as_millis),
            version: record.version(),
            size: Some(record.as_bytes().len() as u64),
        }
    }

    fn parse(value: &[u8]) -> Result<Self, Unreadable> {
        let mut words = Words(value);
        match words.number()? {
            FORMAT => {}
            newer if newer > FORMAT => return Err(Unreadable::NewerFormat),
            _ => return Err(Unreadable::Damaged),
        }
        let head = Self {
            created: words.number()?,
            seen: words.number()?,
            idle: words.limit()?,
            absolute: words.limit()?,
            version: words.number()? as u32,
            size: if words.0.is_empty() { None } else { Some(words.number()?) },
        };
        if words.0.is_empty() { Ok(head) } else { Err(Unreadable::Damaged) }
    }
}

/// The rest of a head: words separated by single spaces.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    /// Parses a word of digits, as strictly as Lua does.
    fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0_u64;
        let mut length = 0;
        for byte in self.0 {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            let more = number.checked_mul(10).and_then(|tens| tens.checked_add(digit.into()));
            number = more.ok_or(Unreadable::Damaged)?;
            length += 1;
        }
        if length == 0 {
            return Err(Unreadable::Damaged);
        }
        self.skip(length)?;
        Ok(number)
    }

    fn limit(&mut self) -> Result<Option<u64>, Unreadable> {
        if self.0.first() != Some(&b'-') {
            return self.number().map(Some);
        }
        self.skip(1)?;
        Ok(None)
    }

    /// Skips a word and the space after it. The last word has none.
    fn skip(&mut self, length: usize) -> Result<(), Unreadable> {
        self.0 = match &self.0[length..] {
            [] => &[],
            [b' ', rest @ ..] if !rest.is_empty() => rest,
            _ => return Err(Unreadable::Damaged),
        };
        Ok(())
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMAT} {} {} ", self.created, self.seen)?;
        for limit in [self.idle, self.absolute] {
            match limit {
                Some(limit) => write!(f, "{limit} ")?,
                None => f.write_str("- ")?,
            }
        }
        write!(f, "{}", self.version)?;
        self.size.map_or(Ok(()), |size| write!(f, " {size}"))
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SessionId = SessionId::from_bytes([7; 16]);

    fn hash(pairs: &[(&str, &[u8])]) -> Value {
        let text = |bytes: &[u8]| Value::BulkString(bytes.to_vec());
        Value::Array(pairs.iter().flat_map(|(field, value)| [text(field.as_bytes()), text(value)]).collect())
    }

    const SOUND: [(&str, &[u8]); 7] = [
        ("h", b"1 5 6 - - 3"),
        ("s", &[9; 32]),
        ("e:k", b"\xff\0"),
        ("i:k2", b"2"),
        ("f:k", b"3"),
        ("x:k", b"\0\0\0\0"),
        ("unknown", b"!"),
    ];

    #[test]
    fn unknown_fields_of_a_hash_are_ignored() {
        let record = read(ID, &hash(&SOUND)).unwrap().unwrap();
        let secret = SecretHash::from_bytes([9; 32]);
        let expected = Record::builder(ID, secret, Timestamp::from_millis(5))
            .last_seen(Timestamp::from_millis(6))
            .version(3)
            .entry("k", b"\xff\0")
            .immutable("k2", b"2")
            .flash("k", b"3");
        assert_eq!(record, expected.build().unwrap());
        assert_eq!(read(ID, &hash(&[])).unwrap(), None);
    }

    #[test]
    fn a_head_is_read_back() {
        for limits in [(None, None), (Some(1_800_000), None), (None, Some(u64::MAX - 1)), (Some(0), Some(0))] {
            for size in [None, Some(96)] {
                let (idle, absolute) = limits;
                let head = Head { created: 5, seen: u64::MAX, idle, absolute, version: u32::MAX, size };
                assert_eq!(Head::parse(head.to_string().as_bytes()), Ok(head));
            }
        }
    }

    #[test]
    fn damaged_and_newer_hashes_are_distinguished() {
        let with = |field: &str, value: Option<&'static [u8]>| {
            let mut pairs: Vec<_> = SOUND.into_iter().filter(|(name, _)| *name != field).collect();
            pairs.extend(value.map(|value| (field.to_owned().leak() as &str, value)));
            read(ID, &hash(&pairs)).unwrap_err()
        };
        for field in ["h", "s"] {
            assert_eq!(with(field, None), Unreadable::Damaged, "{field}");
            assert_eq!(with(field, Some(b"-1")), Unreadable::Damaged, "{field}");
        }
        let heads: [&[u8]; 9] = [
            b"",
            b"0 5 6 - - 3",
            b"1 5 6 - -",
            b"1 5 6 - - 3 4 5",
            b"1 5 6 - - 3 -",
            b"1 5 6 - - -3",
            b"1 5 +6 - - 3",
            b"1 5 6 soon - 3",
            b"1  5 6 - - 3",
        ];
        for head in heads {
            assert_eq!(with("h", Some(head)), Unreadable::Damaged, "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(with("p", Some(b"\xff")), Unreadable::Damaged);
        assert_eq!(with("h", Some(b"2 something new")), Unreadable::NewerFormat);
        assert_eq!(read(ID, &Value::Int(1)).unwrap_err(), Unreadable::Damaged);
    }
}
