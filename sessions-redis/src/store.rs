//! The store: each verb of the contract, built from the calls in the other modules.

use std::fmt;
use std::sync::Arc;

use redis::Value;
use sessions_core::record::{Changes, Record, Refusal};
use sessions_core::store::{Created, Cursor, Page, Store, StoreFuture};
use sessions_core::{SessionId, Timestamp};

use crate::call::Call;
use crate::commit;
use crate::error::{NAME, OpenError};
use crate::fields;
use crate::index::{self, Announced};
use crate::options::RedisBuilder;
use crate::scan;
use crate::shared::{Core, Failure};

/// A store in Redis, Valkey or a Redis Cluster.
///
/// Cheap to clone: the clones share their connections. The [crate's documentation](crate) describes
/// what is stored, and how.
#[derive(Clone)]
pub struct RedisStore {
    core: Arc<Core>,
}

impl RedisStore {
    /// Opens a store with default options.
    ///
    /// [`RedisBuilder::open`] lists the supported URLs.
    ///
    /// # Errors
    ///
    /// Fails as [`RedisBuilder::open`] does. An unreachable server is no error here.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder().open(url)
    }

    /// Returns a builder for a store with other options.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::new()
    }

    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Checks that a server replies, for a health check.
    ///
    /// # Errors
    ///
    /// The future fails if no server replies.
    pub fn ping(&self) -> StoreFuture<()> {
        self.core.begin(|core| async move {
            core.read(&Call::of_server(0, redis::cmd("PING"))).await?;
            Ok(())
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.core.keys.prefix())
            .field("link", &self.core.link)
            .finish_non_exhaustive()
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, id: SessionId, _: Timestamp) -> StoreFuture<Option<Record>> {
        let call = Call::command("HGETALL", &self.core.keys.session(id));
        self.core.begin(|core| async move { Ok(fields::read(id, &core.read(&call).await?)?) })
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        let call = commit::create(&self.core, record);
        let record = record.clone();
        self.core.begin(|core| async move {
            let time = core.time_to_write();
            match core.write(&call, &time).await {
                Ok(Value::Int(1)) => {}
                Ok(_) => return Ok(Created::Exists),
                Err(Failure { code: Some("OOM"), .. }) => return Ok(Created::Full),
                Err(failure) => return Err(failure.into()),
            }
            // Only now: an index entry without a session is removed, and nobody has the token yet.
            if let Some(principal) = record.principal()
                && let Err(failure) = index::announce_new(&core, &record, principal, &time).await
            {
                core.call_later(Call::command("UNLINK", &core.keys.session(record.id())));
                return Err(failure.into());
            }
            Ok(Created::STORED)
        })
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        let id = base.id();
        let call = commit::commit(&self.core, id, changes);
        let binding = index::is_binding(changes).then(|| changes.clone());
        let load = Call::command("HGETALL", &self.core.keys.session(id));
        let now = changes.now();
        self.core.begin(|core| async move {
            let time = core.time_to_write();
            let announced = match binding {
                Some(changes) => index::announce_commit(&core, id, &changes, &time).await?,
                None => Announced::Nothing,
            };
            let announced = match announced {
                Announced::Refused(refusal) => return Ok(Err(refusal)),
                Announced::Entry(entry) => Some(entry),
                Announced::Nothing => None,
            };
            let (committed, renewal) = commit::committed(&core.write(&call, &time).await?)?;
            if let Some(renewal) = renewal.filter(|renewal| announced.as_ref() != Some(renewal)) {
                index::renew(&core, id, &renewal, now);
            }
            if let Err(refusal) = committed {
                return Ok(Err(refusal));
            }
            let record = fields::read(id, &core.read(&load).await?)?;
            Ok(record.ok_or(Refusal::Gone))
        })
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.core.begin(|core| async move {
            let end = index::destroy(&core, id, None).await?;
            if let Some(principal) = end.principal {
                index::forget(&core, &principal, id);
            }
            Ok(end.was_there)
        })
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        self.core.begin(|core| async move { scan::destroy_all(&core).await })
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        let principal = principal.to_owned();
        self.core.begin(|core| async move { index::of_principal(&core, &principal, now).await })
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        let principal = principal.to_owned();
        self.core.begin(|core| async move { index::destroy_of_principal(&core, &principal, except).await })
    }

    fn count(&self) -> StoreFuture<u64> {
        self.core.begin(|core| async move { scan::count(&core).await })
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.core.begin(|core| async move { scan::page(&core, from, limit, now).await })
    }

    /// Does nothing: the server drops expired sessions by itself.
    fn sweep(&self, _limit: usize, _now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        StoreFuture::ready(Ok(Vec::new()))
    }
}
