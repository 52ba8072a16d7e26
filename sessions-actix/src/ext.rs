//! Explicit calls: handlers that start and finish their session themselves.

use std::future::Future;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use sessions_core::adapter::CommitGuard;
use sessions_core::{Error, Sessions};

use crate::complete::complete;
use crate::error::SessionError;
use crate::extract::Session;
use crate::request::Head;
use crate::{exchanges, headers};

/// Explicit calls that start, finish and destroy a session, without a middleware.
///
/// Within a [`SessionMiddleware`](crate::SessionMiddleware) of the same manager, these calls use
/// the middleware's session, and the middleware skips what they have finished. A request has one
/// session, however often it is started.
///
/// A store write that `finish` has begun is completed even if the handler is dropped. Without a
/// middleware, a handler that is dropped before it finishes changes only what it
/// [saved](crate::sessions_core::Session::save); even a
/// [`destroy`](crate::sessions_core::Session::destroy) has no effect then.
///
/// The [crate's documentation](crate#without-the-middleware) has an example.
pub trait SessionsExt: sealed::Sealed {
    /// Loads the session that the request's cookie opens, or returns an empty one.
    ///
    /// Its changes are saved only if it is [finished](Self::finish).
    ///
    /// All calls for one request share its session, also without a middleware: actix-web lets them
    /// keep it with the request. In the adapters for axum and hyper each call then begins anew.
    /// Without a middleware, the first call writes to the request's
    /// [extensions](actix_web::HttpMessage::extensions), and panics while they are borrowed.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store cannot
    /// be reached. The visitor must then not be treated as signed out. Returns
    /// [`CrossOrigin`](sessions_core::ErrorKind::CrossOrigin) if another site made the browser send
    /// the request, and [`TwoTransports`](sessions_core::ErrorKind::TwoTransports) if it has a
    /// bearer token beside our cookie, or two bearer tokens.
    fn start(&self, request: &HttpRequest) -> impl Future<Output = Result<Session, SessionError>>;

    /// Saves the request's changes and writes the session's headers to the response.
    ///
    /// Call it once, with the response's final status. A 5xx, 408 or 413 drops the request's data
    /// but keeps a destroy and a renewal. A session of another manager is saved by its own manager.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Session::save`](sessions_core::Session::save) if the changes were
    /// not saved, or may not have been. The response must then not be sent; return the error
    /// instead.
    fn finish<B>(
        &self,
        session: &sessions_core::Session,
        response: &mut HttpResponse<B>,
    ) -> impl Future<Output = Result<(), SessionError>>;

    /// Ends the request's session on every node and removes its cookie with the response.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start`](Self::start), and those of [`finish`](Self::finish) in the
    /// cases that [`Session::destroy`](sessions_core::Session::destroy) lists: the session may then
    /// still be live, and its cookie stays. Return the error instead of the response.
    fn destroy<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
    ) -> impl Future<Output = Result<(), SessionError>>;

    /// Restarts the idle timeout of the request's session; see
    /// [`Session::shift_expiration`](sessions_core::Session::shift_expiration).
    ///
    /// # Errors
    ///
    /// Returns [`NoSession`](sessions_core::ErrorKind::NoSession) if the request has none, and the
    /// errors of [`start`](Self::start) and [`finish`](Self::finish).
    fn shift_expiration<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
    ) -> impl Future<Output = Result<(), SessionError>>;

    /// Sets the idle timeout of the request's session, and keeps its cookie as long; see
    /// [`Session::update_expiration`](sessions_core::Session::update_expiration).
    ///
    /// # Errors
    ///
    /// Same as [`shift_expiration`](Self::shift_expiration), and
    /// [`ZeroExpiry`](sessions_core::ErrorKind::ZeroExpiry) if `idle` is below one millisecond.
    fn update_expiration<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>>;
}

impl SessionsExt for Sessions {
    async fn start(&self, request: &HttpRequest) -> Result<Session, SessionError> {
        let load = exchanges::join(self, request).session_from(&Head(request));
        Ok(load.await?.into())
    }

    async fn finish<B>(
        &self,
        session: &sessions_core::Session,
        response: &mut HttpResponse<B>,
    ) -> Result<(), SessionError> {
        let commit = session.exchange().end(response.status().as_u16());
        headers::write(CommitGuard::new(commit, complete).await?, response.headers_mut());
        Ok(())
    }

    async fn destroy<B>(&self, request: &HttpRequest, response: &mut HttpResponse<B>) -> Result<(), SessionError> {
        alter(self, request, response, |session| {
            session.destroy();
            Ok(())
        })
        .await
    }

    async fn shift_expiration<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
    ) -> Result<(), SessionError> {
        alter(self, request, response, |session| session.shift_expiration()).await
    }

    async fn update_expiration<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
        idle: Duration,
    ) -> Result<(), SessionError> {
        alter(self, request, response, |session| session.update_expiration(idle)).await
    }
}

/// Changes the request's session and finishes it.
async fn alter<B>(
    sessions: &Sessions,
    request: &HttpRequest,
    response: &mut HttpResponse<B>,
    change: impl FnOnce(&Session) -> Result<(), Error>,
) -> Result<(), SessionError> {
    let session = sessions.start(request).await?;
    change(&session)?;
    sessions.finish(&session, response).await
}

mod sealed {
    /// The seal of [`SessionsExt`](super::SessionsExt), so that methods can be added to it.
    #[expect(unnameable_types, reason = "a trait that others can name is not sealed")]
    pub trait Sealed {}

    impl Sealed for sessions_core::Sessions {}
}
