//! The store around every engine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sessions_store::{Changes, Created, Cursor, Page, Record, Refusal, SessionId, Store, StoreFuture, Timestamp};

use crate::engine::{Answer, Engine, Values};
use crate::open_error::OpenError;
use crate::options::Options;
use crate::runtime::Background;
use crate::shared::{NOBODY, Shared, nonce};
use crate::tries::{Deadline, Fault};
use crate::writers::sign;

/// Number of ids that a new session may try. Each has its share of the deadline.
const IDS: u32 = 4;

/// Deadline of a call that goes through many sessions.
const BULK_DEADLINE: Duration = Duration::from_secs(60);
/// How many deadlines of a write such a call waits for one page, whose connection may be silent, or
/// for a database that cannot be reached.
const PATIENCE: u32 = 5;

/// A session store in a database behind a network.
///
/// Cheap to clone: the clones share their engine. The [crate's documentation](crate) describes what
/// the store does, and what it leaves to its [`Engine`].
pub struct RemoteStore<E: Engine> {
    shared: Arc<Shared<E>>,
}

/// An engine whose stores can be opened by a URL.
pub trait OpenByUrl: Engine + Sized {
    /// Options to open a store with.
    type Builder: Default;

    /// Opens a store with default options.
    ///
    /// # Errors
    ///
    /// Fails if the URL or its options are invalid.
    fn open(url: &str) -> Result<RemoteStore<Self>, OpenError>;
}

impl<E: OpenByUrl> RemoteStore<E> {
    /// Opens the store of a URL with default options.
    ///
    /// An unreachable server is no error here: it is treated like one that goes down later.
    ///
    /// # Errors
    ///
    /// Fails if the URL or its options are invalid.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        E::open(url)
    }

    /// Returns a builder of a store with other options.
    #[must_use]
    pub fn builder() -> E::Builder {
        E::Builder::default()
    }
}

impl<E: Engine> RemoteStore<E> {
    /// Creates a store around an engine, with a runtime of its own.
    ///
    /// # Errors
    ///
    /// Fails if the runtime's thread cannot be started.
    pub fn new(engine: E, options: Options) -> Result<Self, OpenError> {
        let background = Background::start(&format!("sessions-{}", E::NAME))?;
        Ok(Self::with_background(engine, options, background))
    }

    /// Creates a store around an engine whose connections live on `background`.
    #[must_use]
    pub fn with_background(engine: E, options: Options, background: Background) -> Self {
        Self { shared: Arc::new(Shared::new(engine, options, background)) }
    }

    /// Returns the engine.
    #[must_use]
    pub fn engine(&self) -> &E {
        &self.shared.engine
    }

    /// Checks that the database answers, for a health check.
    ///
    /// # Errors
    ///
    /// The future fails if it does not.
    pub fn ping(&self) -> StoreFuture<()> {
        self.shared.start(|shared| async move {
            let deadline = shared.load_deadline();
            shared.outage.repeat(deadline, || shared.engine.get(NOBODY)).await.answer.map(drop)
        })
    }

    /// Makes a call that only stores with this engine have, and tries again until `deadline` has
    /// passed.
    ///
    /// A database that could not be reached before has the whole deadline too.
    pub fn call<T, F>(&self, deadline: Duration, call: impl Fn(Self) -> F + Send + Sync + 'static) -> StoreFuture<T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        let store = self.clone();
        self.shared.start(move |shared| async move {
            shared.outage.repeat(Deadline::after(deadline), || call(store.clone())).await.answer
        })
    }
}

impl<E: Engine> Shared<E> {
    async fn create(self: Arc<Self>, record: Record) -> Result<Created, Fault> {
        let is_sharded = self.engine.is_sharded();
        let mut deadline = self.commit_deadline();
        let record = sign(&record, None, self.writer, nonce()?);
        if E::LISTS_PRINCIPALS && record.principal().is_some() {
            // Has the whole deadline: another id would not move the principal's list.
            match self.outage.repeat(deadline, || self.engine.list(&record)).await.answer {
                Err(fault) if fault.is_full => return Ok(Created::Full),
                listed => listed?,
            }
        }
        if is_sharded {
            deadline = Deadline::after(self.commit_deadline().span / IDS);
        }
        let outcome = self.outage.repeat(deadline, || self.engine.insert(&record)).await;
        let is_in_doubt = outcome.is_in_doubt;
        if is_in_doubt {
            // Nobody knows the token, so what was stored can go. If a second try succeeded, the
            // first one might still arrive after a logout.
            self.delete_later(&record);
        }
        match outcome.settle() {
            Ok(_) if is_in_doubt => Ok(Created::Unanswered),
            Ok(true) => Ok(Created::STORED),
            Ok(false) => Ok(Created::Exists),
            Err(fault) if fault.is_full => Ok(Created::Full),
            // Another id may lead to another server.
            Err(fault) if is_sharded && (is_in_doubt || fault.may_pass) => Ok(Created::Unanswered),
            Err(fault) => Err(fault),
        }
    }

    fn delete_later(self: &Arc<Self>, record: &Record) {
        let id = record.id();
        self.later(move |shared| async move { shared.engine.delete(id).await });
        if let Some(principal) = record.principal() {
            self.unlist_later(principal.to_owned(), id);
        }
    }

    pub(crate) fn unlist_later(self: &Arc<Self>, principal: String, id: SessionId) {
        if !E::LISTS_PRINCIPALS {
            return;
        }
        self.later(move |shared| {
            let principal = principal.clone();
            async move { shared.engine.unlist(&principal, id).await }
        });
    }

    async fn destroy(self: Arc<Self>, id: SessionId) -> Result<bool, Fault> {
        let outcome = self.outage.repeat(self.commit_deadline(), || self.engine.delete(id)).await;
        let is_in_doubt = outcome.is_in_doubt;
        let deleted = outcome.settle()?;
        let principal = deleted.as_ref().and_then(|bytes| principal(bytes));
        if let Some(principal) = principal {
            self.unlist_later(principal, id);
        }
        // If an earlier try got no answer, that one may have removed it.
        Ok(deleted.is_some() || is_in_doubt)
    }

    /// Makes a call that goes through many sessions. One that is tried again may report fewer than
    /// it ended.
    async fn in_bulk<T, F>(&self, call: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Answer<T>>,
    {
        self.outage.repeat(self.bulk_deadline(), call).await.settle()
    }

    fn bulk_deadline(&self) -> Deadline {
        Deadline { patience: self.patience(), ..self.outage.start(BULK_DEADLINE) }
    }

    fn page_deadline(&self) -> Deadline {
        Deadline { longest_try: self.patience(), ..self.bulk_deadline() }
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.options.commit_deadline.saturating_mul(PATIENCE)
    }

    async fn of_principal(self: Arc<Self>, principal: String, now: Timestamp) -> Result<Vec<Record>, Fault> {
        let (mut records, mut from) = (Vec::new(), None);
        let deadline = self.page_deadline();
        loop {
            let read = || self.engine.of_principal(&principal, from.as_deref());
            let page = self.outage.repeat(deadline, read).await.answer?;
            records.extend(live(page.values, now).filter(|record| record.principal() == Some(&*principal)));
            from = page.next;
            if from.is_none() {
                // A database that pages through a changing list may show a session twice.
                records.sort_unstable_by_key(Record::id);
                records.dedup_by_key(|record| record.id());
                return Ok(records);
            }
        }
    }

    async fn list_page(self: Arc<Self>, from: Option<Cursor>, limit: usize, now: Timestamp) -> Result<Page, Fault> {
        let from = from.as_ref().map(Cursor::as_bytes);
        let read = || self.engine.page(from, limit.max(1));
        let Values { values, next } = self.outage.repeat(self.page_deadline(), read).await.answer?;
        Ok(Page::new(live(values, now).collect(), next.map(Cursor::from_bytes)))
    }
}

impl<E: Engine> Store for RemoteStore<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn load(&self, id: SessionId, _: Timestamp) -> StoreFuture<Option<Record>> {
        self.shared.start(move |shared| async move { shared.find(id, shared.load_deadline()).await })
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        let record = record.clone();
        self.shared.start(|shared| shared.create(record))
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        let (base, changes) = (base.clone(), changes.clone());
        self.shared.start(|shared| shared.commit_in_turn(base, changes))
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.shared.start(move |shared| shared.destroy(id))
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        self.shared.start(|shared| async move { shared.in_bulk(|| shared.engine.delete_all()).await })
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        let principal = principal.to_owned();
        self.shared.start(move |shared| shared.of_principal(principal, now))
    }

    fn count_of_principal(&self, principal: &str, _: Timestamp) -> StoreFuture<u64> {
        let principal = principal.to_owned();
        self.shared.start(|shared| async move {
            // A login waits for it.
            let deadline = shared.commit_deadline();
            shared.outage.repeat(deadline, || shared.engine.count_of_principal(&principal)).await.answer
        })
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        let principal = principal.to_owned();
        self.shared.start(move |shared| async move {
            shared.in_bulk(|| shared.engine.delete_of_principal(&principal, except)).await
        })
    }

    fn count(&self) -> StoreFuture<u64> {
        self.shared.start(|shared| async move { shared.in_bulk(|| shared.engine.count()).await })
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.shared.start(move |shared| shared.list_page(from, limit, now))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        if E::EXPIRES_VALUES {
            return StoreFuture::ready(Ok(Vec::new()));
        }
        self.shared.start(move |shared| async move { shared.in_bulk(|| shared.engine.sweep(limit, now)).await })
    }
}

/// Returns the records of values that are readable and live.
fn live(values: Vec<Vec<u8>>, now: Timestamp) -> impl Iterator<Item = Record> {
    values.into_iter().filter_map(|value| Record::decode(value).ok()).filter(move |record| record.is_live(now))
}

fn principal(value: &[u8]) -> Option<String> {
    Record::decode(value).ok()?.principal().map(str::to_owned)
}

impl<E: Engine> Clone for RemoteStore<E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<E: Engine> fmt::Debug for RemoteStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
