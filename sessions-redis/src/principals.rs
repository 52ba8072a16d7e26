//! The sessions of a principal: a sorted set of ids, which may be on another server.
//!
//! A session is entered before its value is written, so that none is ever missing. Each entry is
//! checked against its session on use, so that extra entries do no harm. The score is when the
//! session ends at the latest by the server's clock. It is negative, the time of the finding, for
//! an entry that was found without a session of the principal: that may be about to be written, so
//! such an entry is dropped only if it is found again after a while.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use redis::{ToRedisArgs, Value};
use sessions_remote::{Answer, Failure, Values};
use sessions_store::{Record, SessionId};

use crate::engine::{AT_ONCE, Redis, command, judge_end, span};
use crate::error::Fault;
use crate::link::{Form, Judge, Written};
use crate::scripts::{DELETE_OF, DOUBT, ENTRIES, LIST, Script};

/// Number of entries that a server examines per step, which takes it less than a millisecond.
///
/// A page may be several times as long while the server resizes the set's table, so what is done
/// to its entries is divided again.
const STEP: usize = 250;
/// Milliseconds for which an entry without a session is kept: longer than any write is under way.
const UNCONFIRMED_FOR: u64 = 300_000;
/// Number of tries of each step, and the time between them.
const MOST_TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// An entry of a principal's set.
pub(crate) struct Entry {
    pub(crate) id: SessionId,
    /// The text of its score, empty if it is unknown.
    pub(crate) score: String,
}

/// How far a principal's set has been read.
///
/// A position means nothing to another process, even to the same server after a restart: each has
/// an order of its own. What it has passed there would be skipped, and a logout leave it alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    position: u64,
    /// Name of the process, empty for a user without the right to ask.
    run: String,
    /// Number of the connection, which tells processes apart where there is no name.
    connection: u64,
}

impl Redis {
    /// Enters a session that has a principal.
    pub(crate) async fn enter(&self, record: &Record) -> Answer<()> {
        let Some(principal) = record.principal() else { return Ok(()) };
        // A span, so that the server's clock need not agree with anybody's.
        let life = span(record.last_seen(), record.lifetime().absolute_deadline());
        let life = life.map(|life| life.to_string()).unwrap_or_default();
        // A session whose entry a failover lost would outlive the end of all of them.
        self.run_on(principal, &LIST, (record.id().as_bytes(), life), Some(&|_| Written::Now)).await
    }

    /// Removes entries of sessions that never come back.
    pub(crate) async fn leave(&self, principal: &str, ids: &[SessionId]) -> Answer<()> {
        let key = self.keys.principal(principal);
        for some in ids.chunks(STEP) {
            let zrem = || {
                let mut command = command("ZREM", &key);
                command.arg(some.iter().map(SessionId::as_bytes).collect::<Vec<_>>());
                command
            };
            self.ask::<()>(key.slot(), zrem).await?;
        }
        Ok(())
    }

    async fn run_on(
        &self,
        principal: &str,
        script: &Script,
        arguments: impl ToRedisArgs + Send + Sync,
        for_good: Option<&Judge<'_>>,
    ) -> Answer<()> {
        let key = self.keys.principal(principal);
        // Room for an id and a number.
        let build = |form| script.call(form, &key, 32, &arguments);
        self.write(&key, Form::Short, &build, for_good).await?;
        Ok(())
    }

    /// Counts a principal's entries, some of which may have outlived their sessions.
    pub(crate) async fn count_entries(&self, principal: &str) -> Answer<u64> {
        let key = self.keys.principal(principal);
        Ok(self.ask(key.slot(), || command("ZCARD", &key)).await?)
    }

    /// Returns one page of a principal's values.
    pub(crate) async fn values_of(&self, principal: &str, from: Option<&[u8]>) -> Answer<Values> {
        let from = from.and_then(Place::decode).unwrap_or_default();
        let (next, entries) = self.entries(principal, &from).await?;
        let read = |entry: Entry| async move { Ok::<_, Failure>((self.value(entry.id).await?, entry)) };
        let mut found = stream::iter(entries.into_iter().map(read)).buffer_unordered(AT_ONCE);
        let (mut values, mut doubtful) = (Vec::new(), Vec::new());
        while let Some((value, entry)) = found.try_next().await? {
            match value {
                Some(value) if may_be_of(principal, &value) => values.push(value),
                _ => doubtful.push(entry),
            }
        }
        // What fails is done at the next use.
        let _ = self.doubt(principal, &doubtful).await;
        Ok(Values::new(values, next.map(|next| next.encode())))
    }

    pub(crate) async fn delete_all_of(&self, principal: &str, except: Option<SessionId>) -> Answer<Vec<SessionId>> {
        let (mut all, mut place) = (Vec::new(), Place::default());
        loop {
            let (next, mut entries) = self.entries(principal, &place).await?;
            entries.retain(|entry| Some(entry.id) != except);
            let delete =
                |entry: Entry| async move { Ok::<_, Failure>((self.delete_of(principal, entry.id).await?, entry)) };
            let mut ends = stream::iter(entries.into_iter().map(delete)).buffer_unordered(AT_ONCE);
            let (mut ended, mut doubtful, mut failure) = (Vec::new(), Vec::new(), None);
            // A failure does not keep the others alive.
            while let Some(end) = ends.next().await {
                match end {
                    Ok((true, entry)) => ended.push(entry.id),
                    Ok((false, entry)) => doubtful.push(entry),
                    Err(error) => failure = Some(error),
                }
            }
            let left = self.leave(principal, &ended).await;
            failure.map_or(left, Err)?;
            let _ = self.doubt(principal, &doubtful).await;
            all.append(&mut ended);
            let Some(next) = next else {
                all.sort_unstable();
                all.dedup();
                return Ok(all);
            };
            place = next;
        }
    }

    /// Deletes a session if it is still the principal's.
    async fn delete_of(&self, principal: &str, id: SessionId) -> Answer<bool> {
        let key = self.keys.session(id);
        let length = u32::try_from(principal.len()).unwrap_or(u32::MAX).to_le_bytes();
        let build = |form| DELETE_OF.call(form, &key, principal.len(), (&length, principal));
        let delete = || self.write(&key, Form::Short, &build, Some(&judge_end));
        match persist(delete).await {
            (Ok(answer), _) if answer.value == Value::Int(1) => Ok(true),
            // If an earlier try got no reply, that one has deleted it.
            (Ok(answer), is_in_doubt) => Ok(is_in_doubt && answer.value == Value::Int(0)),
            (Err(fault), _) if fault.code() == Some("WRONGTYPE") => Ok(false),
            (Err(fault), _) => Err(fault.into()),
        }
    }

    /// Returns some entries, and the place of the next ones, or `None` at the end.
    ///
    /// In another process than the place's, the set is read from its start.
    async fn entries(&self, principal: &str, place: &Place) -> Answer<(Option<Place>, Vec<Entry>)> {
        // Nothing has ended before the first step.
        let mut answer = if place.position == 0 {
            self.read_entries(principal, place).await?
        } else {
            persist(|| self.read_entries(principal, place)).await.0?
        };
        let is_another = answer.0.run.is_empty() && answer.0.connection != place.connection;
        if place.position != 0 && is_another {
            let start = Place::default();
            answer = persist(|| self.read_entries(principal, &start)).await.0?;
        }
        let (next, pairs) = answer;
        let entry = |(id, score): (Vec<u8>, String)| {
            let id = SessionId::from_bytes(id.try_into().ok()?);
            Some(Entry { id, score })
        };
        Ok(((next.position != 0).then_some(next), pairs.into_iter().filter_map(entry).collect()))
    }

    async fn read_entries(&self, principal: &str, place: &Place) -> Result<(Place, Vec<(Vec<u8>, String)>), Fault> {
        let key = self.keys.principal(principal);
        let build = |form| ENTRIES.call(form, &key, 64, (&place.run, place.position, STEP));
        let answer = self.write(&key, Form::Short, &build, None).await?;
        // redis-rs's own error quotes the reply.
        let (run, (position, pairs)) =
            redis::from_redis_value(answer.value).map_err(|_| Fault::odd_reply(&build(Form::Short)))?;
        Ok((Place { position, run, connection: answer.connection }, pairs))
    }

    /// Marks entries without a session of the principal as unconfirmed, and drops those that have
    /// been so for long.
    pub(crate) async fn doubt(&self, principal: &str, entries: &[Entry]) -> Answer<()> {
        for some in entries.chunks(STEP) {
            let doubted: Vec<_> = some.iter().map(|entry| (entry.id.as_bytes(), &*entry.score)).collect();
            self.run_on(principal, &DOUBT, (UNCONFIRMED_FOR, doubted), None).await?;
        }
        Ok(())
    }
}

impl Place {
    fn encode(&self) -> Vec<u8> {
        [&self.position.to_be_bytes(), &self.connection.to_be_bytes(), self.run.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (position, rest) = bytes.split_first_chunk()?;
        let (connection, run) = rest.split_first_chunk()?;
        let run = String::from_utf8(run.to_vec()).ok()?;
        Some(Self { position: u64::from_be_bytes(*position), run, connection: u64::from_be_bytes(*connection) })
    }
}

/// Repeats a call that may pass, and returns whether an earlier try may have done the work.
///
/// The store would repeat the whole, and what had ended until then would not be in its answer.
pub(crate) async fn persist<T, F>(call: impl Fn() -> F) -> (Result<T, Fault>, bool)
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut is_in_doubt = false;
    for _ in 0..MOST_TRIES {
        match call().await {
            Err(Fault::Lost(_)) => is_in_doubt = true,
            Err(fault) if fault.may_pass() => {}
            answer => return (answer, is_in_doubt),
        }
        tokio::time::sleep(PAUSE).await;
    }
    (call().await, is_in_doubt)
}

/// Returns whether a value can be the principal's. One that cannot be read may be.
fn may_be_of(principal: &str, value: &[u8]) -> bool {
    Record::decode(value).map_or(true, |record| record.principal() == Some(principal))
}
