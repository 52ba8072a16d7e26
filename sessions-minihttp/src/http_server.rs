//! may_minihttp's own names, for the requests and responses of this crate.

use std::io;
use std::net::ToSocketAddrs;
use std::sync::PoisonError;

use may::coroutine::JoinHandle;
use may::sync::Mutex;
use sessions_core::Sessions;

use crate::request::Request;
use crate::response::Response;
use crate::service::{BoxError, SessionService, WithSessions};

/// A service with the signature of may_minihttp's `HttpService`.
///
/// To migrate a program, replace may_minihttp with this crate where it imports `HttpService`,
/// `HttpServiceFactory`, `HttpServer`, `Request` and `Response`. Its sessions are those of the
/// process-wide manager, [`Sessions::global`]. To use another manager, wrap the service:
/// `WithSessions::new(sessions, HttpServer(service))`.
///
/// ```
/// use std::io;
/// use sessions_minihttp::{HttpServer, HttpService, Request, Response};
///
/// #[derive(Clone)]
/// struct Visits;
///
/// impl HttpService for Visits {
///     fn call(&mut self, req: Request, rsp: &mut Response) -> io::Result<()> {
///         let visits = req.session()?.increment("visits", 1)?;
///         rsp.header("Content-Type: text/plain").body_vec(visits.to_string().into_bytes());
///         Ok(())
///     }
/// }
///
/// let server = HttpServer(Visits).start("127.0.0.1:0")?;
/// # drop(server);
/// # Ok::<(), io::Error>(())
/// ```
pub trait HttpService {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// Same as [`SessionService::call`]; a session's error is found inside the `io::Error`.
    fn call(&mut self, request: Request<'_>, response: &mut Response) -> io::Result<()>;
}

/// A factory of services with the signature of may_minihttp's `HttpServiceFactory`.
pub trait HttpServiceFactory: Send + Sized + 'static {
    /// The service of one connection.
    type Service: HttpService + Send + 'static;

    /// Creates the service of a connection. `id` is the connection's number, on Unix that of its
    /// socket.
    fn new_service(&self, id: usize) -> Self::Service;

    /// Listens on an address and serves with the sessions of the process-wide manager.
    ///
    /// # Errors
    ///
    /// Same as [`WithSessions::start`].
    fn start<L: ToSocketAddrs>(self, address: L) -> io::Result<JoinHandle<()>> {
        // One of may's locks, because creating a service may block, for example on a database
        // connection.
        let factory = Mutex::new(self);
        let make = move |id| HttpServer(factory.lock().unwrap_or_else(PoisonError::into_inner).new_service(id));
        WithSessions::per_connection(Sessions::global().clone(), make).start(address)
    }
}

/// A server with the signature of may_minihttp's `HttpServer`.
///
/// It also converts an [`HttpService`] into a [`SessionService`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is made as may_minihttp's is")]
pub struct HttpServer<T>(pub T);

impl<T: HttpService + Clone + Send + Sync + 'static> HttpServer<T> {
    /// Listens on an address and serves with the sessions of the process-wide manager.
    ///
    /// Each connection gets a clone of the service.
    ///
    /// # Errors
    ///
    /// Same as [`WithSessions::start`].
    pub fn start<L: ToSocketAddrs>(self, address: L) -> io::Result<JoinHandle<()>> {
        WithSessions::new(Sessions::global().clone(), self).start(address)
    }
}

impl<T: HttpService> SessionService for HttpServer<T> {
    fn call(&mut self, request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
        Ok(self.0.call(request, response)?)
    }
}
