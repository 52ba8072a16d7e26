//! The explicit calls: a handler that starts and finishes its session itself.

use std::time::Duration;

use http::Response;
use sessions_core::Sessions;
use sessions_http::RequestHead;

use crate::error::SessionError;
use crate::extract::Session;

/// Starts and finishes sessions by hand, with the request's and the response's own types.
///
/// Changes reach the store, and the cookie the client, with [`finish`](Self::finish), which is
/// called once, when the response is made and not yet sent. If it fails, that response must not be
/// sent: it would claim success for data that was not saved.
///
/// A call that has asked the store to write goes to its end even if its handler is dropped. A
/// handler that is dropped before it finishes changes nothing, and a
/// [`destroy`](sessions_core::Session::destroy) in it ends nothing either.
///
/// Within a [`SessionLayer`](crate::SessionLayer) of the same manager, these calls use the layer's
/// session, and finishing it by hand leaves nothing for the layer to do.
pub trait SessionsExt: sealed::Sealed {
    /// Loads the session that the request's cookie opens, or begins an empty one, which is stored if
    /// something is written to it and it is finished.
    ///
    /// # Errors
    ///
    /// Fails with [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store
    /// cannot be reached.
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send;

    /// Saves what the request changed, and writes the session's headers to the response: the cookie,
    /// and what caches must know.
    ///
    /// A response with a 5xx status drops the request's data, and keeps a destroy and a renewal.
    ///
    /// # Errors
    ///
    /// Fails if nothing was saved. The response must then not be sent; send the error in its place.
    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Ends the request's session for good, and removes its cookie with the response.
    ///
    /// # Errors
    ///
    /// Fails with [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store
    /// fails: the session may then still live.
    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Restarts the idle timeout of the request's session, and of its cookie.
    ///
    /// # Errors
    ///
    /// Fails with [`NoSession`](sessions_core::ErrorKind::NoSession) if the request has none, and
    /// like [`start`](Self::start) and [`finish`](Self::finish).
    fn shift_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Gives the request's session an idle timeout of its own.
    ///
    /// # Errors
    ///
    /// As [`shift_expiration`](Self::shift_expiration).
    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;
}

impl SessionsExt for Sessions {
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send {
        adapt(sessions_http::SessionsExt::start(self, request))
    }

    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        adapt(sessions_http::SessionsExt::finish(self, session, response))
    }

    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        adapt(sessions_http::SessionsExt::destroy(self, request, response))
    }

    fn shift_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        adapt(sessions_http::SessionsExt::shift_expiration(self, request, response))
    }

    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        adapt(sessions_http::SessionsExt::update_expiration(self, request, response, idle))
    }
}

/// Turns the result of a call into one of this crate's types.
async fn adapt<T, U: From<T>>(
    call: impl Future<Output = Result<T, sessions_http::SessionError>>,
) -> Result<U, SessionError> {
    Ok(call.await?.into())
}

mod sealed {
    /// Keeps [`SessionsExt`](super::SessionsExt) open to new methods.
    #[expect(unnameable_types, reason = "a trait that others can name is not sealed")]
    pub trait Sealed {}

    impl Sealed for sessions_core::Sessions {}
}
