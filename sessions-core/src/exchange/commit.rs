//! How a request ends: the store operations, and the headers of the response.

mod create;
mod destroy;
mod driver;
mod error;
mod limit;
mod sign_in;
mod update;

pub use error::CommitError;

pub(super) use driver::Question;
pub(crate) use driver::{save, save_increment, take_turn};

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use driver::{Driver, Occasion, Step};

use crate::exchange::response::SessionHeaders;
use crate::exchange::shared::Shared;

/// The commit of one request: the future that [`Exchange::end`](crate::exchange::Exchange::end)
/// returns.
#[must_use = "nothing is saved unless this is awaited"]
pub struct Commit(Progress);

enum Progress {
    /// `None` once the result was returned.
    Done(Option<CommitResult>),
    /// Boxed to keep a commit small when the store answers at once.
    Waiting(Pin<Box<dyn Future<Output = CommitResult> + Send>>),
}

type CommitResult = Result<SessionHeaders, CommitError>;

impl Commit {
    pub(super) const fn done(headers: SessionHeaders) -> Self {
        Self(Progress::Done(Some(Ok(headers))))
    }

    /// Commits before the response headers are sent. `drops_writes` drops the request's
    /// writes, except a destroy and a renewal.
    pub(super) fn begin(shared: Arc<Shared>, drops_writes: bool) -> Self {
        let mut driver = Driver::new(shared, Occasion::Headers { drops_writes });
        Self(match driver.begin() {
            Some(Ok(Step::Done(headers))) => Progress::Done(Some(Ok(headers))),
            Some(Ok(Step::Ask(question))) => Progress::Waiting(Box::pin(async move {
                let result = driver.settle(question).await;
                driver.finish(result)
            })),
            Some(Err(error)) => Progress::Done(Some(driver.finish(Err(error)))),
            None => Progress::Waiting(Box::pin(async move {
                let result = driver.run().await;
                driver.finish(result)
            })),
        })
    }

    /// Returns the result if it is ready, or else the commit to await.
    ///
    /// # Errors
    ///
    /// Returns the commit itself if the store has not answered yet.
    pub fn try_ready(self) -> Result<CommitResult, Self> {
        match self.0 {
            Progress::Done(Some(result)) => Ok(result),
            waiting => Err(Self(waiting)),
        }
    }
}

impl Future for Commit {
    type Output = CommitResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Progress::Done(result) => Poll::Ready(result.take().expect("a future is not polled after it was ready")),
            Progress::Waiting(commit) => commit.as_mut().poll(context),
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Progress::Done(_) => "Commit(ready)",
            Progress::Waiting(_) => "Commit(waiting)",
        })
    }
}
