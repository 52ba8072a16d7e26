//! Futures that are often ready at once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is either ready, without an allocation, or boxed.
///
/// [`StoreFuture`](crate::StoreFuture) is of this type.
#[must_use = "futures do nothing unless polled"]
pub struct MaybeReady<T>(State<T>);

enum State<T> {
    /// `None` once the output was taken.
    Ready(Option<T>),
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> MaybeReady<T> {
    /// Creates a future that is ready.
    pub const fn ready(output: T) -> Self {
        Self(State::Ready(Some(output)))
    }

    /// Boxes a future.
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(State::Later(Box::pin(future)))
    }

    /// Returns the output if it is ready.
    ///
    /// # Errors
    ///
    /// Returns the future itself, to be awaited, if the output is not ready.
    pub fn try_ready(self) -> Result<T, Self> {
        match self.0 {
            State::Ready(Some(output)) => Ok(output),
            later => Err(Self(later)),
        }
    }
}

// No field is structurally pinned: the output is moved out, and the boxed future is already pinned.
impl<T> Unpin for MaybeReady<T> {}

impl<T> Future for MaybeReady<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            State::Ready(output) => Poll::Ready(output.take().expect("a future is not polled after it was ready")),
            State::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for MaybeReady<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "MaybeReady(ready)",
            State::Later(_) => "MaybeReady(later)",
        })
    }
}
