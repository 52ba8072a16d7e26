//! The runtime of the connections, whatever the caller runs on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;

/// A single-threaded tokio runtime for connections and deadlines.
///
/// The callers' futures are not spawned on it. They are polled where they are awaited, which may be
/// another tokio, a coroutine or a blocked thread. Only what must continue between polls runs here.
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
        // A plain drop would block, which is not allowed on another tokio runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

task_local! {
    /// The tokio runtime of the current call.
    static CALLER: Option<Handle>;
}

/// Returns the tokio runtime on which the current call was made, if any.
pub(crate) fn caller() -> Option<Handle> {
    CALLER.try_with(Clone::clone).ok().flatten()
}

pin_project! {
    /// A future that is polled within a tokio runtime, wherever that happens.
    ///
    /// The runtime is entered for each poll and left before it returns. It is never entered across
    /// a wait, when a coroutine may move to another thread.
    pub(crate) struct InRuntime<F> {
        #[pin]
        future: TaskLocalFuture<Option<Handle>, F>,
        // Declared last and kept: a timer panics if it is polled after its runtime has ended.
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
