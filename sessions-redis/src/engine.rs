//! The engine: a session is one string, and a principal's sessions are a sorted set.

use std::fmt;

use redis::{Cmd, FromRedisValue, Value};
use sessions_remote::{Answer, Engine, OpenByUrl, OpenError, RemoteStore, Swap, Values, shows_write};
use sessions_store::{Record, SessionId, Timestamp};

use crate::error::Fault;
use crate::keys::{Key, Keys};
use crate::link::{self, Form, Judge, Link, Parcel, Wait, WaitFor, Written};
use crate::options::RedisBuilder;
use crate::principals::{Entry, persist};
use crate::scripts::{PATCH, SWAP};

/// A store in Redis, Valkey or a Redis Cluster.
///
/// Cheap to clone: the clones share their connections. The [crate's documentation](crate) describes
/// what is stored, and how.
pub type RedisStore = RemoteStore<Redis>;

/// Milliseconds that a value stays after its session has ended, so that the log can say why there
/// is no session.
///
/// As long as clocks may differ before a record counts as one from the future: a commit by a clock
/// that is ahead then ends no session early.
pub(crate) const SLACK: u64 = 300_000;
/// The longest life of a key in milliseconds, a hundred years: more than a server can add to its
/// clock is an error.
pub(crate) const LONGEST_LIFE: u64 = 3_155_760_000_000;
/// Number of commands of one call that are in flight at once.
pub(crate) const AT_ONCE: usize = 256;
/// Length of a value that is worth to be patched rather than replaced.
const LARGE: usize = 4096;
/// Length of the part of a value that every commit changes.
const HEAD: usize = Record::HEAD_LENGTH;

/// The engine of a [`RedisStore`]: connections to the servers, and the names of keys.
pub struct Redis {
    pub(crate) keys: Keys,
    pub(crate) link: Link,
    /// What waits for replicas has connections of its own, so that no others queue behind it.
    pub(crate) patient: Option<(Link, WaitFor)>,
}

impl Redis {
    /// Sends a command to the server that has a slot, and reads the reply.
    pub(crate) async fn ask<T>(&self, slot: u16, command: impl Fn() -> Cmd + Send + Sync) -> Result<T, Fault>
    where
        T: FromRedisValue,
    {
        let build = |_: Form| command();
        let answer = self.link.send(Parcel { slot, first: Form::Short, build: &build, wait: None }).await?;
        // redis-rs's own error quotes the reply.
        redis::from_redis_value(answer.value).map_err(|_| Fault::odd_reply(&command()))
    }

    /// Writes to a session's key, and waits for the replicas if the write must not be lost.
    ///
    /// `for_good` judges by the reply which write that is.
    pub(crate) async fn write(
        &self,
        key: &Key,
        first: Form,
        build: &(dyn Fn(Form) -> Cmd + Send + Sync),
        for_good: Option<&Judge<'_>>,
    ) -> Result<link::Answer, Fault> {
        let slot = key.slot();
        // Boxed to keep its callers small: a coroutine's stack has no room for several copies.
        match (&self.patient, for_good) {
            (Some((link, what)), Some(judge)) => {
                let barrier = self.keys.barrier(key);
                let wait = Some(Wait { what: *what, judge, barrier: &barrier });
                Box::pin(link.send(Parcel { slot, first, build, wait })).await
            }
            _ => Box::pin(self.link.send(Parcel { slot, first, build, wait: None })).await,
        }
    }

    /// Reads a value. One that is no string counts as missing.
    pub(crate) async fn value(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        match self.read(&self.keys.session(id)).await {
            Err(fault) if fault.code() == Some("WRONGTYPE") => Ok(None),
            answer => Ok(answer?),
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.ask(key.slot(), || command("GET", key)).await
    }

    /// Deletes a session together with its entry, without which a set might stay for ever.
    pub(crate) async fn delete_and_unlist(&self, id: SessionId) -> Answer<bool> {
        let (deleted, is_in_doubt) = persist(|| self.take(id)).await;
        let Some(value) = deleted? else { return Ok(is_in_doubt) };
        if let Ok(record) = Record::decode(value)
            && let Some(principal) = record.principal()
        {
            // What fails is done at the next use.
            let _ = self.unlist(principal, id).await;
        }
        Ok(true)
    }

    /// Removes the value of a session, and returns it.
    async fn take(&self, id: SessionId) -> Result<Option<Vec<u8>>, Fault> {
        let key = self.keys.session(id);
        let getdel = |_: Form| command("GETDEL", &key);
        match self.write(&key, Form::Short, &getdel, Some(&judge_end)).await {
            Ok(answer) => Ok(into_bytes(answer.value)),
            // It is no session, but it lies where one would.
            Err(fault) if fault.code() == Some("WRONGTYPE") => {
                let del = |_: Form| command("DEL", &key);
                let answer = self.write(&key, Form::Short, &del, Some(&judge_end)).await?;
                Ok(is_done(&answer.value).then(Vec::new))
            }
            Err(fault) => Err(fault),
        }
    }
}

impl Engine for Redis {
    const NAME: &'static str = "redis";
    const EXPIRES_VALUES: bool = true;
    const LISTS_PRINCIPALS: bool = true;

    fn database(&self) -> String {
        self.link.name()
    }

    fn is_sharded(&self) -> bool {
        self.link.is_cluster()
    }

    async fn get(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        Ok(self.read(&self.keys.session(id)).await?)
    }

    async fn insert(&self, new: &Record) -> Answer<bool> {
        let key = self.keys.session(new.id());
        let life = span(new.last_seen(), new.expires_at());
        let build = |_: Form| set(&key, new, &[b"NX"], life);
        let answer = self.write(&key, Form::Short, &build, None).await?;
        Ok(matches!(answer.value, Value::Okay))
    }

    async fn swap(&self, before: &Record, after: &Record, now: Timestamp) -> Answer<Swap> {
        let key = self.keys.session(after.id());
        let life = span(now, after.expires_at());
        let life_text = life.map(|life| life.to_string()).unwrap_or_default();
        let patch = patch(before.as_bytes(), after.as_bytes());
        let build = |form| match (form, &patch) {
            (Form::Native, _) => set(&key, after, &[b"IFEQ", before.as_bytes()], life),
            (_, None) => {
                let value = after.as_bytes();
                SWAP.call(form, &key, value.len(), (before.mark(), &life_text, value))
            }
            (_, Some(parts)) => PATCH.call(form, &key, LARGE, (before.mark(), &life_text, parts)),
        };
        // What is sent to a client, or replaced, must not be undone by a failover.
        let secrets = |record: &Record| (record.secret_hash(), record.newest_secret());
        let is_for_good = self.patient.is_some() && secrets(before) != secrets(after);
        let judge = |value: &Value| judge_swap(value, after);
        // The judge has to see the value, which the native form does not return. A read would not
        // do: by then, another server may answer.
        let first = if patch.is_some() || is_for_good { Form::Short } else { Form::Native };
        let answer = self.write(&key, first, &build, is_for_good.then_some(&judge)).await?;
        let current = match answer.value {
            value if is_done(&value) => return Ok(Swap::Done),
            // Only a script returns what the value is.
            _ if answer.form == Form::Native => self.read(&key).await?,
            value => into_bytes(value),
        };
        Ok(current.map_or(Swap::Missing, Swap::Changed))
    }

    async fn delete(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        Ok(self.take(id).await?)
    }

    async fn list(&self, record: &Record) -> Answer<()> {
        self.enter(record).await
    }

    async fn unlist(&self, principal: &str, id: SessionId) -> Answer<()> {
        let session = self.keys.session(id);
        if self.ask(session.slot(), || command("EXISTS", &session)).await? {
            // It may have become theirs again, in which case the entry has to stay.
            return self.doubt(principal, &[Entry { id, score: String::new() }]).await;
        }
        self.leave(principal, &[id]).await
    }

    async fn of_principal(&self, principal: &str, from: Option<&[u8]>) -> Answer<Values> {
        self.values_of(principal, from).await
    }

    async fn count_of_principal(&self, principal: &str) -> Answer<u64> {
        self.count_entries(principal).await
    }

    async fn delete_of_principal(&self, principal: &str, except: Option<SessionId>) -> Answer<Vec<SessionId>> {
        self.delete_all_of(principal, except).await
    }

    async fn page(&self, from: Option<&[u8]>, limit: usize) -> Answer<Values> {
        self.page_of(from, limit).await
    }

    async fn count(&self) -> Answer<u64> {
        self.count_all().await
    }

    async fn delete_all(&self) -> Answer<u64> {
        self.delete_each().await
    }

    /// Does nothing: the server drops expired sessions by itself.
    async fn sweep(&self, _: usize, _: Timestamp) -> Answer<Vec<SessionId>> {
        Ok(Vec::new())
    }
}

impl OpenByUrl for Redis {
    type Builder = RedisBuilder;

    fn open(url: &str) -> Result<RedisStore, OpenError> {
        RedisBuilder::default().open(url)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("prefix", &self.keys.prefix())
            .field("link", &self.link)
            .field("wait_for_replicas", &self.patient.as_ref().map(|(_, wait)| wait))
            .finish_non_exhaustive()
    }
}

/// Starts a command whose first argument is the key.
pub(crate) fn command(name: &str, key: &Key) -> Cmd {
    let mut command = Cmd::with_capacity(2, name.len() + key.as_bytes().len());
    command.arg(name).arg(key.as_bytes());
    command
}

fn set(key: &Key, record: &Record, condition: &[&[u8]], life: Option<u64>) -> Cmd {
    let (key, value) = (key.as_bytes(), record.as_bytes());
    let room = key.len() + value.len() + condition.iter().map(|part| part.len()).sum::<usize>();
    let mut command = Cmd::with_capacity(7, room + 32);
    command.arg("SET").arg(key).arg(value).arg(condition).arg(life.map(|life| ("PX", life)));
    command
}

/// Returns the milliseconds until a deadline, with the slack, or `None` for ever.
///
/// A span, so that the server's clock need not agree with anybody's.
pub(crate) fn span(now: Timestamp, deadline: Timestamp) -> Option<u64> {
    let left = deadline.as_millis().saturating_sub(now.as_millis());
    (deadline != Timestamp::NEVER).then(|| left.saturating_add(SLACK).min(LONGEST_LIFE))
}

/// Returns whether the reply says that something was written.
fn is_done(value: &Value) -> bool {
    matches!(value, Value::Int(1) | Value::Okay)
}

/// Judges the reply to a swap: a mismatch wrote nothing, unless the value shows that an earlier try
/// of the same swap did.
///
/// The swap is then done, though no reply said so, and must be as safe as any other. Without such a
/// trace it is tried again on the value that was found, and only that try waits.
fn judge_swap(value: &Value, after: &Record) -> Written {
    match value {
        value if is_done(value) => Written::Now,
        Value::BulkString(current) if shows_write(current, after) => Written::Earlier,
        _ => Written::Nothing,
    }
}

/// Judges the reply to the removal of a session.
///
/// To find nothing is a promise too. A logout that too few replicas confirmed is an error, and a
/// client that repeats it must not be told that the session is gone before they have that.
pub(crate) fn judge_end(value: &Value) -> Written {
    match value {
        Value::Nil | Value::Int(..=0) => Written::Earlier,
        _ => Written::Now,
    }
}

/// Returns the parts in which a large value differs from its predecessor: the head, the stamp, and
/// one range between them. `None` if replacing the whole value is cheaper.
fn patch<'a>(before: &[u8], after: &'a [u8]) -> Option<Vec<(usize, &'a [u8])>> {
    let tail = after.len().checked_sub(Record::STAMP_LENGTH)?;
    if after.len() < LARGE || before.len() != after.len() {
        return None;
    }
    let (old, new) = (&before[HEAD..tail], &after[HEAD..tail]);
    let start = old.iter().zip(new).position(|(old, new)| old != new).unwrap_or(new.len());
    let same_at_end = old.iter().rev().zip(new.iter().rev()).position(|(old, new)| old != new);
    let end = new.len() - same_at_end.unwrap_or(new.len() - start);
    let mut parts = vec![(0, &after[..HEAD]), (tail, &after[tail..])];
    if start < end {
        parts.push((HEAD + start, &new[start..end]));
    }
    (end.saturating_sub(start) < after.len() / 4).then_some(parts)
}

/// Returns the value in a reply, if it has one.
fn into_bytes(reply: Value) -> Option<Vec<u8>> {
    redis::from_redis_value(reply).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_makes_the_new_value_of_the_old() {
        let old: Vec<u8> = (0..6000_u32).map(|at| (at % 251) as u8).collect();
        for (changed, is_patched) in
            [(vec![], true), (vec![96], true), (vec![5967, 200], false), (vec![4000, 5000], true)]
        {
            let mut new = old.clone();
            new[..HEAD].fill(7);
            new[5968..].fill(9);
            changed.iter().for_each(|at| new[*at] ^= 255);
            let Some(parts) = patch(&old, &new) else {
                assert!(!is_patched, "{changed:?}");
                continue;
            };
            assert!(is_patched, "{changed:?}");
            let mut made = old.clone();
            parts.iter().for_each(|(at, part)| made[*at..at + part.len()].copy_from_slice(part));
            assert!(made == new, "{changed:?}");
        }
        assert!(patch(&old, &old[1..]).is_none() && patch(&old[..4000], &old[..4000]).is_none());
    }
}
