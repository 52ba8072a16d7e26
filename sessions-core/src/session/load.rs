//! Loading a session: from the `Cookie` headers to the handle.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Session;
use crate::error::Error;
use crate::exchange::{Exchange, Lookup, Shared};
use crate::request::{RequestHeader, RequestHeaders};

/// The future that [`Exchange::session`] returns.
///
/// It is ready at its first poll if there is nothing to load or the store answers at once.
#[must_use = "futures do nothing unless polled"]
pub struct Load {
    /// `None` once the session was returned.
    shared: Option<Arc<Shared>>,
    lookup: Lookup,
}

impl Exchange {
    /// Loads the request's session and returns it; a second call returns the loaded one.
    ///
    /// `cookies` yields the values of all `Cookie` headers and is consumed during the call. Without
    /// a cookie that opens a live session, the session is empty; it is stored once something is
    /// written to it.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached, unless the manager was built with
    /// [`OutagePolicy::Anonymous`](crate::OutagePolicy::Anonymous). The caller must not treat the
    /// visitor as signed out in that case.
    pub fn session<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Load {
        Load { lookup: self.look_up(cookies, |_| Ok(())), shared: Some(self.share()) }
    }

    /// Loads the session of a request from its head, as [`session`](Self::session) does from its
    /// cookies.
    ///
    /// If a request without our cookie came over plain HTTP from a host that is not local, as its
    /// `Origin` (or else `Referer`) and `Host` show, and the response sets a `Secure` cookie, a
    /// warning is logged, at most once a minute: browsers drop that cookie silently.
    ///
    /// # Errors
    ///
    /// Returns [`CrossOrigin`](crate::ErrorKind::CrossOrigin) if another site made the browser send
    /// the request; see [`cross_origin`](crate::SessionsBuilder::cross_origin). Returns
    /// [`TwoTransports`](crate::ErrorKind::TwoTransports) for a bearer token beside our cookie, or
    /// for two bearer tokens; see [`bearer`](crate::SessionsBuilder::bearer). Otherwise the same as
    /// [`session`](Self::session).
    pub fn session_from(&self, request: &impl RequestHeaders) -> Load {
        let cookies = request.values(RequestHeader::Cookie);
        let lookup = self.look_up(cookies, |candidates| self.examine(request, candidates));
        Load { lookup, shared: Some(self.share()) }
    }
}

impl Future for Load {
    type Output = Result<Session, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.lookup {
            Lookup::Done(result) => std::mem::replace(result, Ok(())),
            Lookup::Waiting(lookup) => std::task::ready!(lookup.as_mut().poll(context)),
        };
        let shared = self.shared.take().expect("a future is not polled after it was ready");
        Poll::Ready(result.map(|()| Session::new(shared)))
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Load(..)")
    }
}
