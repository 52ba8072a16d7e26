//! Commits of requests that were dropped.

// sessions-actix has the same file. The common part is a task on tokio, an error and a log line of
// this crate: core has no runtime, and `tracing` requires a constant target.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use sessions_core::adapter::{Commit, CommitError, SessionHeaders};
use tokio::runtime::Handle;

use crate::TARGET;
use crate::error::SessionError;

/// Drives the commit of a dropped request to completion.
///
/// If the store does not answer at once, a task on the current runtime waits for it.
#[cold]
pub(crate) fn complete(mut commit: Commit) {
    // Polled here first, because no runtime is needed if the store answers at once.
    match Pin::new(&mut commit).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => log(result),
        Poll::Pending => match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async { log(commit.await) })),
            Err(_) => tracing::warn!(
                target: TARGET,
                "cannot complete the commit of a dropped request: there is no tokio runtime to wait for the store"
            ),
        },
    }
}

/// Logs the failure of a commit whose client is gone.
fn log(result: Result<SessionHeaders, CommitError>) {
    if let Err(error) = result {
        SessionError::from(error).log();
    }
}
