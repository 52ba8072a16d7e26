//! What happens to sessions, for those who listen.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::error::StoreErrorKind;
use crate::id::SessionId;

/// Is something that happened to a session. It names the session by its public id and holds no token and no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was stored for the first time.
    Created {
        /// Names the session.
        id: SessionId,
    },
    /// A session has a new secret; tokens issued before are dead.
    Renewed {
        /// Names the session.
        id: SessionId,
    },
    /// A session has ended.
    Destroyed {
        /// Names the session.
        id: SessionId,
        /// Says why.
        reason: DestroyReason,
    },
    /// All sessions have ended.
    DestroyedAll {
        /// Is how many there were.
        count: u64,
    },
    /// A request's cookie opened no session; the request went on without one.
    Rejected {
        /// Names the session that the cookie named, if it named any.
        id: Option<SessionId>,
        /// Says why.
        reason: RejectReason,
    },
    /// A request's writes were refused, since its session had ended or was renewed meanwhile.
    Interrupted {
        /// Names the session.
        id: SessionId,
    },
    /// Something was written after the response's head was gone, and never saved.
    Unsaved {
        /// Names the session.
        id: Option<SessionId>,
    },
    /// The store failed.
    StoreFailed {
        /// Is the call that failed.
        call: StoreCall,
        /// Is how it failed.
        kind: StoreErrorKind,
    },
}

/// Says why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DestroyReason {
    /// The request that held it destroyed it.
    Logout,
    /// It passed its idle or absolute limit, and was swept.
    Expired,
    /// It had to make room in the store: it was anonymous, or had expired and was not swept yet.
    Evicted,
    /// It was destroyed by its id, or with others of its principal.
    Administration,
}

/// Says why a cookie opened no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// It is no token.
    Malformed,
    /// No live session has its id: it ended, or never was.
    Unknown,
    /// The session is there, and its secret is another one: the token is older than a renewal, or guessed.
    WrongSecret,
    /// The request carried two tokens of two live sessions. One of them may have been planted, so neither is used.
    Ambiguous,
    /// The record is damaged, or newer than this build knows.
    Unreadable,
}

/// Names a call of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// [`Store::load`](crate::Store::load).
    Load,
    /// [`Store::create`](crate::Store::create).
    Create,
    /// [`Store::commit`](crate::Store::commit).
    Commit,
    /// [`Store::commit`](crate::Store::commit) of nothing but the time. The request goes on.
    Touch,
    /// [`Store::take`](crate::Store::take).
    Take,
    /// [`Store::destroy`](crate::Store::destroy).
    Destroy,
    /// [`Store::sweep`](crate::Store::sweep).
    Sweep,
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Holds the listeners. They are called outside every lock, after the store has done its part, and a panic in one is caught.
#[derive(Default)]
pub(crate) struct Listeners(RwLock<Arc<Vec<Listener>>>);

impl Listeners {
    pub(crate) fn add(&self, listener: Listener) {
        let mut list = self.0.write();
        Arc::make_mut(&mut list).push(listener);
    }

    pub(crate) fn raise(&self, event: Event) {
        log(&event);
        let list = {
            let list = self.0.read();
            if list.is_empty() {
                return;
            }
            Arc::clone(&list)
        };
        for listener in list.iter() {
            if catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err() {
                tracing::error!(?event, "a listener panicked");
            }
        }
    }
}

fn log(event: &Event) {
    match event {
        Event::StoreFailed { .. } | Event::Rejected { reason: RejectReason::Unreadable, .. } => {
            tracing::error!(?event, "session");
        }
        Event::Rejected { reason: RejectReason::Ambiguous, .. } | Event::Unsaved { .. } => {
            tracing::warn!(?event, "session");
        }
        _ => tracing::debug!(?event, "session"),
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listeners({})", self.0.read().len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const EVENT: Event = Event::DestroyedAll { count: 1 };

    #[test]
    fn a_listener_that_panics_or_adds_another_harms_nobody() {
        let listeners = Arc::new(Listeners::default());
        let heard = Arc::new(AtomicUsize::new(0));
        listeners.add(Arc::new(|_| panic!("a listener's panic")));
        let (inner, count) = (Arc::clone(&listeners), Arc::clone(&heard));
        listeners.add(Arc::new(move |_| {
            inner.add(Arc::new(|_| {}));
            count.fetch_add(1, Ordering::Relaxed);
        }));
        listeners.raise(EVENT);
        listeners.raise(EVENT);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }
}
