//! The explicit form: sessions from their manager, for a request.

use sessions_core::{Error, Session, Sessions};

use crate::request::Request;

/// Starts and destroys sessions from their manager, for a program that has several of them, each with a cookie of its own.
///
/// There is no call to finish one: whatever a request starts is finished when its service returns.
///
/// ```
/// use sessions_minihttp::{BoxError, Request, Response, Sessions, SessionsExt};
///
/// fn service(staff: Sessions) -> impl FnMut(Request<'_>, &mut Response) -> Result<(), BoxError> + Clone {
///     move |request, response| {
///         match request.path() {
///             "/staff/logout" => staff.destroy(&request)?,
///             _ => staff.start(&request)?.set("seen", &true)?,
///         }
///         response.body("ok");
///         Ok(())
///     }
/// }
/// ```
pub trait SessionsExt {
    /// Loads the manager's session of a request, and returns it; the same one at every call.
    ///
    /// # Errors
    ///
    /// As [`Request::session`].
    fn start(&self, request: &Request<'_>) -> Result<Session, Error>;

    /// Ends the manager's session of a request, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Request::session`]. Whether the store could end it shows when the request is finished; if not, the client is told 503.
    fn destroy(&self, request: &Request<'_>) -> Result<(), Error>;
}

impl SessionsExt for Sessions {
    fn start(&self, request: &Request<'_>) -> Result<Session, Error> {
        request.session_of(self)
    }

    fn destroy(&self, request: &Request<'_>) -> Result<(), Error> {
        self.start(request)?.destroy();
        Ok(())
    }
}
