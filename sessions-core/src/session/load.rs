//! Loading a session: from the `Cookie` headers to the handle.

use sessions_store::MaybeReady;

use super::Session;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Exchange, Exchanges};
use crate::request::{RequestHeader, RequestHeaders};

/// The future that [`Exchange::session`] returns.
///
/// It is ready at its first poll if there is nothing to load or the store answers at once.
pub type Load = MaybeReady<Result<Session, Error>>;

impl Exchange {
    /// Loads the request's session and returns it; a second call returns the loaded one.
    ///
    /// `cookies` yields the values of all `Cookie` headers and is consumed during the call. Without
    /// a cookie that opens a live session, the session is empty; it is stored once something is
    /// written to it.
    ///
    /// This sees only cookies: it refuses no request of [another site](crate::CrossOrigin) and
    /// reads no [bearer token](crate::SessionsBuilder::bearer). For a request from the network use
    /// [`session_from`](Self::session_from), which does both.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached, unless the manager was built with
    /// [`OutagePolicy::Anonymous`](crate::OutagePolicy::Anonymous). The caller must not treat the
    /// visitor as signed out in that case.
    pub fn session<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Load {
        self.look_up(cookies, |_| Ok(()), Session::new)
    }

    /// Loads the session of a request from all its headers; [`session`](Self::session) needs only
    /// cookies.
    ///
    /// A second call returns the loaded session.
    ///
    /// Browsers silently drop a `Secure` cookie over plain HTTP. A warning is logged, at most once
    /// a minute, if a response sets one although the request had no cookie of ours and came over
    /// plain HTTP from a host that is not local, as its `Origin` (or else `Referer`) and `Host`
    /// show.
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
        self.look_up(cookies, |candidates| self.examine(request, candidates), Session::new)
    }
}

impl Exchanges {
    /// Loads the session of the [innermost](Self::innermost) middleware, for an extractor.
    ///
    /// `exchanges` are those that the adapter keeps with the request, if it has any.
    ///
    /// # Errors
    ///
    /// Returns [`NoMiddleware`](crate::ErrorKind::NoMiddleware) if there is no middleware.
    /// Otherwise the same as [`Exchange::session_from`].
    pub fn load(exchanges: Option<&Self>, request: &impl RequestHeaders) -> Load {
        match exchanges.and_then(Self::innermost) {
            Some(exchange) => exchange.session_from(request),
            None => Load::ready(Err(Error::new(ErrorKind::NoMiddleware))),
        }
    }
}
