//! The commits of one request, one at a time, and what a dropped save left.

use std::task::{Context, Poll, Waker};

use super::State;
use crate::cookie::SetCookie;
use crate::exchange::commit::Question;

/// State of a request that saves before its end or shares its session with another task.
#[derive(Default)]
pub(super) struct Saves {
    /// Tasks waiting for the running commit; `None` if no commit is running.
    turn: Option<Vec<Waker>>,
    /// The cookie for the response headers.
    cookie: Option<SetCookie>,
    dropped: Option<Dropped>,
}

/// A save that was dropped before the store answered.
pub(crate) struct Dropped {
    /// The unanswered store operation.
    pub(crate) question: Box<Question>,
    /// The number of `destroy` calls before the save.
    pub(crate) destroys: u32,
}

impl State {
    /// Returns whether a commit is running, or was dropped before it finished.
    pub(crate) fn is_busy(&self) -> bool {
        self.saves.as_ref().is_some_and(|saves| saves.turn.is_some() || saves.dropped.is_some())
    }

    pub(crate) fn begin_turn(&mut self) {
        self.saves.get_or_insert_default().turn = Some(Vec::new());
    }

    /// Starts a turn once no other commit is running. Returns a dropped save.
    pub(crate) fn poll_turn(&mut self, context: &Context<'_>) -> Poll<Option<Dropped>> {
        if let Some(waiting) = self.saves.as_mut().and_then(|saves| saves.turn.as_mut()) {
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            return Poll::Pending;
        }
        self.begin_turn();
        Poll::Ready(self.take_dropped())
    }

    /// Ends the turn and returns the tasks to wake outside the lock.
    pub(crate) fn end_turn(&mut self) -> Vec<Waker> {
        self.saves.as_mut().and_then(|saves| saves.turn.take()).unwrap_or_default()
    }

    pub(crate) fn keep_dropped(&mut self, save: Dropped) {
        self.saves.get_or_insert_default().dropped = Some(save);
    }

    pub(super) fn has_dropped(&self) -> bool {
        self.saves.as_ref().is_some_and(|saves| saves.dropped.is_some())
    }

    pub(super) fn take_dropped(&mut self) -> Option<Dropped> {
        self.saves.as_mut()?.dropped.take()
    }

    /// Keeps the cookie of a save for the response headers.
    pub(crate) fn keep_cookie(&mut self, cookie: SetCookie) {
        self.saves.get_or_insert_default().cookie = Some(cookie);
    }

    pub(crate) fn take_cookie(&mut self) -> Option<SetCookie> {
        self.saves.as_mut()?.cookie.take()
    }
}
