//! The request that a service answers.

use std::fmt;
use std::io::{self, BufRead, Read};

use httparse::Header;
use sessions_core::adapter::{Exchange, Load};
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
    /// be reached. A service that returns it with `?` responds with 503.
    pub fn session(&self) -> Result<Session, SessionError> {
        self.session_of(self.sessions())
    }

    /// Returns the manager that the service was wrapped with.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        self.visit.sessions()
    }

    pub(crate) fn session_of(&self, sessions: &Sessions) -> Result<Session, SessionError> {
        let exchange = self.visit.exchange(sessions);
        block_on(load(&exchange, self.headers()))
    }

    /// Returns the method as it was sent.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.method
    }

    /// Returns the request target: the path, and the query if there is one.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.path
    }

    /// Returns the minor version of HTTP/1.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.head.version
    }

    /// Returns the headers in their order.
    #[must_use]
    pub fn headers(&self) -> &[Header<'_>] {
        self.head.headers
    }

    /// Returns a reader of the body, whether it has a length or is chunked.
    ///
    /// This consumes the request, so start the session before. The size of a body is not limited;
    /// read it through [`take`](Read::take). Whatever is left unread is skipped.
    #[must_use]
    pub fn body(self) -> Body<'r> {
        Body { reader: self.body }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().split('?').next();
        f.debug_struct("Request").field("method", &self.method()).field("path", &path).finish_non_exhaustive()
    }
}

/// Loads the session for a request's headers.
pub(crate) fn load(exchange: &Exchange, headers: &[Header<'_>]) -> Load {
    exchange.session_from(fields(headers, "cookie"), || {
        let first = |name| fields(headers, name).next();
        Some((first("origin").or_else(|| first("referer"))?, first("host")?))
    })
}

/// Iterates over the values of the headers with a lower-case name.
fn fields<'a>(headers: &'a [Header<'_>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// The body of a request. Reading it blocks the coroutine.
///
/// A body that is cut off is an error: `UnexpectedEof` if the client disconnected, `TimedOut` if it
/// sent nothing for the [idle timeout](crate::WithSessions::idle_timeout), and `InvalidData` if a
/// chunk is malformed. If the service returns the error, the client gets a 400 or 408, and the
/// request's session writes are dropped.
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
