//! The answer of a store, at once or later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::StoreError;

/// Is a store's answer: at once, without an allocation, or later.
///
/// ```
/// use sessions_core::StoreFuture;
///
/// let now = StoreFuture::ready(Ok(1));
/// let later = StoreFuture::new(async { Ok(2) });
/// assert_eq!(pollster::block_on(now)? + pollster::block_on(later)?, 3);
/// # Ok::<(), sessions_core::StoreError>(())
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct StoreFuture<T>(State<T>);

enum State<T> {
    /// `None` once the answer was taken.
    Ready(Option<Result<T, StoreError>>),
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

impl<T> StoreFuture<T> {
    /// Makes an answer that is already there.
    pub const fn ready(answer: Result<T, StoreError>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    /// Returns the answer if it is there already, and otherwise the future to wait for.
    ///
    /// # Errors
    ///
    /// Returns the future itself if the answer is not there yet.
    pub fn try_ready(self) -> Result<Result<T, StoreError>, Self> {
        match self.0 {
            State::Ready(Some(answer)) => Ok(answer),
            later => Err(Self(later)),
        }
    }

    /// Makes an answer that a future gives later.
    pub fn new(answer: impl Future<Output = Result<T, StoreError>> + Send + 'static) -> Self {
        Self(State::Later(Box::pin(answer)))
    }
}

// Nothing in it is pinned in place: an answer is moved out, a boxed future is pinned where it lies.
impl<T> Unpin for StoreFuture<T> {}

impl<T> Future for StoreFuture<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(answer) => Poll::Ready(answer.take().expect("a future is not polled after it was ready")),
            State::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for StoreFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "StoreFuture(ready)",
            State::Later(_) => "StoreFuture(later)",
        })
    }
}
