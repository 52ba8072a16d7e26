//! What all clones of a store and its background work share.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use dashmap::DashMap;
use sessions_store::{Record, SessionId, StoreErrorKind, StoreFuture};
use tokio::sync::{OwnedMutexGuard, Semaphore};

use crate::engine::{Answer, Engine, Failure};
use crate::options::Options;
use crate::queue::Job;
use crate::runtime::Background;
use crate::tries::{Deadline, Fault, Outage};

/// The id of no session, to see whether the database answers.
pub(crate) const NOBODY: SessionId = SessionId::from_bytes([0; 16]);

/// The state of an opened store.
pub(crate) struct Shared<E> {
    pub(crate) engine: E,
    pub(crate) options: Options,
    /// The number under which this store signs what it writes.
    pub(crate) writer: u32,
    pub(crate) outage: Outage,
    /// The commits that wait for another one of their session. A session with a commit under way
    /// has an entry.
    pub(crate) queues: DashMap<SessionId, Vec<Job>>,
    in_flight: Arc<Semaphore>,
    /// Declared last: the engine's connections may live on it.
    pub(crate) background: Background,
}

impl<E: Engine> Shared<E> {
    pub(crate) fn new(engine: E, options: Options, background: Background) -> Self {
        let outage = Outage::of(engine.database());
        Self {
            engine,
            options,
            // Without random bytes no session is created either, and every commit fails.
            writer: getrandom::u32().unwrap_or(0).max(1),
            outage,
            queues: DashMap::new(),
            in_flight: Arc::new(Semaphore::new(options.max_in_flight.min(Semaphore::MAX_PERMITS))),
            background,
        }
    }

    /// Starts a call, unless too many are in flight.
    pub(crate) fn start<T, F>(self: &Arc<Self>, call: impl FnOnce(Arc<Self>) -> F) -> StoreFuture<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            let cause: Box<dyn StdError + Send + Sync> = "as many calls are in flight as `max_in_flight` allows".into();
            return StoreFuture::ready(Err(Fault::new(StoreErrorKind::Busy, cause).into_error(E::NAME)));
        };
        if let Some(turn) = self.outage.begin_probe() {
            self.probe(turn);
        }
        let call = call(Arc::clone(self));
        StoreFuture::new(self.background.clone().enclose(async move {
            let _permit = permit;
            call.await.map_err(|fault| fault.into_error(E::NAME))
        }))
    }

    /// Probes the database in the background, for a whole deadline. If it answers, the outage is
    /// over.
    #[cold]
    fn probe(self: &Arc<Self>, turn: OwnedMutexGuard<()>) {
        let shared = Arc::clone(self);
        // A random id, since of several servers the same one might be gone for long.
        let mut id = *NOBODY.as_bytes();
        let _ = getrandom::fill(&mut id);
        self.background.handle().spawn(async move {
            let _turn = turn;
            let get = || shared.engine.get(SessionId::from_bytes(id));
            let _ = shared.outage.repeat(Deadline::after(shared.options.load_deadline), get).await;
        });
    }

    pub(crate) fn load_deadline(&self) -> Deadline {
        self.outage.start(self.options.load_deadline)
    }

    pub(crate) fn commit_deadline(&self) -> Deadline {
        self.outage.start(self.options.commit_deadline)
    }

    /// Reads a record.
    pub(crate) async fn find(&self, id: SessionId, deadline: Deadline) -> Result<Option<Record>, Fault> {
        let bytes = self.outage.repeat(deadline, || self.engine.get(id)).await.answer?;
        bytes.map(|bytes| decode(id, bytes)).transpose()
    }

    /// Makes calls that nobody waits for, with as much patience as those that go through many
    /// sessions. They are best effort: nothing depends on them.
    pub(crate) fn later<T, F>(self: &Arc<Self>, call: impl Fn(Arc<Self>) -> F + Send + Sync + 'static)
    where
        T: Send,
        F: Future<Output = Answer<T>> + Send,
    {
        let shared = Arc::clone(self);
        self.background.handle().spawn(async move {
            let deadline = Deadline::after(shared.patience());
            let _ = shared.outage.repeat(deadline, || call(Arc::clone(&shared))).await;
        });
    }
}

/// Decodes the value of a session. One that belongs to another session is damaged.
pub(crate) fn decode(id: SessionId, value: Vec<u8>) -> Result<Record, Fault> {
    match Record::decode(value) {
        Ok(record) if record.id() == id => Ok(record),
        Ok(_) => Err(Fault::of(StoreErrorKind::Unreadable)),
        Err(error) => Err(Fault::of(error.store_error_kind())),
    }
}

/// Returns a number that no other write to a session has.
pub(crate) fn nonce() -> Result<u32, Fault> {
    let no_bytes = |_| Failure::refused("the system returned no random bytes").into();
    getrandom::u32().map(|nonce| nonce.max(1)).map_err(no_bytes)
}

/// Shows the engine.
impl<E: Engine> fmt::Debug for Shared<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}
