//! The beginning of a session in its request: from the `Cookie` headers to the handle.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Session;
use crate::error::Error;
use crate::exchange::{Exchange, Lookup, Shared};

/// The loading of a session: a future that [`Exchange::session`] returns.
///
/// It is ready at its first poll if there is nothing to load, or if the store answers at once.
#[must_use = "futures do nothing unless polled"]
pub struct Load {
    /// `None` once the session was handed out.
    shared: Option<Arc<Shared>>,
    lookup: Lookup,
}

impl Exchange {
    /// Loads the request's session and returns it; a second call returns the loaded one.
    ///
    /// `cookies` yields the values of all `Cookie` headers as they came, and is not used after the
    /// call. Without a cookie that opens a live session, the session is empty, and is stored once
    /// something is written to it.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached, unless the manager was built with
    /// [`OutagePolicy::Anonymous`](crate::OutagePolicy::Anonymous). The request must then not go on
    /// as if nobody were signed in.
    pub fn session<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Load {
        self.session_from(cookies, || None)
    }

    /// Loads the request's session, and warns if its cookie cannot reach the browser.
    ///
    /// `page` returns the values of the request's `Origin` header (or else `Referer`) and of its
    /// `Host` header. It is called only for a request without our cookie. If the values show that
    /// the request came over plain HTTP from a host that is not local, and the response sets a
    /// `Secure` cookie, a warning is logged, at most once a minute: browsers drop that cookie
    /// silently.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub fn session_from<'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        page: impl FnOnce() -> Option<(&'a [u8], &'a [u8])>,
    ) -> Load {
        Load { lookup: self.look_up(cookies, page), shared: Some(self.share()) }
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
