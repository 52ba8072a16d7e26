//! A wrapper for services whose visitors must be signed in.

use std::time::Duration;

use crate::request::Request;
use crate::response::Response;
use crate::service::{BoxError, SessionService};

/// A service that only signed-in visitors reach.
///
/// Everybody else gets the response that [`Request::signed_in`] describes.
///
/// ```
/// use sessions_minihttp::{BoxError, Request, Response, SessionService, Sessions, SignedInService, WithSessions};
///
/// fn login(_: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
///     response.body("who are you?");
///     Ok(())
/// }
///
/// fn account(_: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
///     response.body("your account");
///     Ok(())
/// }
///
/// fn site(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
///     match request.path() {
///         "/login" => login(request, response),
///         _ => SignedInService::new(account).call(request, response),
///     }
/// }
///
/// let sessions = Sessions::builder().login_page("/login").build()?;
/// let (address, server) = WithSessions::new(sessions, site).start_with_address("127.0.0.1:0")?;
/// # use std::io::{Read, Write};
/// # let mut stream = std::net::TcpStream::connect(address)?;
/// # let headers = "Host: shop\r\nAccept: text/html\r\nConnection: close";
/// # write!(stream, "GET /orders HTTP/1.1\r\n{headers}\r\n\r\n")?;
/// # let mut answer = String::new();
/// # stream.read_to_string(&mut answer)?;
///
/// // A browser that asks for the page of a member:
/// assert!(answer.starts_with("HTTP/1.1 303 "));
/// assert!(answer.contains("\r\nLocation: /login?next=/orders\r\n"));
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SignedInService<S> {
    inner: S,
    within: Option<Duration>,
}

impl<S: SessionService> SignedInService<S> {
    /// Wraps a service.
    pub const fn new(inner: S) -> Self {
        Self { inner, within: None }
    }

    /// Admits only visitors who proved who they are less than `time` ago.
    ///
    /// Others get the response that [`SignedIn::within`](crate::SignedIn::within) describes.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

impl<S: SessionService> SessionService for SignedInService<S> {
    fn call(&mut self, request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
        let user = request.signed_in()?;
        if let Some(time) = self.within {
            user.within(time)?;
        }
        self.inner.call(request, response)
    }
}
