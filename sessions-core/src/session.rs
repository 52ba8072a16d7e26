//! What a handler holds.

mod entries;
mod flashes;
mod immediate;
mod key;
mod lenient;
mod load;
mod value;

pub use key::Key;
pub use load::Load;
pub use value::Value;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::exchange::{Exchange, Shared, save};
use crate::id::SessionId;
use crate::platform::whole_millis;

#[doc = include_str!("docs/session.md")]
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns the exchange that the session was loaded in.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange::from_shared(Arc::clone(&self.shared))
    }

    /// Returns the public name of the session, `None` until it is stored. It stays the same through
    /// the session's life, also when the session is renewed, and opens nothing: it may be shown and
    /// logged.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.shared.lock().id()
    }

    /// Says whether the session is not stored yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.shared.lock().live().is_none()
    }

    /// Returns who is signed in, if anybody.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        self.shared.lock().principal().map(str::to_owned)
    }

    /// Gives the session a new secret: the token that the client has now is dead when the response
    /// leaves, which carries the next one.
    ///
    /// For every change of privilege (OWASP, ASVS 7.2.4): whoever learned or planted the old token
    /// is left with nothing. The id and the data stay. Requests under way with the old token can
    /// still read what they loaded, and write nothing.
    pub fn renew(&self) {
        self.shared.lock().renewal = true;
    }

    /// Signs a principal in: renews the session and binds it to the principal, so that it is found
    /// by [`sessions_of`](crate::Sessions::sessions_of) and ended by
    /// [`destroy_principal`](crate::Sessions::destroy_principal).
    ///
    /// What the visitor put into the session before stays. If it belongs to another principal, its
    /// data is dropped first. Call it when, and only when, the visitor has proven who they are.
    ///
    /// # Errors
    ///
    /// Returns [`TooLarge`](crate::ErrorKind::TooLarge) for a principal of more than 1,024 bytes,
    /// and changes nothing.
    pub fn login(&self, principal: &str) -> Result<(), Error> {
        self.shared.lock().login(principal)
    }

    /// Ends the session for good, on every node, before the response leaves; the response removes
    /// the cookie.
    ///
    /// No request under way can bring it back. What is written afterwards in the same request
    /// begins a new session: a farewell flash, say.
    ///
    /// Within an adapter's middleware it holds however the request ends: with a 5xx, a panic, a
    /// timeout, or a client that hangs up, for which the adapter carries it out. A handler without
    /// a middleware must reach its own finish; one that is dropped before has ended nothing.
    pub fn destroy(&self) {
        self.shared.lock().destroy();
    }

    /// Returns the time that the session has left unless it is used, `None` if it has no end or is
    /// not stored yet.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let now = self.shared.sessions.now();
        let deadline = self.shared.lock().expires_at(now)?;
        deadline.to_system_time().map(|_| deadline.since(now))
    }

    /// Returns when the session ends unless it is used, `None` if it has no end or is not stored
    /// yet.
    #[must_use]
    pub fn expires_at(&self) -> Option<std::time::SystemTime> {
        let now = self.shared.sessions.now();
        self.shared.lock().expires_at(now)?.to_system_time()
    }

    /// Begins the idle limit anew with this request, without waiting for the next touch, and sends
    /// the cookie's age again.
    ///
    /// # Errors
    ///
    /// Returns [`NoSession`](crate::ErrorKind::NoSession) if there is none.
    pub fn shift_expiration(&self) -> Result<(), Error> {
        let mut state = self.shared.lock();
        state.require_session()?;
        if let Some(live) = state.live_mut() {
            live.touch_due = true;
        }
        Ok(())
    }

    /// Gives this session an idle limit of its own, from now on. It is stored with the record and
    /// kept by later commits. The absolute limit stays: nothing carries a session past it.
    ///
    /// # Errors
    ///
    /// Returns [`ZeroExpiry`](crate::ErrorKind::ZeroExpiry) for less than a millisecond, which
    /// would end the session at once, and [`NoSession`](crate::ErrorKind::NoSession) if there is
    /// none.
    pub fn update_expiration(&self, idle: Duration) -> Result<(), Error> {
        if whole_millis(idle) == 0 {
            return Err(Error::new(ErrorKind::ZeroExpiry));
        }
        let mut state = self.shared.lock();
        state.require_session()?;
        state.idle = Some(idle);
        Ok(())
    }

    /// Writes what the request has changed so far, now. The response's head, if it is still to
    /// come, then carries the cookie.
    ///
    /// For what must be saved whatever the response becomes, and for streams and sockets, whose
    /// head is gone: there, writes reach the store only by this call.
    ///
    /// A request that is dropped keeps what it has saved so and forgets its other writes. It is
    /// dropped when a timeout cuts it off, and, where the framework sees it, when its client hangs
    /// up; the docs of each adapter's middleware say when that is.
    ///
    /// Saves of one session go to the store one after the other, and the response's head waits for
    /// them. One that is dropped before it ends (by a timeout, say) is not undone: the next save,
    /// or the head, waits for the store's answer to it and then goes on. One that is kept and not
    /// polled keeps the others waiting.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable),
    /// [`StoreFull`](crate::ErrorKind::StoreFull) and the like if the store did not write; the
    /// changes are kept for another try. Where the store did not answer in time they may have been
    /// written all the same, and a second try then adds an increment twice.
    /// [`Gone`](crate::ErrorKind::Gone) and [`Conflict`](crate::ErrorKind::Conflict) mean that
    /// nothing was written and nothing kept,
    /// [`AlreadyCommitted`](crate::ErrorKind::AlreadyCommitted) that a cookie would have to be set
    /// and the head is gone: what would need it is dropped.
    pub async fn save(&self) -> Result<(), Error> {
        save(&self.shared).await
    }

    /// Ends the principal's other sessions, and says how many: "sign out everywhere else". None if
    /// nobody is signed in.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write:
    /// some sessions may then still live.
    pub async fn destroy_others(&self) -> Result<usize, Error> {
        let (principal, id) = {
            let mut state = self.shared.lock();
            let id = state.id();
            (state.principal().map(str::to_owned), id)
        };
        match (principal, id) {
            (Some(principal), Some(id)) => self.shared.sessions.destroy_others(&principal, id).await,
            (Some(principal), None) => self.shared.sessions.destroy_principal(&principal).await,
            (None, _) => Ok(0),
        }
    }
}

/// Shows the id, never the data.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
