//! One request and its response, from the side of the session.

mod commit;
mod exchanges;
mod guard;
mod lookup;
mod outcome;
mod response;
mod shared;
mod state;
mod view;

pub use commit::{Commit, CommitError};
pub use exchanges::Exchanges;
pub use guard::{CommitGuard, ExchangeGuard};
pub use response::{Header, ResponseHeaders, SessionHeaders};

pub(crate) use commit::{save, take_turn};
pub(crate) use lookup::Lookup;
pub(crate) use shared::Shared;
pub(crate) use state::{Live, State};

use std::fmt;
use std::sync::Arc;

use crate::cookie::{Candidates, shows_plain_http};
use crate::manager::Sessions;
use outcome::keeps_nothing;

/// One request and its response, from the side of the session: what an adapter holds while a
/// handler runs.
///
/// An exchange costs one allocation, and loads nothing until the handler asks for its
/// [`Session`](crate::Session), with [`session`](Self::session). When the handler is done,
/// [`end`](Self::end) writes what the request changed and returns the headers that the response
/// must carry.
///
/// ```
/// use sessions_core::Sessions;
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let exchange = sessions.open();
///
/// // The handler asks for its session, with the values of the request's Cookie headers.
/// let cookies: [&[u8]; 1] = [b"theme=dark"];
/// let session = exchange.session(cookies).await?;
/// session.set("name", "iris")?;
///
/// // The response is made, and its headers were not sent yet.
/// let mut headers = exchange.end(200).await?;
/// assert!(headers.take_set_cookie().is_some_and(|cookie| cookie.starts_with("__Host-id=")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Exchange {
    shared: Arc<Shared>,
}

impl Sessions {
    /// Opens an exchange for one request. It loads nothing until it is asked to.
    #[must_use]
    #[inline]
    pub fn open(&self) -> Exchange {
        Exchange::new(self.clone(), false)
    }

    /// Opens an exchange for a request of this method.
    ///
    /// `OPTIONS` begins no session, whatever is written: a browser sends a preflight without its
    /// cookies, so each preflight would begin one.
    #[must_use]
    #[inline]
    pub fn open_for(&self, method: &str) -> Exchange {
        Exchange::new(self.clone(), method == "OPTIONS")
    }
}

impl Exchange {
    #[inline]
    fn new(sessions: Sessions, creates_nothing: bool) -> Self {
        // Built in place: `Arc::new` would build the state elsewhere and copy it.
        Self { shared: Arc::new_cyclic(|_| Shared::new(sessions, creates_nothing, State::default())) }
    }

    pub(crate) const fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn share(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Returns the manager that the exchange belongs to.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    /// Looks up the session that the request's cookies open, unless that was done before.
    pub(crate) fn look_up<'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        page: impl FnOnce() -> Option<(&'a [u8], &'a [u8])>,
    ) -> Lookup {
        if self.shared.is_loaded() {
            return Lookup::Done(Ok(()));
        }
        let sessions = &self.shared.sessions;
        let mut candidates = Candidates::default();
        for header in cookies {
            if !sessions.read_cookies(header, &mut candidates) {
                break;
            }
        }
        if !candidates.carried && sessions.cookie_is_secure() {
            candidates.by_plain_http = page().is_some_and(|(origin, host)| shows_plain_http(origin, host));
        }
        Lookup::begin(&self.shared, &mut candidates)
    }

    /// Ends the exchange: writes what the request changed, in one atomic operation of the store, and
    /// returns the headers that the response must carry.
    ///
    /// `status` is the response's. A 5xx, 408 (a timeout layer cut the handler off) and 413 (the
    /// handler wrote too much) drop the request's data, and keep a destroy and a renewal.
    ///
    /// The result is [ready](Commit::try_ready) at once if there is nothing to write, or if the
    /// store answers at once. A save that is under way is waited for. The response headers must not
    /// be sent before the commit is done. Ending an exchange again does nothing; whoever asks for
    /// its session afterwards gets one that knows that the headers were sent.
    #[inline]
    pub fn end(self, status: u16) -> Commit {
        // Otherwise nobody can ask for the session any more.
        let is_shared = Arc::strong_count(&self.shared) > 1;
        if self.shared.is_loaded() {
            let mut state = self.shared.lock();
            if let Some(headers) = state.headers_if_unchanged(&self.shared.sessions) {
                state.headers_sent = is_shared;
                return Commit::done(headers);
            }
        } else if !is_shared {
            return Commit::done(SessionHeaders::default());
        }
        Commit::begin(self.shared, keeps_nothing(status))
    }

    /// Ends the exchange of a request without a response: its client hung up, or a timeout dropped
    /// it.
    ///
    /// What the request wrote is forgotten. A [`destroy`](crate::Session::destroy) is carried out by
    /// the commit that this returns, which the adapter drives to its end; `None` if there is nothing
    /// to carry out. A [`Commit`] that was begun before the request was dropped is driven to its end
    /// instead.
    #[must_use = "a logout is not carried out unless the commit is driven to its end"]
    pub fn abandon(&self) -> Option<Commit> {
        let mut state = self.shared.lock();
        let (destroys, dropped) = state.abandon();
        drop(state);
        // Dropped outside the lock, since it may run a store's code.
        drop(dropped);
        destroys.then(|| Commit::begin(self.share(), true))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
