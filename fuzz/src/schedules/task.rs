//! Futures that a schedule polls by hand.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use sessions_core::adapter::{CommitError, SessionHeaders};
use sessions_core::{Error, Session};

use super::request::Account;

/// A future of a request.
pub(super) struct Task {
    future: Pin<Box<dyn Future<Output = Done>>>,
    is_woken: Arc<Flag>,
    /// What the request had written when the task began.
    pub(super) before: Account,
    /// The number of effects when the task began.
    pub(super) since: u64,
}

/// How a task ended.
pub(super) enum Done {
    Loaded(Result<Session, Error>),
    Saved(Result<(), Error>),
    Updated(&'static str, Result<(), Error>),
    Taken(&'static str, Result<Option<String>, Error>),
    Reloaded(Result<(), Error>),
    Ended(Box<Result<SessionHeaders, CommitError>>),
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Task {
    pub(super) fn new(future: impl Future<Output = Done> + 'static, before: Account, since: u64) -> Self {
        Self { future: Box::pin(future), is_woken: Arc::new(Flag(AtomicBool::new(true))), before, since }
    }

    /// Returns whether a runtime would poll the future.
    pub(super) fn is_woken(&self) -> bool {
        self.is_woken.0.load(Ordering::Relaxed)
    }

    pub(super) fn poll(&mut self) -> Option<Done> {
        self.is_woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.is_woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }
}
