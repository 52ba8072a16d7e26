//! Explicit calls: handlers that start and finish their session themselves.

use std::time::Duration;

use http::Response;
use sessions_core::Sessions;
use sessions_http::RequestHead;

use crate::error::SessionError;
use crate::extract::Session;

/// Explicit calls that start and finish a session, without a layer.
///
/// [`finish`](Self::finish) writes the changes to the store and the cookie to the response. Call it
/// once, when the response is complete but not sent yet. If it fails, that response must not be
/// sent: it would claim success for data that was not saved.
///
/// A store write that `finish` has begun is completed even if the handler is dropped. Without a
/// layer, a handler that is dropped before it finishes changes only what it
/// [saved](sessions_core::Session::save); even a [`destroy`](sessions_core::Session::destroy) has
/// no effect then.
///
/// Within a [`SessionLayer`](crate::SessionLayer) of the same manager, these calls use the layer's
/// session. Once it is finished explicitly, the layer has nothing left to do.
pub trait SessionsExt: sealed::Sealed {
    /// Loads the session that the request's cookie opens, or returns an empty one.
    ///
    /// An empty session is stored if something is written to it and it is finished.
    ///
    /// Without a middleware around the caller, each call begins an exchange of its own, since it
    /// cannot keep one with a shared request. So call this once per request: two new sessions would
    /// each set a cookie, and the browser would keep only the last. If a middleware of the same
    /// manager wraps an inner service, do not also call `start` outside that middleware. In the
    /// adapters for actix-web and may_minihttp all calls share one session.
    ///
    /// # Errors
    ///
    /// Fails with [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store
    /// cannot be reached, with [`CrossOrigin`](sessions_core::ErrorKind::CrossOrigin) if another
    /// site made the browser send the request, and with
    /// [`TwoTransports`](sessions_core::ErrorKind::TwoTransports) if it has a bearer token beside
    /// our cookie, or two bearer tokens.
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send;

    /// Saves the request's changes and writes the session's headers to the response.
    ///
    /// A response with status 5xx, 408 or 413 drops the request's data but keeps a destroy and a
    /// renewal. A session of another manager is saved by its own manager.
    ///
    /// # Errors
    ///
    /// Fails like [`Session::save`](sessions_core::Session::save) if the changes were not saved, or
    /// may not have been. The response must then not be sent; send the error instead.
    fn finish<B>(
        &self,
        session: &sessions_core::Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Ends the request's session and removes its cookie with the response.
    ///
    /// # Errors
    ///
    /// Fails like [`start`](Self::start), and like [`finish`](Self::finish) in the cases that
    /// [`Session::destroy`](sessions_core::Session::destroy) lists: the session may then still be
    /// live, and its cookie stays.
    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Restarts the idle timeout of the request's session; see
    /// [`Session::shift_expiration`](sessions_core::Session::shift_expiration).
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

    /// Sets the idle timeout of the request's session, and keeps its cookie as long; see
    /// [`Session::update_expiration`](sessions_core::Session::update_expiration).
    ///
    /// # Errors
    ///
    /// Same as [`shift_expiration`](Self::shift_expiration), and
    /// [`ZeroExpiry`](sessions_core::ErrorKind::ZeroExpiry) if `idle` is below one millisecond.
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
        session: &sessions_core::Session,
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

/// Converts the result of a call into this crate's types.
async fn adapt<T, U: From<T>>(
    call: impl Future<Output = Result<T, sessions_http::SessionError>>,
) -> Result<U, SessionError> {
    Ok(call.await?.into())
}

mod sealed {
    /// The seal of [`SessionsExt`](super::SessionsExt), so that methods can be added to it.
    #[expect(unnameable_types, reason = "a trait that others can name is not sealed")]
    pub trait Sealed {}

    impl Sealed for sessions_core::Sessions {}
}
