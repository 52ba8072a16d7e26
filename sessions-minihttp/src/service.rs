//! What a service is, and how it is served.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::ToSocketAddrs;

use may::coroutine::JoinHandle;
use may_minihttp::HttpServiceFactory as _;
use sessions_core::Sessions;

use crate::connection::{Acceptor, App};
use crate::request::Request;
use crate::response::Response;
use crate::stack;

/// Is any error, as a service may return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Answers requests, as may_minihttp's `HttpService` does, with a session at hand.
///
/// Functions and closures of the same arguments are services.
pub trait SessionService {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// An error becomes a bare response: of its own status if it is a session's [`Error`](sessions_core::Error), else 500. Its text goes
    /// to the log, never to the client. With a 5xx, what the request wrote to its session is dropped, and that it destroyed or renewed
    /// it is kept, as ever. A panic is an error that is a 500.
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

/// Serves a service that uses sessions.
///
/// It takes the place of may_minihttp's `HttpServer`, and is not an `HttpService` itself. may_minihttp 0.1.11 takes only header fields
/// that live for ever; a cookie's field lives as long as its connection, which is long enough for may_minihttp itself, but another
/// service could call an `HttpService` and drop it before its response is written.
#[must_use = "nothing is served before `start`"]
pub struct WithSessions<S> {
    app: App<S>,
}

impl<S: SessionService + Send + 'static> WithSessions<S> {
    /// Wraps a service. Each connection gets a clone of it, as with may_minihttp's `HttpServer`; so does a connection whose service
    /// has panicked.
    pub fn new(sessions: Sessions, service: S) -> Self
    where
        S: Clone + Sync,
    {
        Self::per_connection(sessions, move |_| service.clone())
    }

    /// Wraps a maker of services: each connection gets a service of its own, as with may_minihttp's `HttpServiceFactory`. It is given
    /// the connection's number, which on Unix is that of its socket.
    pub fn per_connection(sessions: Sessions, make: impl Fn(usize) -> S + Send + Sync + 'static) -> Self {
        Self { app: App { sessions, make: Box::new(make) } }
    }

    /// Listens at an address and serves, in coroutines. The handle ends the server when its coroutine is cancelled.
    ///
    /// Gives coroutines [room for stores](crate::raise_stack_size) before the first of them begins.
    ///
    /// # Errors
    ///
    /// Returns why the address cannot be listened at.
    pub fn start(self, address: impl ToSocketAddrs) -> io::Result<JoinHandle<()>> {
        stack::raise_stack_size();
        Acceptor::new(self.app).start(address)
    }
}

impl<S> fmt::Debug for WithSessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSessions").field("sessions", &self.app.sessions).finish_non_exhaustive()
    }
}
