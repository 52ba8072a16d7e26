//! The session side of one request and its response.

mod commit;
mod exchanges;
mod guard;
mod lookup;
mod outcome;
mod response;
mod shared;
mod state;

pub use commit::{Commit, CommitError};
pub use exchanges::Exchanges;
pub use guard::{CommitGuard, ExchangeGuard};
pub use response::{ResponseHeader, ResponseHeaders, SessionHeaders, write_redirect};

pub(crate) use commit::{save, take_turn, take_turn_for};
pub(crate) use outcome::Blocked;
pub(crate) use shared::Shared;
pub(crate) use state::{Stage, State};

use std::fmt;
use std::sync::Arc;

use sessions_store::MaybeReady;

use crate::cookie::{Candidates, Transport};
use crate::error::{Error, ErrorKind};
use crate::manager::{Event, RejectReason, Sessions};
use crate::request::{RequestHeader, RequestHeaders, bearer_token, shows_plain_http};
use outcome::drops_writes;

/// The session side of one request and its response, held by an adapter while the handler runs.
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
    pub(crate) shared: Arc<Shared>,
}

impl Sessions {
    /// Opens an exchange for one request. Nothing is loaded until the session is asked for.
    #[must_use]
    #[inline]
    pub fn open(&self) -> Exchange {
        Exchange::new(self.clone(), false)
    }

    /// Opens an exchange for a request with this method.
    ///
    /// An `OPTIONS` request never begins a session: browsers send preflights without cookies, so
    /// each preflight would begin a new one.
    #[must_use]
    #[inline]
    pub fn open_for(&self, method: &str) -> Exchange {
        Exchange::new(self.clone(), method == "OPTIONS")
    }
}

impl Exchange {
    #[inline]
    fn new(sessions: Sessions, creates_nothing: bool) -> Self {
        // Built in place: `Arc::new` would build the state on the stack and copy it.
        Self { shared: Arc::new_cyclic(|_| Shared::new(sessions, creates_nothing, State::default())) }
    }

    /// Returns the manager that the exchange belongs to.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    /// Looks up the session that the request's cookies open, unless it was looked up before.
    ///
    /// `examine` sees which cookies were found, and may refuse the request. `handle` makes a handle
    /// of the session.
    pub(crate) fn look_up<'a, T: 'static>(
        &self,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        examine: impl FnOnce(&mut Candidates) -> Result<(), Error>,
        handle: fn(Arc<Shared>) -> T,
    ) -> MaybeReady<Result<T, Error>> {
        if self.shared.is_loaded() {
            return MaybeReady::ready(Ok(handle(Arc::clone(&self.shared))));
        }
        let sessions = &self.shared.sessions;
        let mut candidates = Candidates::default();
        for header in cookies {
            if !sessions.cookie_form().read(header, &mut candidates) {
                break;
            }
        }
        if let Err(error) = examine(&mut candidates) {
            self.shared.ask();
            return MaybeReady::ready(Err(error));
        }
        lookup::begin(&self.shared, &mut candidates, handle)
    }

    /// Reads the bearer token of a request, and refuses a request of another site.
    pub(crate) fn examine(&self, request: &impl RequestHeaders, candidates: &mut Candidates) -> Result<(), Error> {
        if self.shared.sessions.config().cross_origin.refuses(request, candidates.transport == Transport::Cookie) {
            self.shared.raise(&Event::Rejected { id: None, reason: RejectReason::CrossOrigin });
            return Err(Error::new(ErrorKind::CrossOrigin));
        }
        if self.shared.sessions.config().bearer {
            self.read_bearer(request, candidates)?;
        }
        let is_none = candidates.transport == Transport::None;
        if is_none && self.shared.sessions.cookie_form().is_secure && came_by_plain_http(request) {
            candidates.transport = Transport::NoneByPlainHttp;
        }
        Ok(())
    }

    /// Reads the bearer token, and refuses a request with a second token.
    fn read_bearer(&self, request: &impl RequestHeaders, candidates: &mut Candidates) -> Result<(), Error> {
        let mut tokens = request.values(RequestHeader::Authorization).filter_map(bearer_token);
        let Some(token) = tokens.next() else { return Ok(()) };
        if candidates.transport == Transport::Cookie || tokens.next().is_some() {
            self.shared.raise(&Event::Rejected { id: None, reason: RejectReason::TwoTransports });
            return Err(Error::new(ErrorKind::TwoTransports));
        }
        candidates.set_bearer(self.shared.sessions.cookie_form().open(token));
        Ok(())
    }

    /// Ends the exchange: writes the request's changes and returns the response headers.
    ///
    /// The changes are written in one atomic store operation; each session that the request
    /// destroyed takes one of its own.
    ///
    /// `status` is the status of the response. A 5xx, 408 (a timeout layer cut the handler off) or
    /// 413 (the handler wrote too much) drops the request's writes, except a destroy and a renewal.
    ///
    /// The result is [ready](MaybeReady::try_ready) at once if there is nothing to write or the
    /// store answers at once. A running save is awaited first. The response headers must not be
    /// sent before the commit is done. Ending an exchange again does nothing; a session that is
    /// loaded from it afterwards can no longer set a cookie.
    #[inline]
    #[must_use = "nothing is saved unless this is awaited"]
    pub fn end(self, status: u16) -> Commit {
        // Unless it is shared, nothing can load the session any more.
        let is_shared = Arc::strong_count(&self.shared) > 1;
        if self.shared.is_asked() {
            let mut state = self.shared.lock();
            if let Some(headers) = state.headers_if_unchanged(&self.shared.sessions) {
                (state.headers_sent, state.is_over) = (is_shared, !is_shared);
                return Commit::ready(Ok(headers));
            }
        } else if !is_shared {
            return Commit::ready(Ok(SessionHeaders::default()));
        }
        commit::begin(self.shared, drops_writes(status))
    }

    /// Ends the exchange of a request that gets no response.
    ///
    /// Its client disconnected, or a timeout dropped it.
    ///
    /// The request's writes are discarded. If it called [`destroy`](crate::Session::destroy), the
    /// returned commit carries that out, and the adapter must drive it to completion; otherwise
    /// this returns `None`. A [`Commit`] that had already begun when the request was dropped must
    /// be driven to completion instead.
    #[must_use = "a logout is not carried out unless the commit is driven to its end"]
    pub fn abandon(&self) -> Option<Commit> {
        let (destroys, dropped) = self.shared.lock().abandon();
        // Dropped outside the lock, since it may run a store's code.
        drop(dropped);
        destroys.then(|| commit::begin(Arc::clone(&self.shared), true))
    }
}

/// Returns whether the request came over plain HTTP from a remote host.
fn came_by_plain_http(request: &impl RequestHeaders) -> bool {
    let page = request.first(RequestHeader::Origin).or_else(|| request.first(RequestHeader::Referer));
    page.is_some_and(|page| request.host().is_some_and(|host| shows_plain_http(page, host)))
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
