//! The store around every engine.

use std::fmt;
use std::path::Path;
use std::sync::mpsc::{SendError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use sessions_store::{
    Changes, Created, Cursor, Page, Record, Refusal, SessionId, Store, StoreError, StoreErrorKind, StoreFuture,
    Timestamp,
};

use crate::batch::Batch;
use crate::bulk::{BulkDestroy, Ended, ResumePoint, Scope};
use crate::engine::{Engine, EngineErrorKind};
use crate::error::{CallError, NotOpen, OpenError};
use crate::operation::Call;
use crate::permits::{MAX_WAITING, Permit, Permits};
use crate::reads;
use crate::shared_reader::SharedReader;
use crate::tables::{EngineReader, Tables};
use crate::writer::{Request, Writer};

#[doc = include_str!("docs/store.md")]
pub struct DiskStore<E: Engine> {
    inner: Arc<Inner<E>>,
}

struct Inner<E: Engine> {
    shared: Arc<SharedReader<EngineReader<E>>>,
    requests: Sender<Request<E>>,
    permits: Permits,
    resume: ResumePoint,
    /// `None` once it has been joined.
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: thread::ThreadId,
}

impl<E: Engine> DiskStore<E> {
    /// Opens the store at `path` with default options, or creates it.
    ///
    /// Its parent folder must exist. This blocks on the disk, and after a crash until the engine
    /// has repaired its files.
    ///
    /// # Errors
    ///
    /// Fails if the files cannot be opened, and leaves them unchanged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::with_options(path.as_ref().into())
    }

    /// Opens the store with an engine's options.
    ///
    /// # Errors
    ///
    /// Fails if the files cannot be opened, and leaves them unchanged.
    pub fn with_options(options: E::Options) -> Result<Self, OpenError> {
        let tables = Tables::<E>::open(options)?;
        let shared = Arc::clone(tables.shared());
        let (sender, requests) = channel();
        let writer = Writer::new(tables, requests);
        let thread = thread::Builder::new()
            .name(format!("sessions-{}", E::NAME))
            .spawn(|| writer.run())
            .map_err(|error| OpenError::io(E::NAME, error))?;
        let thread_id = thread.thread().id();
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                requests: sender,
                permits: Permits::default(),
                resume: ResumePoint::default(),
                thread: Mutex::new(Some(thread)),
                thread_id,
            }),
        })
    }

    /// Closes the store, after everything accepted so far is durable and answered.
    ///
    /// This closes all handles, and their later calls fail. Dropping the last handle does the same.
    /// Both block on the disk, so under load neither belongs on a thread of an async runtime.
    ///
    /// # Errors
    ///
    /// Fails if the writer had died. Everything that it had acknowledged is kept.
    pub fn close(&self) -> Result<(), StoreError> {
        self.inner.close().map_err(|error| error.into_store_error(E::NAME))
    }

    /// Reads what has been acknowledged, on this thread.
    fn read<T>(&self, read: impl FnOnce(&EngineReader<E>) -> Result<T, CallError>) -> StoreFuture<T> {
        let Some(reader) = self.inner.shared.reader() else {
            return StoreFuture::ready(Err(self.inner.shared.not_open().into_store_error(E::NAME)));
        };
        let result = read(&reader);
        if let Err(CallError::Engine(error)) = &result {
            let must_reopen = error.kind() != EngineErrorKind::Damaged;
            if must_reopen && self.inner.shared.report_failure() {
                // It fails only where the writer has ended.
                let _ = self.inner.requests.send(Request::Wake);
            }
        }
        StoreFuture::ready(result.map_err(|fault| fault.into_store_error(E::NAME)))
    }

    /// Sends work to the writer, for its next transaction.
    pub(crate) fn write<T, F>(&self, work: F) -> StoreFuture<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_, EngineReader<E>>) -> Result<T, CallError> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        self.send(|permit| Request::Run(Box::new(Call::new(work, answer)), permit), receiver, |result| result)
    }

    /// Sends a bulk destroy to the writer.
    fn end<T: 'static>(&self, scope: Scope, conclude: fn(Ended) -> T) -> StoreFuture<T> {
        let (answer, receiver) = oneshot::channel();
        let request = |permit| {
            let is_background = scope.is_background();
            let operation = Box::new(BulkDestroy::new(scope, permit, answer));
            if is_background { Request::Sweep(operation) } else { Request::Bulk(operation) }
        };
        self.send(request, receiver, conclude)
    }

    /// Sends a request without blocking. If too many are waiting, the answer is
    /// [`Busy`](sessions_store::StoreErrorKind::Busy): a longer queue would only make every
    /// caller wait longer.
    fn send<A: Send + 'static, T: 'static>(
        &self,
        request: impl FnOnce(Permit) -> Request<E>,
        answer: oneshot::Receiver<Result<A, CallError>>,
        conclude: fn(A) -> T,
    ) -> StoreFuture<T> {
        let Some(permit) = self.inner.permits.try_acquire() else {
            let error = StoreError::new(E::NAME, StoreErrorKind::Busy);
            let cause = format!("{MAX_WAITING} operations already wait for the disk");
            return StoreFuture::ready(Err(error.caused_by(cause)));
        };
        match self.inner.requests.send(request(permit)) {
            Ok(()) => StoreFuture::new(async move {
                match answer.await {
                    Ok(result) => result.map(conclude).map_err(|fault| fault.into_store_error(E::NAME)),
                    Err(oneshot::Canceled) => Err(NotOpen::Closed.into_store_error(E::NAME)),
                }
            }),
            Err(SendError(_)) => StoreFuture::ready(Err(NotOpen::Closed.into_store_error(E::NAME))),
        }
    }
}

impl<E: Engine> Store for DiskStore<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn load(&self, id: SessionId, _: Timestamp) -> StoreFuture<Option<Record>> {
        self.read(move |reader| reads::load(reader, id))
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        let record = record.clone();
        self.write(move |batch| batch.create(&record))
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        let (id, changes) = (base.id(), changes.clone());
        self.write(move |batch| batch.commit(id, &changes))
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.write(move |batch| batch.destroy(id))
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        self.end(Scope::Everything, |ended| ended.count as u64)
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        self.read(|reader| reads::of_principal(reader, principal, now))
    }

    fn count_of_principal(&self, principal: &str, _: Timestamp) -> StoreFuture<u64> {
        self.read(|reader| reads::count_of_principal(reader, principal))
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        let principal = principal.into();
        self.end(Scope::OfPrincipal { principal, except }, |ended| ended.ids)
    }

    fn count(&self) -> StoreFuture<u64> {
        self.read(|reader| Ok(reads::usage(reader)?.sessions))
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.read(|reader| reads::scan(reader, from.as_ref(), limit, now))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        let resume = Arc::clone(&self.inner.resume);
        self.end(Scope::Expired { now, limit, resume }, |ended| ended.ids)
    }
}

impl<E: Engine> Inner<E> {
    fn close(&self) -> Result<(), NotOpen> {
        // A waker may drop the last handle on the writer's own thread, which cannot join itself.
        if thread::current().id() == self.thread_id {
            return Ok(());
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        // It fails only where the writer has ended.
        let _ = self.requests.send(Request::Close);
        thread.take().map_or(Ok(()), JoinHandle::join).map_err(|_| NotOpen::Closed)
    }
}

impl<E: Engine> Drop for Inner<E> {
    fn drop(&mut self) {
        // If the writer had died, every waiting caller already has an error.
        let _ = self.close();
    }
}

impl<E: Engine> Clone for DiskStore<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<E: Engine> fmt::Debug for DiskStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore").field("engine", &E::NAME).finish_non_exhaustive()
    }
}
