//! What a service is asked.

use std::fmt;
use std::io::{self, BufRead, Read};

use httparse::Header;
use sessions_core::{Error, Exchange, Load, Session, Sessions};

use crate::block_on;
use crate::http::Head;
use crate::visit::Visit;

/// A request, with may_minihttp's methods and what starts and destroys its session.
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

    /// Loads the request's session, at its first call, and returns it.
    ///
    /// It is finished when the service returns: what was written is saved and the cookie set before
    /// the response leaves.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store cannot
    /// be asked. A service that returns it with `?` answers 503.
    pub fn session(&self) -> Result<Session, Error> {
        self.session_of(self.sessions())
    }

    /// Returns the manager that the service was wrapped with.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        self.visit.sessions()
    }

    pub(crate) fn session_of(&self, sessions: &Sessions) -> Result<Session, Error> {
        let exchange = self.visit.exchange(sessions);
        block_on(load(&exchange, self.headers()))
    }

    /// Returns the method, in the case in which it was sent.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.method
    }

    /// Returns the target of the request: the path, and the query if there is one.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.path
    }

    /// Returns the minor version of HTTP/1.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.head.version
    }

    /// Returns the header fields, in their order.
    #[must_use]
    pub fn headers(&self) -> &[Header<'_>] {
        self.head.headers
    }

    /// Begins to read the body, whether it has a length or comes in chunks. Start the session
    /// before, since this takes the request.
    ///
    /// A body has no limit but its length, which the client names; read it through
    /// [`take`](Read::take). What is not read is skipped.
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

/// Loads the session that a request's header fields name.
pub(crate) fn load(exchange: &Exchange, headers: &[Header<'_>]) -> Load {
    exchange.session_from(fields(headers, "cookie"), || {
        let first = |name| fields(headers, name).next();
        Some((first("origin").or_else(|| first("referer"))?, first("host")?))
    })
}

/// Goes through the values of the fields of a name, in lower case.
fn fields<'a>(headers: &'a [Header<'_>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// The body of a request. Reading it blocks the coroutine.
///
/// A body that breaks off is an error: `UnexpectedEof` if the client has hung up, `TimedOut` if it
/// has sent nothing for the [idle timeout](crate::WithSessions::idle_timeout), `InvalidData` if
/// chunks are malformed. A service that returns the error has the client told 400 or 408, and what
/// the request wrote to its session is dropped.
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
