//! The engine: what a remote store asks for, in statements.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sessions_remote::{Answer, Engine, Failure, Swap, Values};
use sessions_store::{Record, SessionId, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::connections::{Connections, Lease};
use crate::driver::{Database, Need, Origin, Sent};
use crate::failure::{Verdict, of_sent, verdict};
use crate::statements::{Columns, Statement, Statements, Value};

/// Maximum number of rows in a page. A row may have 64 KiB and more.
const PAGE: usize = 200;

/// Sessions in a table of a database, the engine of a
/// [`RemoteStore`](sessions_remote::RemoteStore).
pub struct Sql<D: Database> {
    connections: Arc<Connections<D>>,
    statements: Statements,
    writers: Arc<Semaphore>,
    room: Option<D::Room>,
}

impl<D: Database> Sql<D> {
    pub(crate) fn new(connections: Connections<D>, statements: Statements, room: Option<D::Room>) -> Self {
        Self { connections: Arc::new(connections), statements, writers: Arc::new(Semaphore::new(D::WRITERS)), room }
    }

    /// Creates the table, unless it is there.
    ///
    /// If it is, a role without the right to create one will do.
    pub(crate) async fn migrate(&self) -> Answer<()> {
        let mut lease = self.writer().await?;
        let probe = self.statements.with(&self.statements.probe, &[Value::Bytes(&[])]);
        match D::send(lease.connection(), &probe).await {
            Ok(_) => return Ok(()),
            Err(error) if verdict::<D>(&error) == Verdict::Unknown => return Err(self.failure(&mut lease, &error)),
            Err(_) => {}
        }
        let schema = Statement { text: (&*self.statements.schema).into(), values: None };
        let created = D::send(lease.begin(), &schema).await;
        lease.end(created.is_ok());
        created.map(drop).map_err(|error| self.failure(&mut lease, &error))
    }

    /// Borrows a connection to write.
    async fn writer(&self) -> Answer<Lease<D>> {
        let turn = timeout_at(self.connections.patience_ends(), Arc::clone(&self.writers).acquire_owned()).await;
        let turn = turn.map_err(|_| Failure::unreached("other writes of this process take too long"))?;
        let mut lease = self.connections.lend().await?;
        lease.write_turn = turn.ok();
        Ok(lease)
    }

    /// Returns a connection for a statement that may take long, once it has shown that it answers.
    async fn checked(&self, mut lease: Lease<D>) -> Answer<Lease<D>> {
        // If it does not, it is closed rather than given back.
        lease.closes = true;
        self.connections.examined(lease).await
    }

    /// Converts the error of a statement, and closes connections that are of no use any more.
    fn failure(&self, lease: &mut Lease<D>, error: &sqlx::Error) -> Failure {
        match verdict::<D>(error) {
            // The others are probably lost too.
            Verdict::Unknown => self.connections.clear(false),
            // The connection has lost the statements that were prepared on it.
            Verdict::Pooled => lease.closes = true,
            // The primary was demoted, and new connections may lead to its successor. Those of the
            // application's pool are its own to close.
            Verdict::ReadOnly => {
                lease.closes = true;
                self.connections.clear(self.connections.origin != Origin::Given);
                self.connections.is_retrying.store(lease.may_retry, Ordering::Relaxed);
                if lease.may_retry {
                    return Failure::unreached("the database has become read-only");
                }
            }
            _ => {}
        }
        of_sent::<D>(error, &self.connections.place)
    }

    async fn rows(&self, mut lease: Lease<D>, text: &str, values: &[Value<'_>]) -> Answer<Vec<Columns>> {
        let sent = D::send(lease.connection(), &self.statements.with(text, values)).await;
        lease.end(sent.is_ok());
        sent.map(|sent| sent.rows).map_err(|error| self.failure(&mut lease, &error))
    }

    /// Returns the only number that a statement finds.
    async fn number_in(&self, lease: Lease<D>, text: &str, values: &[Value<'_>]) -> Answer<u64> {
        let rows = self.rows(lease, text, values).await?;
        let number = rows.first().and_then(|row| std::str::from_utf8(row.first()?).ok()?.parse().ok());
        number.ok_or_else(|| Failure::unreadable("the count is not a number"))
    }

    /// Sends a statement that writes.
    async fn write(&self, lease: &mut Lease<D>, text: &str, values: &[Value<'_>], need: Need) -> sqlx::Result<Sent> {
        let connection = if self.room.is_some() { lease.begin() } else { lease.connection() };
        let sent = D::write(connection, &self.statements.with(text, values), self.room.as_ref(), need).await;
        let sent = sent.inspect(|_| self.connections.is_retrying.store(false, Ordering::Relaxed));
        // In SQLite, nothing is left half done but by a call that is dropped or whose outcome is
        // unknown.
        let is_whole = |error| self.room.is_some() && verdict::<D>(error) != Verdict::Unknown;
        lease.end(sent.as_ref().err().is_none_or(is_whole));
        sent
    }

    async fn affected(&self, mut lease: Lease<D>, text: &str, values: &[Value<'_>], need: Need) -> Answer<u64> {
        let sent = self.write(&mut lease, text, values, need).await;
        sent.map(|sent| sent.affected).map_err(|error| self.failure(&mut lease, &error))
    }

    async fn removed(&self, text: &str, values: &[Value<'_>]) -> Answer<Vec<SessionId>> {
        let mut lease = self.checked(self.writer().await?).await?;
        let statement = self.statements.with(text, values);
        let removed = D::remove(lease.begin(), &self.statements, &statement, self.room.as_ref()).await;
        lease.end(removed.is_ok());
        removed.map_err(|error| self.failure(&mut lease, &error))
    }

    async fn values(&self, text: &str, values: &[Value<'_>], limit: usize) -> Answer<Values> {
        let rows = self.rows(self.connections.lend().await?, text, values).await?;
        let next = if rows.len() < limit { None } else { rows.last().and_then(|row| row.first().cloned()) };
        Ok(Values::new(rows.iter().map(|row| value(&row[1..])).collect(), next))
    }
}

impl<D: Database> Engine for Sql<D> {
    const NAME: &'static str = D::NAME;

    fn database(&self) -> String {
        format!("the {}", self.connections.place.database)
    }

    async fn get(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        let lease = self.connections.lend().await?;
        let rows = self.rows(lease, &self.statements.get, &[Value::Bytes(id.as_bytes())]).await?;
        Ok(rows.first().map(|row| value(row)))
    }

    async fn insert(&self, new: &Record) -> Answer<bool> {
        let (row, id) = (Row::of(new), new.id());
        let [head, body, principal, expires_at, sweep_from] = row.columns();
        let values = [Value::Bytes(id.as_bytes()), head, body, principal, expires_at, sweep_from];
        let mut lease = self.writer().await?;
        match self.write(&mut lease, &self.statements.insert, &values, need_of(None, &row)).await {
            Ok(sent) => Ok(sent.affected == 1),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(self.failure(&mut lease, &error)),
        }
    }

    async fn swap(&self, before: &Record, after: &Record, _: Timestamp) -> Answer<Swap> {
        let (old, new, id) = (Row::of(before), Row::of(after), after.id());
        let (id, mark) = (Value::Bytes(id.as_bytes()), Value::Bytes(before.mark()));
        let [head, body, principal, expires_at, sweep_from] = new.columns();
        // The row has the body of `before` if it has its mark.
        let (text, values) = if old.body == new.body && old.principal == new.principal {
            (&self.statements.swap_head, &[head, expires_at, sweep_from, id, mark][..])
        } else {
            (&self.statements.swap, &[head, body, principal, expires_at, sweep_from, id, mark][..])
        };
        if self.affected(self.writer().await?, text, values, need_of(Some(&old), &new)).await? == 1 {
            return Ok(Swap::Done);
        }
        // A statement of its own: within one, a SELECT would see the row as it was before another's
        // commit that the UPDATE has waited for.
        Ok(self.get(after.id()).await?.map_or(Swap::Missing, Swap::Changed))
    }

    async fn delete(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        let lease = self.writer().await?;
        let rows = self.affected(lease, &self.statements.delete, &[Value::Bytes(id.as_bytes())], Need::End).await?;
        Ok((rows == 1).then(Vec::new))
    }

    async fn of_principal(&self, principal: &str, from: Option<&[u8]>) -> Answer<Values> {
        let principal = hash_of(principal);
        // Every id is greater than no bytes at all.
        let values = [Value::Bytes(&principal), Value::Bytes(from.unwrap_or_default()), number(PAGE)];
        self.values(&self.statements.of_principal, &values, PAGE).await
    }

    async fn count_of_principal(&self, principal: &str) -> Answer<u64> {
        let lease = self.connections.lend().await?;
        self.number_in(lease, &self.statements.count_of_principal, &[Value::Bytes(&hash_of(principal))]).await
    }

    async fn delete_of_principal(&self, principal: &str, except: Option<SessionId>) -> Answer<Vec<SessionId>> {
        let except: &[u8] = except.as_ref().map_or(&[], |id| id.as_bytes());
        let values = [Value::Bytes(&hash_of(principal)), Value::Bytes(except)];
        self.removed(&self.statements.delete_of_principal, &values).await
    }

    async fn page(&self, from: Option<&[u8]>, limit: usize) -> Answer<Values> {
        let limit = limit.min(PAGE);
        let values = [Value::Bytes(from.unwrap_or_default()), number(limit)];
        self.values(&self.statements.page, &values, limit).await
    }

    async fn count(&self) -> Answer<u64> {
        self.number_in(self.checked(self.connections.lend().await?).await?, &self.statements.count, &[]).await
    }

    async fn delete_all(&self) -> Answer<u64> {
        self.affected(self.checked(self.writer().await?).await?, &self.statements.delete_all, &[], Need::End).await
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Answer<Vec<SessionId>> {
        let step = limit.min(D::sweep_limit(self.room.as_ref())).max(1);
        let now = number(now.as_millis());
        let mut swept = Vec::new();
        loop {
            let (newest_format, most) = (Value::Bytes(&[1]), step.min(limit - swept.len()));
            let round = async {
                let lease = self.checked(self.writer().await?).await?;
                let moved = self.affected(lease, &self.statements.moved, &[now, now, number(step)], Need::End).await?;
                let values = [now, now, newest_format, number(most)];
                Ok((moved, self.removed(&self.statements.expired, &values).await?))
            };
            let (moved, removed) = match round.await {
                // Another try would not report those that have been removed.
                Err(_) if !swept.is_empty() => return Ok(swept),
                answer => answer?,
            };
            let is_last = removed.len() < most && moved < step as u64;
            swept.extend(removed);
            if is_last || swept.len() >= limit {
                return Ok(swept);
            }
        }
    }
}

/// A record as it is stored.
///
/// The body, which is what may be large, is apart: a touch changes the head only.
struct Row<'a> {
    head: Vec<u8>,
    body: &'a [u8],
    principal: Option<[u8; 16]>,
    expires_at: Value<'static>,
}

impl<'a> Row<'a> {
    fn of(record: &'a Record) -> Self {
        let (fixed, rest) = record.as_bytes().split_at(Record::HEAD_LENGTH);
        let tail = record.tail();
        Self {
            head: [fixed, tail].concat(),
            body: &rest[..rest.len() - tail.len()],
            principal: record.principal().map(hash_of),
            expires_at: number(record.expires_at().as_millis()),
        }
    }

    /// Returns the columns after the id, in their order in the table.
    fn columns(&self) -> [Value<'_>; 5] {
        let principal = self.principal.as_ref().map_or(Value::Nothing, |hash| Value::Bytes(hash));
        [Value::Bytes(&self.head), Value::Bytes(self.body), principal, self.expires_at, self.expires_at]
    }
}

/// Returns what a write needs on a full disk. Sessions may shrink, and users may sign out.
const fn need_of(old: Option<&Row<'_>>, new: &Row<'_>) -> Need {
    match old {
        _ if new.principal.is_some() => Need::User,
        Some(old) if old.principal.is_some() || new.body.len() <= old.body.len() => Need::End,
        _ => Need::Guest,
    }
}

/// Puts a record together from its head and its body, whether or not they are whole.
fn value(row: &[Vec<u8>]) -> Vec<u8> {
    let [head, body] = row else { return Vec::new() };
    let (fixed, tail) = head.split_at(head.len().min(Record::HEAD_LENGTH));
    [fixed, body, tail].concat()
}

/// Returns the first 16 bytes of a principal's SHA-256.
///
/// The column holds no text, since PostgreSQL's can hold no zero byte and no index takes long keys.
/// Nothing compares the principal itself: two that share 128 bits of SHA-256 are not known, and to
/// find some by trying takes 2^64 hashes, all of them accepted as principals by the application. To
/// find one for a given principal takes 2^128.
fn hash_of(principal: &str) -> [u8; 16] {
    let hash = Sha256::digest(principal.as_bytes());
    std::array::from_fn(|at| hash[at])
}

/// Returns a number, or the largest one that a column holds.
fn number(number: impl TryInto<i64>) -> Value<'static> {
    Value::Number(number.try_into().unwrap_or(i64::MAX))
}

/// Shows the table and where it is.
impl<D: Database> fmt::Debug for Sql<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("place", &self.connections.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::time::Duration;

    use sqlx::Executor as _;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use tokio::runtime::Runtime;

    use super::*;
    use crate::sqlite::Sqlite;
    use crate::table::Table;

    /// Regression: it was tried again until its deadline, on connections that reads had made.
    #[test]
    fn a_write_refused_as_read_only_is_retried_once() {
        let table = Table::new(None, "sessions", '"').unwrap();
        let statements = Statements::new::<Sqlite>(&table, false);
        let schema = statements.schema.to_string();
        let pool = SqlitePoolOptions::new().after_connect(move |connection, _| {
            let statements = format!("{schema}; PRAGMA query_only = 1");
            Box::pin(async move { connection.execute(sqlx::raw_sql(&statements)).await.map(drop) })
        });
        let runtime = Runtime::new().unwrap();
        let _entered = runtime.enter();
        let pool = pool.connect_lazy_with(SqliteConnectOptions::new().in_memory(true));
        let patience = Duration::from_secs(20);
        let connections = Connections::new(pool, Origin::Direct, table, runtime.handle().clone(), patience);
        let engine = Sql::<Sqlite>::new(connections, statements, None);
        let id = SessionId::from_bytes([1; 16]);
        for cause in ["has become read-only", "connect to the primary"].repeat(2) {
            assert_eq!(runtime.block_on(engine.get(id)).unwrap(), None);
            let failure = format!("{:?}", runtime.block_on(engine.delete(id)).unwrap_err());
            assert!(failure.contains(cause), "{failure}");
        }
    }
}
