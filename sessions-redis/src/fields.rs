//! A record as the fields of a hash.
//!
//! | field | value |
//! |---|---|
//! | `v` | format, `1` |
//! | `s` | hash of the secret, 32 bytes |
//! | `c`, `a` | when it was created, and last seen (active) |
//! | `i`, `x` | idle limit, and absolute deadline; missing for none |
//! | `r` | version (revision) |
//! | `p` | principal; missing for none |
//! | `e:KEY`, `i:KEY`, `f:KEY` | an entry, an immutable one, a flash, as the codec wrote it |
//!
//! Times are milliseconds, since the Unix epoch where they are moments, in decimal text.

use std::fmt;
use std::time::Duration;

use redis::Value;
use sessions_core::{Record, SecretHash, SessionId, StoreError, StoreErrorKind, Timestamp};

use crate::call::{Call, bytes};
use crate::error::NAME;

pub(crate) const FORMAT: u64 = 1;
/// Is how much longer than the session its bytes live, for clocks that disagree, in milliseconds.
pub(crate) const SLACK: u64 = 60_000;
/// A hundred years: what is to be kept longer is collected then.
const LONGEST: u64 = 3_155_760_000_000;

/// Appends what a script needs to create a record: how long to keep it, and its fields.
pub(crate) fn write(record: &Record, call: &mut Call) {
    match record.expires_at() {
        Timestamp::NEVER => call.arg(b""),
        deadline => {
            let left = deadline.as_millis().saturating_sub(record.last_seen().as_millis());
            call.number(left.saturating_add(SLACK).min(LONGEST))
        }
    };
    call.arg(b"v").number(FORMAT);
    call.arg(b"s").arg(record.secret_hash().as_bytes());
    call.arg(b"c").number(record.created().as_millis());
    call.arg(b"a").number(record.last_seen().as_millis());
    call.arg(b"r").number(record.version());
    if let Some(idle) = record.idle() {
        call.arg(b"i").number(whole_millis(idle));
    }
    if record.absolute_deadline() != Timestamp::NEVER {
        call.arg(b"x").number(record.absolute_deadline().as_millis());
    }
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

/// Returns the milliseconds of a duration that was made of them.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Says what is wrong with a record. Neither kind is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Damaged,
    NewerFormat,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the record is damaged",
            Self::NewerFormat => "the record has a format newer than this build knows",
        })
    }
}

impl std::error::Error for Unreadable {}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::new(NAME, StoreErrorKind::Unreadable).caused_by(unreadable)
    }
}

/// Reads the answer to HGETALL, `None` if there is no such hash.
pub(crate) fn read(id: SessionId, value: &Value) -> Result<Option<Record>, Unreadable> {
    let pairs = pairs(value).ok_or(Unreadable::Damaged)?;
    if pairs.is_empty() {
        return Ok(None);
    }
    let head = Head::read(&pairs)?;
    let secret = <[u8; 32]>::try_from(head.secret.ok_or(Unreadable::Damaged)?).map_err(|_| Unreadable::Damaged)?;
    let created = required(head.created)?;
    let mut builder = Record::builder(id, SecretHash::from_bytes(secret), Timestamp::from_millis(created))
        .last_seen(Timestamp::from_millis(required(head.seen)?))
        .idle(optional(head.idle)?.map(Duration::from_millis))
        .absolute_deadline(optional(head.absolute)?.map_or(Timestamp::NEVER, Timestamp::from_millis))
        .version(required(head.version)?)
        .principal(head.principal.map(text).transpose()?);
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
    let pair = |field, value| Some((bytes(field)?, bytes(value)?));
    match value {
        Value::Array(items) => items.chunks(2).map(|two| pair(two.first()?, two.get(1)?)).collect(),
        Value::Map(pairs) => pairs.iter().map(|(field, value)| pair(field, value)).collect(),
        _ => None,
    }
}

/// Is the values of the fields that are no entries.
#[derive(Default)]
struct Head<'a> {
    secret: Option<&'a [u8]>,
    created: Option<&'a [u8]>,
    seen: Option<&'a [u8]>,
    idle: Option<&'a [u8]>,
    absolute: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    principal: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    fn read(pairs: &[Pair<'a>]) -> Result<Self, Unreadable> {
        let mut head = Self::default();
        let mut format = None;
        for &(field, value) in pairs {
            let place = match field {
                b"v" => &mut format,
                b"s" => &mut head.secret,
                b"c" => &mut head.created,
                b"a" => &mut head.seen,
                b"i" => &mut head.idle,
                b"x" => &mut head.absolute,
                b"r" => &mut head.version,
                b"p" => &mut head.principal,
                _ => continue,
            };
            *place = Some(value);
        }
        match required(format)? {
            FORMAT => Ok(head),
            newer if newer > FORMAT => Err(Unreadable::NewerFormat),
            _ => Err(Unreadable::Damaged),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Damaged)
}

fn required(value: Option<&[u8]>) -> Result<u64, Unreadable> {
    optional(value)?.ok_or(Unreadable::Damaged)
}

fn optional(value: Option<&[u8]>) -> Result<Option<u64>, Unreadable> {
    let number = |value| text(value)?.parse().map_err(|_| Unreadable::Damaged);
    value.map(number).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SessionId = SessionId::from_bytes([7; 16]);

    fn hash(pairs: &[(&str, &[u8])]) -> Value {
        let text = |bytes: &[u8]| Value::BulkString(bytes.to_vec());
        Value::Array(pairs.iter().flat_map(|(field, value)| [text(field.as_bytes()), text(value)]).collect())
    }

    const SOUND: [(&str, &[u8]); 10] = [
        ("v", b"1"),
        ("s", &[9; 32]),
        ("c", b"5"),
        ("a", b"6"),
        ("r", b"3"),
        ("e:k", b"\xff\0"),
        ("i:k2", b"2"),
        ("f:k", b"3"),
        ("x:k", b"\0\0\0\0"),
        ("unknown", b"!"),
    ];

    #[test]
    fn a_hash_is_read_and_fields_of_no_meaning_are_passed_over() {
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
    fn a_damaged_hash_is_told_from_a_newer_one() {
        let with = |field: &str, value: Option<&'static [u8]>| {
            let mut pairs: Vec<_> = SOUND.into_iter().filter(|(name, _)| *name != field).collect();
            pairs.extend(value.map(|value| (field.to_owned().leak() as &str, value)));
            read(ID, &hash(&pairs)).unwrap_err()
        };
        for field in ["v", "s", "c", "a", "r"] {
            assert_eq!(with(field, None), Unreadable::Damaged, "{field}");
            assert_eq!(with(field, Some(b"-1")), Unreadable::Damaged, "{field}");
        }
        for field in ["i", "x"] {
            assert_eq!(with(field, Some(b"soon")), Unreadable::Damaged, "{field}");
        }
        assert_eq!(with("p", Some(b"\xff")), Unreadable::Damaged);
        assert_eq!(with("v", Some(b"2")), Unreadable::NewerFormat);
        assert_eq!(read(ID, &Value::Int(1)).unwrap_err(), Unreadable::Damaged);
    }
}
