//! Services and their server.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use may::coroutine::JoinHandle;
use sessions_core::Sessions;

use crate::connection::App;
use crate::request::Request;
use crate::response::Response;
use crate::server;
use crate::stack;
use crate::wire::Limits;

/// The default of [`WithSessions::header_timeout`].
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The default of [`WithSessions::connection_timeout`].
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(75);

/// Any error that a service may return.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A service like may_minihttp's `HttpService`, with access to sessions.
///
/// Functions and closures with the same arguments are services.
pub trait SessionService {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// An error becomes a bare response: with its own status if it is a
    /// [`SessionError`](crate::SessionError) or has one among its [sources](Error::source), else
    /// 500. Its text is logged and never sent to the client. A 5xx, 408 or 413 drops the request's
    /// session writes but keeps a destroy and a renewal; after another status, such as 401 or 409,
    /// they are saved. A panic counts as a 500. An error from reading the [`Body`](crate::Body),
    /// itself or among the sources, has the status that is right for it: 400, 408 or 431. It drops
    /// the writes like a 5xx.
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
/// It replaces may_minihttp's `HttpServer`, which creates the requests and responses of its
/// `HttpService` itself and accepts only `'static` headers, so it cannot send a cookie. Connections
/// are served by this crate instead, on the same sockets and coroutines.
///
/// A service is not stopped when its client disconnects: it runs to completion, and its sessions
/// are saved as usual.
#[must_use = "nothing is served before `start`"]
pub struct WithSessions<S> {
    app: App<S>,
    header_timeout: Duration,
    connection_timeout: Duration,
}

impl<S: SessionService + Send + 'static> WithSessions<S> {
    /// Wraps a service. Each connection gets a clone of it, and a new one after a panic.
    pub fn new(sessions: Sessions, service: S) -> Self
    where
        S: Clone + Sync,
    {
        Self::per_connection(sessions, move |_| service.clone())
    }

    /// Wraps a factory that creates a service for each connection.
    ///
    /// `make` gets the connection's number, on Unix that of its socket, like may_minihttp's
    /// `HttpServiceFactory`.
    pub fn per_connection(sessions: Sessions, make: impl Fn(usize) -> S + Send + Sync + 'static) -> Self {
        let app = App { sessions, make: Box::new(make) };
        Self { app, header_timeout: HEADER_TIMEOUT, connection_timeout: CONNECTION_TIMEOUT }
    }

    /// Sets the timeout for a request's headers, from its first byte. The default is 30 seconds.
    ///
    /// Without it, a client that sends a byte now and then could keep its connection open forever.
    /// On timeout the client gets a 408. The default is hyper's. A shorter one frees the sockets of
    /// such clients earlier, but fails for slow networks.
    pub const fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Sets how long a connection may wait for its client. The default is 75 seconds.
    ///
    /// It applies to waiting for the next request, for more of a body, and for room to send more of
    /// a response. Behind a proxy, make it longer than the proxy keeps connections open, so that no
    /// request arrives while the connection is being closed: nginx and most load balancers keep
    /// them for 60 seconds, which the default exceeds. The cost is that a client that vanished
    /// silently takes up a socket and a coroutine for this long.
    pub const fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.connection_timeout = timeout;
        self
    }

    /// Listens on an address and serves in coroutines. Cancelling the returned coroutine closes the
    /// listener; connections that are open are still served.
    ///
    /// [Raises the stack size](crate::raise_stack_size) of coroutines first.
    ///
    /// # Errors
    ///
    /// Returns an error if the address cannot be listened on, or `InvalidInput` for a timeout of
    /// less than a millisecond.
    pub fn start(self, address: impl ToSocketAddrs) -> io::Result<JoinHandle<()>> {
        Ok(self.start_with_address(address)?.1)
    }

    /// Does the same as [`start`](Self::start), and also returns the address that it listens on.
    ///
    /// With port 0, which lets the system choose a free port, that is the only way to learn which
    /// one it is. Tests need it:
    ///
    /// ```
    /// use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions};
    ///
    /// fn hello(_: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    ///     response.body("hello");
    ///     Ok(())
    /// }
    ///
    /// let server = WithSessions::new(Sessions::builder().build()?, hello);
    /// let (address, _server) = server.start_with_address("127.0.0.1:0")?;
    /// assert_ne!(address.port(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`start`](Self::start).
    pub fn start_with_address(self, address: impl ToSocketAddrs) -> io::Result<(SocketAddr, JoinHandle<()>)> {
        let limits = Limits { head: milliseconds(self.header_timeout)?, idle: milliseconds(self.connection_timeout)? };
        stack::raise_stack_size();
        server::start(self.app, limits, address)
    }
}

fn milliseconds(timeout: Duration) -> io::Result<u64> {
    match u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) {
        0 => Err(io::Error::new(io::ErrorKind::InvalidInput, "a timeout must be at least a millisecond")),
        milliseconds => Ok(milliseconds),
    }
}

impl<S> fmt::Debug for WithSessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSessions").field("sessions", &self.app.sessions).finish_non_exhaustive()
    }
}
