//! The future that a store returns.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::StoreError;

/// The result of a store call, either ready without an allocation or a boxed future.
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
    /// `None` once the result was taken.
    Ready(Option<Result<T, StoreError>>),
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

impl<T> StoreFuture<T> {
    /// Creates a future that is ready with `result`.
    pub const fn ready(result: Result<T, StoreError>) -> Self {
        Self(State::Ready(Some(result)))
    }

    /// Returns the result if it is ready.
    ///
    /// # Errors
    ///
    /// Returns the future itself if the result is not ready.
    pub fn try_ready(self) -> Result<Result<T, StoreError>, Self> {
        match self.0 {
            State::Ready(Some(result)) => Ok(result),
            later => Err(Self(later)),
        }
    }

    /// Boxes a future.
    pub fn new(future: impl Future<Output = Result<T, StoreError>> + Send + 'static) -> Self {
        Self(State::Later(Box::pin(future)))
    }
}

// No field is structurally pinned: the result is moved out, and the boxed future is already pinned.
impl<T> Unpin for StoreFuture<T> {}

impl<T> Future for StoreFuture<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(result) => Poll::Ready(result.take().expect("`StoreFuture` polled after completion")),
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
