//! Explicit calls: sessions of a manager, for a request.

use std::time::Duration;

use sessions_core::{Session, Sessions};

use crate::request::{Request, RequestHead};
use crate::{SessionError, block_on};

/// Explicit calls on a manager, for programs with several of them.
///
/// Each manager needs its own cookie name. There is no call to finish a session: whatever a request
/// starts is finished when its service returns.
///
/// ```
/// use sessions_minihttp::{BoxError, Request, Response, Sessions, SessionsExt};
///
/// fn service(staff: Sessions) -> impl FnMut(Request<'_>, &mut Response) -> Result<(), BoxError> + Clone {
///     move |request, response| {
///         match (request.method(), request.path()) {
///             ("POST", "/staff/logout") => staff.destroy(&request)?,
///             _ => staff.start(&request)?.set("seen", &true)?,
///         }
///         response.body("ok");
///         Ok(())
///     }
/// }
/// ```
pub trait SessionsExt: sealed::Sealed {
    /// Loads the manager's session of a request and returns it, the same one at every call.
    ///
    /// # Errors
    ///
    /// Same as [`Request::session`].
    fn start(&self, request: &Request<'_>) -> Result<Session, SessionError>;

    /// Ends the manager's session of a request, if there is one.
    ///
    /// # Errors
    ///
    /// Same as [`Request::session`]. The store ends the session when the request is finished; if
    /// that fails, or cannot be done for another reason that [`Session::destroy`] lists, the client
    /// gets the bare status of the error and keeps its cookie.
    fn destroy(&self, request: &Request<'_>) -> Result<(), SessionError>;

    /// Restarts the idle timeout of the manager's session of a request; see
    /// [`Session::shift_expiration`].
    ///
    /// # Errors
    ///
    /// Fails with [`NoSession`](sessions_core::ErrorKind::NoSession) if the request has none, and
    /// like [`start`](Self::start).
    fn shift_expiration(&self, request: &Request<'_>) -> Result<(), SessionError>;

    /// Sets the idle timeout of the manager's session of a request, and keeps its cookie as long;
    /// see [`Session::update_expiration`].
    ///
    /// # Errors
    ///
    /// Same as [`shift_expiration`](Self::shift_expiration), and
    /// [`ZeroExpiry`](sessions_core::ErrorKind::ZeroExpiry) if `idle` is below one millisecond.
    fn update_expiration(&self, request: &Request<'_>, idle: Duration) -> Result<(), SessionError>;

    /// Loads the manager's session of a request that may_minihttp's own server serves.
    ///
    /// For programs that serve some connections without this crate. The response cannot carry a
    /// cookie, since may_minihttp accepts only `'static` headers. So the session behaves as if the
    /// response headers were already sent: writes are stored by [`Session::save`]. Whatever needs a
    /// cookie, such as a login or a write to a new session, fails with
    /// [`HeadersSent`](sessions_core::ErrorKind::HeadersSent). A service whose response
    /// depends on the session should add `Vary: Cookie`.
    ///
    /// ```
    /// use std::io;
    /// use sessions_minihttp::{Sessions, SessionsExt, block_on};
    ///
    /// #[derive(Clone)]
    /// struct Counter(Sessions);
    ///
    /// impl may_minihttp::HttpService for Counter {
    ///     fn call(&mut self, req: may_minihttp::Request, rsp: &mut may_minihttp::Response) -> io::Result<()> {
    ///         let session = self.0.load(&req)?;
    ///         if session.is_new() {
    ///             rsp.status_code(401, "Unauthorized");
    ///             return Ok(());
    ///         }
    ///         let count = session.increment("n", 1)?;
    ///         block_on(session.save())?;
    ///         rsp.header("Vary: Cookie").body_vec(count.to_string().into_bytes());
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Request::session`].
    fn load(&self, request: &may_minihttp::Request<'_, '_, '_>) -> Result<Session, SessionError>;
}

impl SessionsExt for Sessions {
    fn start(&self, request: &Request<'_>) -> Result<Session, SessionError> {
        request.session_of(self)
    }

    fn destroy(&self, request: &Request<'_>) -> Result<(), SessionError> {
        self.start(request)?.destroy();
        Ok(())
    }

    fn shift_expiration(&self, request: &Request<'_>) -> Result<(), SessionError> {
        self.start(request)?.shift_expiration()
    }

    fn update_expiration(&self, request: &Request<'_>, idle: Duration) -> Result<(), SessionError> {
        self.start(request)?.update_expiration(idle)
    }

    fn load(&self, request: &may_minihttp::Request<'_, '_, '_>) -> Result<Session, SessionError> {
        let exchange = self.open_for(request.method());
        let head = RequestHead { method: request.method(), target: request.path(), headers: request.headers() };
        let session = block_on(exchange.session_from(&head))?;
        // Records that the session is in use, if the store can: a request that only looks does not
        // fail for it. Nobody writes the headers of a response, so nothing may be begun that needs
        // them, such as a rotation.
        let _ = block_on(session.save());
        drop(exchange.abandon());
        Ok(session)
    }
}

mod sealed {
    /// The seal of [`SessionsExt`](super::SessionsExt), so that methods can be added to it.
    #[expect(unnameable_types, reason = "a trait that others can name is not sealed")]
    pub trait Sealed {}

    impl Sealed for sessions_core::Sessions {}
}
