//! What a service is, and how it is served.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use may::coroutine::JoinHandle;
use sessions_core::Sessions;

use crate::connection::App;
use crate::request::Request;
use crate::response::Response;
use crate::server;
use crate::stack;
use crate::wire::Limits;

/// The default of [`WithSessions::head_timeout`].
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The default of [`WithSessions::idle_timeout`]. Proxies keep connections for 60 seconds; whoever
/// closes first should be the client.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Any error, as a service may return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Answers requests, as may_minihttp's `HttpService` does, with a session at hand.
///
/// Functions and closures of the same arguments are services.
pub trait SessionService {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// An error becomes a bare response: of its own status if it is a session's
    /// [`Error`](sessions_core::Error), else 500. Its text goes to the log, never to the client.
    /// With a 5xx, what the request wrote to its session is dropped, and that it destroyed or
    /// renewed it is kept, as ever. A panic is an error that is a 500. An error of reading a body
    /// that broke off is a 400, or a 408 if the client was too slow, and drops as much as a 5xx.
    fn call(&mut self, request: Request<'_>, response: &mut Response) -> Result<(), BoxError>;
}

impl<F> SessionService for F
where
    F: FnMut(Request<'_>, &mut Response) -> Result<(), BoxError>,
{
    fn call(&mut self, request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
        self(request, response)
    }
}

/// The server of a service that uses sessions.
///
/// It takes the place of may_minihttp's `HttpServer`. may_minihttp makes the requests and responses
/// of its `HttpService` itself, and takes only header fields that live for ever, which a cookie
/// does not; so connections are served here, on the same sockets and coroutines.
///
/// A service is not stopped when its client hangs up: it runs to its end, and its sessions are
/// saved as if the client were there.
#[must_use = "nothing is served before `start`"]
pub struct WithSessions<S> {
    app: App<S>,
    head_timeout: Duration,
    idle_timeout: Duration,
}

impl<S: SessionService + Send + 'static> WithSessions<S> {
    /// Wraps a service. Each connection gets a clone of it, as with may_minihttp's `HttpServer`; so
    /// does a connection whose service has panicked.
    pub fn new(sessions: Sessions, service: S) -> Self
    where
        S: Clone + Sync,
    {
        Self::per_connection(sessions, move |_| service.clone())
    }

    /// Wraps a maker of services: each connection gets a service of its own, as with may_minihttp's
    /// `HttpServiceFactory`. It is given the connection's number, which on Unix is that of its
    /// socket.
    pub fn per_connection(sessions: Sessions, make: impl Fn(usize) -> S + Send + Sync + 'static) -> Self {
        let app = App { sessions, make: Box::new(make) };
        Self { app, head_timeout: HEAD_TIMEOUT, idle_timeout: IDLE_TIMEOUT }
    }

    /// Sets how long a client may take to send the head of a request, from its first byte. The
    /// default is 30 seconds.
    ///
    /// Without a limit, a client that sends a byte now and then would hold its connection for ever.
    /// It is told 408.
    pub const fn head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout;
        self
    }

    /// Sets how long a connection may wait for its client: for the next request, for more of a
    /// body, or for room to send more of a response. The default is 75 seconds.
    ///
    /// Behind a proxy it is longer than the proxy keeps connections open, so that no request meets
    /// a connection that is being closed.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Listens at an address and serves, in coroutines. The handle ends the server when its
    /// coroutine is cancelled.
    ///
    /// Gives coroutines [room for stores](crate::raise_stack_size) before the first of them begins.
    ///
    /// # Errors
    ///
    /// Returns why the address cannot be listened at, or `InvalidInput` for a timeout of less than
    /// a millisecond.
    pub fn start(self, address: impl ToSocketAddrs) -> io::Result<JoinHandle<()>> {
        let limits = Limits { head: milliseconds(self.head_timeout)?, idle: milliseconds(self.idle_timeout)? };
        stack::raise_stack_size();
        server::start(self.app, limits, address)
    }
}

fn milliseconds(timeout: Duration) -> io::Result<u64> {
    match u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) {
        0 => Err(io::Error::new(io::ErrorKind::InvalidInput, "a timeout is shorter than a millisecond")),
        milliseconds => Ok(milliseconds),
    }
}

impl<S> fmt::Debug for WithSessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSessions").field("sessions", &self.app.sessions).finish_non_exhaustive()
    }
}
