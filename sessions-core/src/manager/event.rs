//! Events: what happens to sessions, for listeners and the log.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::RwLock;
use sessions_store::{SessionId, StoreErrorKind, Timestamp};

use crate::manager::warning::LastWarning;

/// Something that happened to a session.
///
/// It names the session by its public id and contains no token and no data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was stored for the first time.
    #[non_exhaustive]
    Created {
        /// The session.
        id: SessionId,
    },
    /// A login or a renewal gave a session a new secret; earlier tokens no longer work.
    ///
    /// A rotation, which replaces the secret of a session in use, raises no event.
    #[non_exhaustive]
    Renewed {
        /// The session.
        id: SessionId,
    },
    /// A principal has signed in.
    ///
    /// If [`LimitPolicy::RefuseLogin`](crate::LimitPolicy::RefuseLogin) then refuses the login, a
    /// [`Destroyed`](Self::Destroyed) of the same session follows.
    #[non_exhaustive]
    SignedIn {
        /// The session.
        id: SessionId,
        /// Who has signed in. The log does not show it.
        principal: Principal,
    },
    /// A session has ended.
    #[non_exhaustive]
    Destroyed {
        /// The session.
        id: SessionId,
        /// Why it ended.
        reason: DestroyReason,
    },
    /// All sessions have ended.
    #[non_exhaustive]
    DestroyedAll {
        /// The number of sessions that ended.
        count: u64,
    },
    /// A request's token opened no session, or the request was refused.
    ///
    /// After [`CrossOrigin`](RejectReason::CrossOrigin) and
    /// [`TwoTransports`](RejectReason::TwoTransports) the request is refused. Otherwise it
    /// continues, without a session or with the one that another of its tokens opens.
    #[non_exhaustive]
    Rejected {
        /// The session that the token named, if any.
        id: Option<SessionId>,
        /// Why the token opened no session.
        reason: RejectReason,
    },
    /// A request's writes were refused, or its [`reload`](crate::Session::reload) failed: its
    /// session had ended or was renewed meanwhile.
    ///
    /// Later writes of the same request fail without another event.
    #[non_exhaustive]
    Interrupted {
        /// The session.
        id: SessionId,
    },
    /// A write or a destroy was never saved: it came after the response headers were sent, or the
    /// request was never ended.
    #[non_exhaustive]
    Unsaved {
        /// The session, if it is stored.
        id: Option<SessionId>,
    },
    /// An entry or flash could not be read as the requested type, for example after a deploy that
    /// changed the type.
    #[non_exhaustive]
    Undecodable {
        /// The session, if it is stored.
        id: Option<SessionId>,
        /// The key of the entry or flash.
        key: Arc<str>,
        /// The requested type.
        expected: &'static str,
    },
    /// A store operation failed.
    #[non_exhaustive]
    StoreFailed {
        /// The operation that failed.
        call: StoreCall,
        /// The kind of failure.
        kind: StoreErrorKind,
    },
}

/// The name of a principal in an event. Its `Debug` output is redacted, unlike its `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(pub(crate) Box<str>);

impl Principal {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

redacted!(Principal);

/// The reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DestroyReason {
    /// A request that used it destroyed it.
    Logout,
    /// It passed its idle or absolute timeout and was swept.
    Expired,
    /// The store evicted it to make room: it was anonymous, or expired and not swept yet.
    Evicted,
    /// A login of its principal exceeded the principal limit.
    SessionLimit,
    /// It was destroyed by its id or together with others of its principal.
    Revoked,
}

/// The reason why a token opened no session, or why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// The cookie's value is not a token.
    Malformed,
    /// No live session has its id: it ended or never existed.
    Unknown,
    /// The session exists but its secret differs: the token was issued long before a renewal, or
    /// guessed.
    WrongSecret,
    /// The session was renewed a moment ago, and the request still carries the token before it.
    Superseded,
    /// The request carried the tokens of two live sessions. One of them may have been planted, so
    /// neither is used.
    Ambiguous,
    /// The record is damaged.
    Unreadable,
    /// The record was written by a newer build. It is left alone: newer nodes can still use it.
    NewerFormat,
    /// The session is past its idle or absolute timeout.
    Expired,
    /// The request carried too many tokens or too long cookies, so no token was looked up.
    TooMany,
    /// The request carried both a bearer token and our cookie, or two bearer tokens.
    TwoTransports,
    /// Another site made the browser send the request, which was refused with 403.
    CrossOrigin,
}

/// A store operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// A call that reads: [`Store::load`](sessions_store::Store::load),
    /// [`of_principal`](sessions_store::Store::of_principal),
    /// [`count`](sessions_store::Store::count) or [`scan`](sessions_store::Store::scan).
    Load,
    /// [`Store::create`](sessions_store::Store::create).
    Create,
    /// [`Store::commit`](sessions_store::Store::commit).
    Commit,
    /// A [`Store::commit`](sessions_store::Store::commit) that only updates the time of last use.
    ///
    /// If it fails, a [`save`](crate::Session::save) reports that, but the response does not.
    Touch,
    /// A call that ends sessions: [`Store::destroy`](sessions_store::Store::destroy),
    /// [`destroy_of_principal`](sessions_store::Store::destroy_of_principal) or
    /// [`destroy_all`](sessions_store::Store::destroy_all).
    Destroy,
    /// A call after a login that keeps the number of the principal's sessions within its limit:
    /// [`Store::count_of_principal`](sessions_store::Store::count_of_principal),
    /// [`of_principal`](sessions_store::Store::of_principal) or
    /// [`destroy`](sessions_store::Store::destroy).
    ///
    /// If the call fails, the login stands, unless it was already refused.
    Limit,
    /// [`Store::sweep`](sessions_store::Store::sweep).
    Sweep,
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// The event listeners. They are called without holding a lock, after the store operation, and
/// their panics are caught.
#[derive(Default)]
pub(crate) struct Listeners {
    list: RwLock<Arc<Vec<Listener>>>,
    /// When a damaged record was last logged as an error.
    unreadable: LastWarning,
    /// When a record in a newer format was last logged as an error.
    newer_format: LastWarning,
}

impl Listeners {
    pub(crate) fn add(&self, listener: Listener) {
        Arc::make_mut(&mut self.list.write()).push(listener);
    }

    pub(crate) fn raise(&self, event: &Event, now: impl FnOnce() -> Timestamp) {
        log(event, |reason| match reason {
            RejectReason::Unreadable => self.unreadable.is_due(now()),
            RejectReason::NewerFormat => self.newer_format.is_due(now()),
            _ => false,
        });
        // Cloned, since a listener may add another.
        let list = Arc::clone(&self.list.read());
        for listener in list.iter() {
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                tracing::error!(target: TARGET, ?event, "a listener panicked");
            }
        }
    }
}

/// The `tracing` target of this crate's log lines.
pub(crate) const TARGET: &str = "sessions_core";

/// Logs an event. Above `DEBUG` are only failing stores, entries of another type, and records that
/// cannot be read, so that clients cannot flood the log.
///
/// A record that cannot be read is an error only if `is_error`: whoever knows its id, which is
/// public, needs no secret.
fn log(event: &Event, is_error: impl FnOnce(RejectReason) -> bool) {
    match event {
        Event::Created { id } => tracing::debug!(target: TARGET, %id, "session created"),
        Event::Renewed { id } => tracing::debug!(target: TARGET, %id, "session renewed"),
        Event::SignedIn { id, .. } => tracing::debug!(target: TARGET, %id, "principal signed in"),
        Event::Destroyed { id, reason } => tracing::debug!(target: TARGET, %id, ?reason, "session ended"),
        Event::DestroyedAll { count } => tracing::debug!(target: TARGET, count, "all sessions ended"),
        Event::Rejected { id, reason } if is_error(*reason) => {
            tracing::error!(target: TARGET, id = id.map(display), ?reason, "a token opened no session");
        }
        Event::Rejected { id, reason } => {
            tracing::debug!(target: TARGET, id = id.map(display), ?reason, "a token opened no session");
        }
        Event::Interrupted { id } => {
            tracing::debug!(target: TARGET, %id, "writes refused: the session ended or was renewed during the request");
        }
        Event::Unsaved { id } => tracing::debug!(target: TARGET, id = id.map(display), "writes were never saved"),
        Event::Undecodable { id, key, expected } => {
            tracing::warn!(target: TARGET, id = id.map(display), %key, expected, "an entry cannot be read as the requested type");
        }
        Event::StoreFailed { call, kind } => tracing::error!(target: TARGET, ?call, ?kind, "the session store failed"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const EVENT: Event = Event::DestroyedAll { count: 1 };

    #[test]
    fn listener_may_panic_or_add_another() {
        let listeners = Arc::new(Listeners::default());
        let heard = Arc::new(AtomicUsize::new(0));
        listeners.add(Arc::new(|_| panic!("a listener's panic")));
        let (inner, count) = (Arc::clone(&listeners), Arc::clone(&heard));
        listeners.add(Arc::new(move |_| {
            inner.add(Arc::new(|_| {}));
            count.fetch_add(1, Ordering::Relaxed);
        }));
        listeners.raise(&EVENT, || Timestamp::NEVER);
        assert_eq!(listeners.list.read().len(), 3);
        listeners.raise(&EVENT, || Timestamp::NEVER);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }
}
