//! Whose turn it is to go to the store.

use std::task::{Context, Waker};

/// Lets the commits of one exchange go to the store one after the other, so that each begins with
/// what the one before it left.
#[derive(Default)]
pub(crate) struct Turn {
    /// Holds those who wait while it is somebody's turn, and is `None` while it is nobody's.
    waiting: Option<Vec<Waker>>,
}

impl Turn {
    pub(crate) const fn is_taken(&self) -> bool {
        self.waiting.is_some()
    }

    pub(crate) fn take(&mut self) {
        self.waiting = Some(Vec::new());
    }

    /// Says whether it is nobody's turn, and otherwise has the task woken when it may be.
    pub(crate) fn has_come(&mut self, context: &Context<'_>) -> bool {
        let Some(waiting) = &mut self.waiting else { return true };
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        false
    }

    /// Ends the turn and returns those to be woken, which is to be done outside the lock.
    pub(crate) fn end(&mut self) -> Vec<Waker> {
        self.waiting.take().unwrap_or_default()
    }
}
