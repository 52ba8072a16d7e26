//! What happens to sessions, for those who listen.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::RwLock;
use tracing::field::display;

use crate::error::StoreErrorKind;
use crate::id::SessionId;

/// Is something that happened to a session. It names the session by its public id and holds no
/// token and no data.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// An entry or flash could not be read as the type that was asked for, as after a deploy that
    /// changed the type.
    Undecodable {
        /// Names the session, once it is stored.
        id: Option<SessionId>,
        /// Names the entry or flash.
        key: Arc<str>,
        /// The type that was asked for.
        expected: &'static str,
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
    /// The session is there, and its secret is another one: the token is older than a renewal, or
    /// guessed.
    WrongSecret,
    /// The request carried two tokens of two live sessions. One of them may have been planted, so
    /// neither is used.
    Ambiguous,
    /// The record is damaged.
    Unreadable,
    /// The record was written by a newer build. It is left as it is, and the session lives on
    /// there.
    NewerFormat,
    /// The session is past its idle or absolute limit.
    Expired,
    /// The request carried more tokens than are looked up, so none was.
    TooMany,
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

/// Holds the listeners. They are called outside every lock, after the store has done its part, and
/// a panic in one is caught.
#[derive(Default)]
pub(crate) struct Listeners(RwLock<Arc<Vec<Listener>>>);

impl Listeners {
    pub(crate) fn add(&self, listener: Listener) {
        let mut list = self.0.write();
        Arc::make_mut(&mut list).push(listener);
    }

    pub(crate) fn raise(&self, event: &Event) {
        log(event);
        let list = {
            let list = self.0.read();
            if list.is_empty() {
                return;
            }
            Arc::clone(&list)
        };
        for listener in list.iter() {
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                tracing::error!(target: TARGET, ?event, "a listener panicked");
            }
        }
    }
}

/// The target of all that this crate logs.
pub(crate) const TARGET: &str = "sessions_core";

/// Logs an event by its fields. What a client can cause is never above `DEBUG`, so that nobody can
/// flood the log.
fn log(event: &Event) {
    match event {
        Event::Created { id } => tracing::debug!(target: TARGET, %id, "session created"),
        Event::Renewed { id } => tracing::debug!(target: TARGET, %id, "session renewed"),
        Event::Destroyed { id, reason } => {
            tracing::debug!(target: TARGET, %id, reason = reason.as_str(), "session ended");
        }
        Event::DestroyedAll { count } => tracing::debug!(target: TARGET, count, "all sessions ended"),
        Event::Rejected { id, reason } => log_rejection(*id, *reason),
        Event::Interrupted { id } => {
            tracing::debug!(target: TARGET, %id, "writes refused: the session ended or was renewed during the request");
        }
        Event::Unsaved { id } => {
            tracing::warn!(target: TARGET, id = id.map(display), "writes after the response headers were never saved");
        }
        Event::Undecodable { id, key, expected } => {
            tracing::warn!(target: TARGET, id = id.map(display), %key, expected, "an entry is not of the type asked for");
        }
        Event::StoreFailed { call, kind } => {
            tracing::error!(target: TARGET, call = ?call, kind = ?kind, "the session store failed");
        }
    }
}

fn log_rejection(id: Option<SessionId>, reason: RejectReason) {
    let (id, text) = (id.map(display), reason.as_str());
    match reason {
        RejectReason::Unreadable | RejectReason::NewerFormat => {
            tracing::error!(target: TARGET, id, reason = text, "cookie opened no session");
        }
        _ => tracing::debug!(target: TARGET, id, reason = text, "cookie opened no session"),
    }
}

impl DestroyReason {
    /// Returns the reason as the log shows it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Administration => "administration",
        }
    }
}

impl RejectReason {
    /// Returns the reason as the log shows it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown or destroyed",
            Self::WrongSecret => "wrong secret",
            Self::Ambiguous => "ambiguous",
            Self::Unreadable => "damaged record",
            Self::NewerFormat => "newer format",
            Self::Expired => "expired",
            Self::TooMany => "too many tokens",
        }
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
        listeners.raise(&EVENT);
        listeners.raise(&EVENT);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }
}
