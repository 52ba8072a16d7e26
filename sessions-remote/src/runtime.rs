//! A tokio runtime for deadlines and background work, whatever the caller runs on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;
use tokio::time::Instant;

use crate::open_error::{OpenError, OpenErrorKind};

/// A single-threaded tokio runtime for an engine's connections and a store's deadlines.
///
/// The callers' futures are not spawned on it. They are polled where they are awaited, which may be
/// another tokio, a coroutine or a blocked thread. Only what must continue between polls runs here.
/// Cloning is cheap; a runtime of its own ends with its last clone.
#[derive(Clone, Debug)]
pub struct Background(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    handle: Handle,
    /// The runtime, unless it is the application's.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the runtime on a thread named `name`.
    ///
    /// # Errors
    ///
    /// Fails if the thread cannot be started.
    pub fn start(name: &str) -> Result<Self, OpenError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
        let error = |error: io::Error| {
            OpenError::new(OpenErrorKind::Runtime, "its thread could not be started").caused_by(error)
        };
        let runtime = runtime.map_err(error)?;
        Ok(Self(Arc::new(Owned { handle: runtime.handle().clone(), runtime: Some(runtime) })))
    }

    /// Uses the caller's tokio runtime, for an engine whose connections are made on it.
    ///
    /// It must outlive the store. Returns `None` outside a runtime.
    #[must_use]
    pub fn current() -> Option<Self> {
        let handle = Handle::try_current().ok()?;
        Some(Self(Arc::new(Owned { handle, runtime: None })))
    }

    /// Returns the runtime's handle, on which an engine starts its own tasks.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Polls a future within the runtime, wherever it is awaited.
    pub(crate) fn enclose<F: Future>(self, future: F) -> Enclosed<F> {
        Enclosed { future: CALLER.scope(Handle::try_current().ok(), future), background: self }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // A plain drop would block, which is not allowed on another tokio runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

task_local! {
    /// The tokio runtime of the current call.
    static CALLER: Option<Handle>;
    /// When the current try is given up.
    pub(crate) static TRY_ENDS: Instant;
}

/// Returns the tokio runtime on which the current call of a store was made, if any.
///
/// [`Handle::current`] is the store's own in a call. An engine that has a connection for each
/// runtime chooses it by this one. What a store does in the background has no caller.
#[must_use]
pub fn caller() -> Option<Handle> {
    CALLER.try_with(Clone::clone).ok().flatten()
}

/// Returns when the current try of a call is given up, if there is one.
///
/// What is given up may have been done. An engine that has sent nothing, since it still waits for a
/// connection, ends with [`Failure::unreached`](crate::Failure::unreached) a moment earlier, so
/// that this is known.
#[must_use]
pub fn try_ends() -> Option<Instant> {
    TRY_ENDS.try_with(|end| *end).ok()
}

pin_project! {
    /// A future that is polled within a runtime, wherever that happens.
    ///
    /// The runtime is entered for each poll and left before it returns. It is never entered across
    /// a wait, when a coroutine may move to another thread.
    pub(crate) struct Enclosed<F> {
        #[pin]
        future: TaskLocalFuture<Option<Handle>, F>,
        // Declared last and kept: a timer panics if it is polled after its runtime has ended.
        background: Background,
    }
}

impl<F: Future> Future for Enclosed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.background.handle().enter();
        this.future.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_knows_the_runtime_of_its_caller() {
        let background = Background::start("test").unwrap();
        let ask = || background.clone().enclose(async { (caller().map(|caller| caller.id()), Handle::current().id()) });
        let own = background.handle().id();
        assert_eq!(pollster::block_on(ask()), (None, own));
        let other = Runtime::new().unwrap();
        assert_eq!(other.block_on(async { ask().await }), (Some(other.handle().id()), own));
        assert!(caller().is_none());
    }
}
