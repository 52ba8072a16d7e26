//! The request that a service answers.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::net::SocketAddr;

use httparse::Header;
use sessions_core::adapter::{Gate, RequestHeader, RequestHeaders, SignedIn};
use sessions_core::{Session, Sessions};

use crate::http::Head;
use crate::visit::Visit;
use crate::{SessionError, block_on};

/// A request, with may_minihttp's methods and access to its session.
///
/// ```
/// use sessions_minihttp::{BoxError, Request, Response};
///
/// fn welcome(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
///     let session = request.session()?;
///     let visits = session.increment("visits", 1)?;
///     response.body_vec(format!("visit {visits}").into_bytes());
///     Ok(())
/// }
/// ```
pub struct Request<'r> {
    head: &'r Head<'r, 'r>,
    body: &'r mut (dyn BufRead + 'r),
    visit: &'r Visit<'r>,
}

impl<'r> Request<'r> {
    pub(crate) fn new(head: &'r Head<'r, 'r>, body: &'r mut (dyn BufRead + 'r), visit: &'r Visit<'r>) -> Self {
        Self { head, body, visit }
    }

    /// Returns the request's session; the first call loads it.
    ///
    /// When the service returns, the session's changes are saved and its cookie is set, before the
    /// response is sent.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store cannot
    /// be reached, [`CrossOrigin`](sessions_core::ErrorKind::CrossOrigin) if another site made the
    /// browser send the request, and [`TwoTransports`](sessions_core::ErrorKind::TwoTransports) if
    /// it has a bearer token beside our cookie, or two bearer tokens. A service that returns it
    /// with `?` responds with 503, 403 or 400.
    pub fn session(&self) -> Result<Session, SessionError> {
        self.session_of(self.sessions())
    }

    /// Returns the request's session if its visitor is signed in.
    ///
    /// ```
    /// use sessions_minihttp::{BoxError, Request, Response};
    ///
    /// fn orders(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    ///     let user = request.signed_in()?;
    ///     response.body_vec(format!("the orders of {}", user.principal()).into_bytes());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`NotSignedIn`](sessions_core::ErrorKind::NotSignedIn) if nobody is signed in. A
    /// service that returns it with `?` sends a browser that asks for a page, or posts a form, to
    /// the [`login_page`](sessions_core::SessionsBuilder::login_page) with 303, htmx by
    /// `HX-Redirect`, and everything else gets a bare 401. Otherwise the same as
    /// [`session`](Self::session).
    pub fn signed_in(&self) -> Result<SignedIn, SessionError> {
        Gate::of(&self.request_head()).admit(self.session()?)
    }

    /// Returns the manager that the service was wrapped with.
    #[must_use]
    pub const fn sessions(&self) -> &'r Sessions {
        self.visit.sessions()
    }

    pub(crate) fn session_of(&self, sessions: &Sessions) -> Result<Session, SessionError> {
        let exchange = self.visit.exchange(sessions);
        block_on(exchange.session_from(&self.request_head()))
    }

    pub(crate) fn request_head(&self) -> RequestHead<'_> {
        RequestHead { method: self.head.method, target: self.head.path, headers: self.head.headers }
    }

    /// Returns the method as it was sent.
    #[must_use]
    pub fn method(&self) -> &'r str {
        self.head.method
    }

    /// Returns the path, without the query that may_minihttp's own requests have there.
    ///
    /// A target in absolute form, `http://host/path`, which a server has to accept (RFC 9112
    /// section 3.2.2), has the path after its host, or `/`.
    #[must_use]
    pub fn path(&self) -> &'r str {
        match self.path_and_query().0 {
            "" => "/",
            path => path,
        }
    }

    /// Returns the query, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'r str> {
        self.path_and_query().1
    }

    fn path_and_query(&self) -> (&'r str, Option<&'r str>) {
        let target = path_of(self.head.path);
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
    }

    /// Returns the address of the other end of the connection: the client, or a proxy.
    ///
    /// See [`device`](crate::device) for the address of a client behind proxies.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.visit.peer()
    }

    /// Returns the minor version of HTTP/1.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.head.version
    }

    /// Returns the headers in their order.
    #[must_use]
    pub fn headers(&self) -> &'r [Header<'r>] {
        self.head.headers
    }

    /// Returns a reader of the body, whether it has a length or is chunked.
    ///
    /// This consumes the request, so start the session before. The size of a body is not limited;
    /// read it through [`take`](Read::take). What is left unread is skipped, up to 256 KiB; after
    /// more, the connection is closed.
    #[must_use]
    pub fn body(self) -> Body<'r> {
        Body { reader: self.body }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method()).field("path", &self.path()).finish_non_exhaustive()
    }
}

/// A request head as core reads it.
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [Header<'a>],
}

impl RequestHeaders for RequestHead<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn target(&self) -> &str {
        path_of(self.target)
    }

    fn authority(&self) -> Option<&str> {
        authority_of(self.target)
    }

    #[inline]
    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        let name = header.name();
        let named = self.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value)
    }
}

/// Returns the path and query of a request target in any form.
fn path_of(target: &str) -> &str {
    // Nearly every target is a path, which needs no search.
    if target.starts_with('/') {
        return target;
    }
    match target.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).map_or("", |start| &rest[start..]),
        None => target,
    }
}

/// Returns the authority of a request target in absolute form.
fn authority_of(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return None;
    }
    let (_, rest) = target.split_once("://")?;
    rest.split(['/', '?']).next()
}

/// The body of a request. Reading it blocks the coroutine.
///
/// A body that is cut off is an error: `UnexpectedEof` if the client disconnected, `TimedOut` if it
/// sent nothing for the [connection timeout](crate::WithSessions::connection_timeout), and
/// `InvalidData` if a chunk is malformed or the trailers are too large. If the service returns the
/// error, or one that has it as its source, the client gets a 400, 408 or 431, and the request's
/// session writes are dropped.
pub struct Body<'r> {
    reader: &'r mut (dyn BufRead + 'r),
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Body<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_target_has_a_path_and_a_host() {
        for (target, path, host) in [
            ("/a?b=://c", "/a?b=://c", None),
            ("//b.example/", "//b.example/", None),
            ("http://b.example:81/a?c", "/a?c", Some("b.example:81")),
            ("http://u:p@b.example?c", "?c", Some("b.example")),
            ("http://b.example", "", Some("b.example")),
            ("*", "*", None),
        ] {
            let host = host.unwrap_or("a.example").as_bytes();
            let headers = [Header { name: "Accept", value: b"*/*" }, Header { name: "HOST", value: b"a.example" }];
            let head = RequestHead { method: "GET", target, headers: &headers };
            assert_eq!((head.target(), head.host()), (path, Some(host)), "{target}");
        }
    }
}
