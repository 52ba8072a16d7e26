//! Conversion of changes into the arguments of a script.

use redis::Value;
use sessions_core::record::{Change, Changes, Limits, Record, Refusal, SecretHash};
use sessions_core::store::StoreError;
use sessions_core::{SessionId, Timestamp};

use crate::call::{self, Call, bytes, items};
use crate::fields::{self, SLACK, Unreadable, whole_millis};
use crate::shared::Core;

/// Maximum key length that a record's format supports.
const LONGEST_KEY: usize = u16::MAX as usize;

const GONE: i64 = 0;
const APPLIED: i64 = 1;
const CONFLICT: i64 = 2;
const NEWER: i64 = 4;
const TOO_LARGE: i64 = 6;

/// The index entry that a session needs after a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(crate) principal: String,
    pub(crate) until: String,
}

/// Appends the first arguments of a script that begins with `begin.lua`.
fn begin(core: &Core, call: &mut Call, now: Timestamp, expected: &SecretHash) {
    call.number(now.as_millis()).arg(expected.as_bytes()).number(SLACK).doubt().number(core.word_millis());
}

/// Creates the call that commits changes.
pub(crate) fn commit(core: &Core, id: SessionId, changes: &Changes) -> Call {
    let session = core.keys.session(id);
    // A touch may be applied twice.
    let is_touch = is_touch(changes);
    let word = (!is_touch).then(|| core.keys.word(&session, core.nonce()));
    let mut call = Call::script_with(&call::COMMIT, &session, word.as_ref());
    begin(core, &mut call, changes.now(), changes.expected_secret());
    if !is_touch {
        push_limits(&mut call, changes.limits());
    }
    if changes.clears_entries() {
        triple(&mut call, "x", "e:", b"");
        triple(&mut call, "x", "i:", b"");
    }
    if changes.clears_flashes() {
        triple(&mut call, "x", "f:", b"");
    }
    if let Some(secret) = changes.new_secret() {
        triple(&mut call, "secret", "", secret.as_bytes());
    }
    if let Some(principal) = changes.new_principal() {
        triple(&mut call, "principal", "", principal.as_bytes());
    }
    match changes.new_idle().map(whole_millis) {
        None => {}
        Some(u64::MAX) => triple(&mut call, "idle", "", b"-"),
        Some(millis) => triple(&mut call, "idle", "", millis.to_string().as_bytes()),
    }
    for change in changes.iter() {
        push(&mut call, change);
    }
    call
}

/// Returns whether the changes write nothing but the time.
fn is_touch(changes: &Changes) -> bool {
    let sets_head = changes.new_secret().is_some() || changes.new_principal().is_some() || changes.new_idle().is_some();
    let clears = changes.clears_entries() || changes.clears_flashes();
    !sets_head && !clears && changes.iter().next().is_none()
}

/// Appends the limits, unless they are those of the format, which the script knows.
fn push_limits(call: &mut Call, limits: Limits) {
    let bytes = limits.bytes().min(Limits::FORMAT.bytes());
    let keys = limits.keys().min(Limits::FORMAT.keys());
    if Limits::new(bytes, keys) != Limits::FORMAT {
        triple(call, "limits", &bytes.to_string(), keys.to_string().as_bytes());
    }
}

fn push(call: &mut Call, change: Change<'_>) {
    match change {
        Change::Set { key, .. }
        | Change::SetImmutable { key, .. }
        | Change::Increment { key, .. }
        | Change::SetFlash { key, .. }
            if key.len() > LONGEST_KEY =>
        {
            triple(call, "too large", "", b"");
        }
        Change::Require { key, value: Some(value) } => triple(call, "=", key, value),
        Change::Require { key, value: None } => triple(call, "!", key, b""),
        Change::Set { key, value } => triple(call, "s", key, value),
        Change::SetImmutable { key, value } => triple(call, "i", key, value),
        Change::Remove { key } => triple(call, "d", key, b""),
        Change::Increment { key, by } => triple(call, "+", key, by.to_string().as_bytes()),
        Change::SetFlash { key, value } => triple(call, "f", key, value),
        Change::RemoveFlash { key } => triple(call, "u", key, b""),
        Change::ConsumeFlash { key, seen } => triple(call, "c", key, seen),
        // A kind of change that this store does not know must not be skipped silently.
        _ => triple(call, "refuse", "", b""),
    }
}

fn triple(call: &mut Call, operation: &str, key: &str, value: &[u8]) {
    call.arg(operation.as_bytes()).arg(key.as_bytes()).arg(value);
}

/// Parses the reply to a commit.
pub(crate) fn committed(value: &Value) -> Result<(Result<(), Refusal>, Option<Renewal>), StoreError> {
    if let Some([Value::Int(APPLIED), principal, until]) = items(value) {
        let text = |value| bytes(value).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        let renewal = text(principal).zip(text(until));
        let renewal = renewal.map(|(principal, until)| Renewal { principal, until });
        return Ok((Ok(()), renewal));
    }
    let committed = match code(value)? {
        APPLIED => Ok(()),
        GONE => Err(Refusal::Gone),
        CONFLICT => Err(Refusal::Conflict),
        TOO_LARGE => Err(Refusal::TooLarge),
        _ => return Err(Unreadable::Damaged.into()),
    };
    Ok((committed, None))
}

fn code(value: &Value) -> Result<i64, Unreadable> {
    match value {
        Value::Int(NEWER) => Err(Unreadable::NewerFormat),
        Value::Int(code) => Ok(*code),
        _ => Err(Unreadable::Damaged),
    }
}

/// Creates the call that creates a record.
pub(crate) fn create(core: &Core, record: &Record) -> Call {
    let session = core.keys.session(record.id());
    let word = core.keys.word(&session, core.nonce());
    let mut call = Call::script_with(&call::CREATE, &session, Some(&word));
    fields::write(record, call.doubt().number(core.word_millis()));
    call
}
