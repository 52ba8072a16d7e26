//! Index of the sessions of each principal.
//!
//! An index is a sorted set of session ids, scored with the time until which an entry is valid. It
//! may be on another server than the sessions, so both cannot change in one atomic step. Instead, a
//! bound session is always in the index, which it enters before it is bound. The index may contain
//! more, so each entry is checked against its session.

use futures_util::stream::{self, StreamExt};
use redis::Value;
use sessions_core::record::{Changes, Record, Refusal};
use sessions_core::store::StoreError;
use sessions_core::{SessionId, Timestamp};

use crate::call::{self, Call, bytes, items, text_number};
use crate::commit::Renewal;
use crate::fields::{self, SLACK, Unreadable, whole_millis};
use crate::shared::{Core, Failure, Outcome, Time};

/// Maximum number of sessions that are loaded at once.
pub(crate) const AT_ONCE: usize = 64;

/// Creates the call that adds a session to the index, or extends its entry.
fn announce(core: &Core, principal: &str, id: SessionId, until: &str, now: Timestamp) -> Call {
    let mut call = Call::script(&call::ANNOUNCE, &core.keys.principal(principal));
    call.arg(id.to_string().as_bytes()).arg(until.as_bytes()).number(now.as_millis()).number(SLACK);
    call
}

/// Returns the time until which an entry is valid.
///
/// That is the absolute deadline, or else three times the idle limit.
fn good_until(now: Timestamp, idle: Option<u64>, absolute: Option<u64>) -> String {
    let end = absolute.or_else(|| idle.map(|idle| now.as_millis().saturating_add(idle.saturating_mul(3))));
    end.map_or_else(|| "+inf".to_owned(), |end| end.to_string())
}

/// Adds a session that has a principal to the index, and returns the entry.
async fn enter(core: &Core, record: &Record, principal: &str, time: &Time) -> Result<Renewal, Failure> {
    let absolute = Some(record.absolute_deadline()).filter(|deadline| *deadline != Timestamp::NEVER);
    let until = good_until(record.last_seen(), record.idle().map(whole_millis), absolute.map(Timestamp::as_millis));
    let call = announce(core, principal, record.id(), &until, record.last_seen());
    core.write(&call, time).await?;
    Ok(Renewal { principal: principal.to_owned(), until })
}

/// Adds a new session to the index.
pub(crate) async fn announce_new(core: &Core, record: &Record, principal: &str, time: &Time) -> Result<(), Failure> {
    enter(core, record, principal, time).await.map(drop)
}

/// Extends an entry in the background. It is valid long enough for another try.
pub(crate) fn renew(core: &Core, id: SessionId, renewal: &Renewal, now: Timestamp) {
    core.call_later(announce(core, &renewal.principal, id, &renewal.until, now));
}

/// The result of adding an entry before a commit is sent.
#[derive(Debug)]
pub(crate) enum Announced {
    /// No entry: the session has no principal, or the commit itself will be refused.
    Nothing,
    Entry(Renewal),
    /// No entry: the commit cannot be applied to the session as it is.
    Refused(Refusal),
}

/// Returns whether a commit changes the session's principal or limits, which is rare.
pub(crate) fn is_binding(changes: &Changes) -> bool {
    changes.new_principal().is_some() || changes.new_idle().is_some()
}

/// Adds the session to the index before the commit binds it. So no bound session is ever missing.
///
/// A commit that is refused here adds no entry, so it must not be sent: it might be applied by
/// then. If it is refused later, because of changes in between, its entry stays, as that of an
/// expired session does.
pub(crate) async fn announce_commit(
    core: &Core,
    id: SessionId,
    changes: &Changes,
    time: &Time,
) -> Result<Announced, Failure> {
    let answer = core.write(&Call::command("HGETALL", &core.keys.session(id)), time).await?;
    let Ok(Some(record)) = fields::read(id, &answer) else {
        return Ok(Announced::Nothing);
    };
    let changed = match record.apply(changes) {
        Ok(changed) => changed,
        Err(refusal) => return Ok(Announced::Refused(refusal)),
    };
    Ok(match changed.principal() {
        Some(principal) => Announced::Entry(enter(core, &changed, principal, time).await?),
        None => Announced::Nothing,
    })
}

/// Removes the entry of a destroyed session, in the background.
pub(crate) fn forget(core: &Core, principal: &str, id: SessionId) {
    let mut call = Call::command("ZREM", &core.keys.principal(principal));
    call.arg(id.to_string().as_bytes());
    core.call_later(call);
}

/// An entry of an index.
struct Entry {
    id: SessionId,
    /// The text of its score.
    until: String,
}

async fn entries(core: &Core, principal: &str) -> Result<Vec<Entry>, StoreError> {
    let mut call = Call::command("ZRANGE", &core.keys.principal(principal));
    call.arg(b"0").arg(b"-1").arg(b"WITHSCORES");
    let answer = core.read(&call).await?;
    let flat = flat(items(&answer).unwrap_or_default());
    let entry = |two: &[&Value]| {
        let id = std::str::from_utf8(bytes(two.first()?)?).ok()?.parse().ok()?;
        let until = text_number(two.get(1)?)?;
        Some(Entry { id, until })
    };
    Ok(flat.chunks(2).filter_map(entry).collect())
}

/// Flattens pairs, which the newer protocol nests.
fn flat(values: &[Value]) -> Vec<&Value> {
    values.iter().flat_map(|value| items(value).map_or_else(|| vec![value], |pair| pair.iter().collect())).collect()
}

/// Loads a record. An unreadable one does not affect others.
pub(crate) async fn load(core: &Core, id: SessionId) -> Result<Option<Record>, StoreError> {
    let call = Call::command("HGETALL", &core.keys.session(id));
    Ok(fields::read(id, &core.read(&call).await?)?)
}

/// Returns a principal's live sessions, and removes the entries of dead ones.
pub(crate) async fn of_principal(core: &Core, principal: &str, now: Timestamp) -> Result<Vec<Record>, StoreError> {
    let entries = entries(core, principal).await?;
    let loads = entries.into_iter().map(|entry| async move {
        let loaded = load(core, entry.id).await;
        (entry, loaded)
    });
    let mut found = stream::iter(loads).buffer_unordered(AT_ONCE);
    let mut records = Vec::new();
    let mut dead = Vec::new();
    while let Some((entry, loaded)) = found.next().await {
        match loaded {
            Ok(Some(record)) if record.principal() == Some(principal) && record.is_live(now) => records.push(record),
            // Another or no principal: the session may be about to be bound, so its entry stays.
            Ok(Some(_)) => {}
            Ok(None) => dead.push(entry),
            Err(error) if fields::is_of_one_record(&error) => {}
            Err(error) => return Err(error),
        }
    }
    forget_all(core, principal, &dead);
    Ok(records)
}

/// Ends a principal's sessions. A failure does not keep the others alive.
pub(crate) async fn destroy_of_principal(
    core: &Core,
    principal: &str,
    except: Option<SessionId>,
) -> Result<Vec<SessionId>, StoreError> {
    let entries = entries(core, principal).await?;
    let others = entries.into_iter().filter(|entry| Some(entry.id) != except);
    let ends = others.map(|entry| async move {
        let ended = destroy(core, entry.id, Some(principal)).await;
        (entry, ended)
    });
    let mut ends = stream::iter(ends).buffer_unordered(AT_ONCE);
    let mut ended = Vec::new();
    let mut failure = None;
    while let Some((entry, end)) = ends.next().await {
        match end {
            Ok(end) if end.was_there => ended.push(entry),
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    forget_all(core, principal, &ended);
    failure.map_or_else(|| Ok(ended.iter().map(|entry| entry.id).collect()), Err)
}

fn forget_all(core: &Core, principal: &str, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    let mut call = Call::script(&call::FORGET, &core.keys.principal(principal));
    for entry in entries {
        call.arg(entry.id.to_string().as_bytes()).arg(entry.until.as_bytes());
    }
    core.call_later(call);
}

/// The result for a session that was to end.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) was_there: bool,
    pub(crate) principal: Option<String>,
}

/// Ends a session, if it belongs to the principal (if one is given).
pub(crate) async fn destroy(core: &Core, id: SessionId, principal: Option<&str>) -> Result<End, StoreError> {
    let mut call = Call::script(&call::DESTROY, &core.keys.session(id));
    match principal {
        Some(principal) => call.arg(format!("={principal}").as_bytes()),
        None => call.arg(b""),
    };
    call.number(core.wait.is_some().into());
    let Outcome { answer, in_doubt } = core.write_for_good(&call).await?;
    let parts = items(&answer.value).ok_or(Unreadable::Damaged)?;
    let text = parts.get(1).and_then(bytes).and_then(|bytes| std::str::from_utf8(bytes).ok());
    Ok(End {
        was_there: match parts.first() {
            Some(Value::Int(1)) => true,
            // An earlier try without a reply is the likeliest reason for finding nothing.
            Some(Value::Int(0)) => in_doubt,
            _ => false,
        },
        principal: text.map(str::to_owned),
    })
}
