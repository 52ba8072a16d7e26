//! The runtime that the connections live on, whatever the caller runs on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;

/// Is a tokio runtime of one thread, for the connections and the deadlines.
///
/// The callers' futures are not spawned on it: they are polled where they are awaited, be it a
/// tokio of the caller's, a coroutine or a blocked thread. Only what must go on between polls lives
/// here.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("sessions-redis").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn handle(&self) -> &Handle {
        let runtime = self.0.as_ref().expect("the runtime is taken only when it is dropped");
        runtime.handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A plain drop would wait, which a caller on another tokio runtime may not.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

task_local! {
    /// Is the tokio runtime that a call was made on.
    static CALLER: Option<Handle>;
}

/// Returns the tokio runtime that the call which is being polled was made on, if there was one.
pub(crate) fn caller() -> Option<Handle> {
    CALLER.try_with(Clone::clone).ok().flatten()
}

pin_project! {
    /// Is a future that finds a tokio runtime around itself, wherever it is polled.
    ///
    /// The runtime is entered for each poll and left before it returns: never across a wait, during
    /// which a coroutine may move to another thread.
    pub(crate) struct InRuntime<F> {
        #[pin]
        future: TaskLocalFuture<Option<Handle>, F>,
        // Comes last, and is kept: a timer that is polled after its runtime has ended panics.
        background: Arc<Background>,
    }
}

impl<F: Future> InRuntime<F> {
    pub(crate) fn new(background: Arc<Background>, future: F) -> Self {
        Self { future: CALLER.scope(Handle::try_current().ok(), future), background }
    }
}

impl<F: Future> Future for InRuntime<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.background.handle().enter();
        this.future.poll(context)
    }
}
