//! Sessions without the middleware: started and finished by the handler itself.

use std::future::Future;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use sessions_core::{CommitGuard, Error, Sessions};

use crate::complete::complete;
use crate::error::SessionError;
use crate::extract::Session;
use crate::{exchanges, headers};

/// Starts, finishes and destroys sessions with actix-web's own requests and responses.
///
/// For handlers that no [`SessionMiddleware`](crate::SessionMiddleware) is around. Where there is
/// one of the same manager, these calls work on its session, and it leaves alone what they have
/// finished. A request has one session, however often it is started.
///
/// A call that has asked the store to write goes to its end, though its handler is dropped. A
/// handler that is dropped before it finishes changes nothing, and ends nothing either:
/// [`destroy`](crate::sessions_core::Session::destroy) needs its finish.
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse, web};
/// use sessions_actix::{SessionError, Sessions, SessionsExt};
///
/// async fn visits(sessions: web::Data<Sessions>, request: HttpRequest) -> Result<HttpResponse, SessionError> {
///     let session = sessions.start(&request).await?;
///     let visits = session.increment("visits", 1)?;
///
///     let mut response = HttpResponse::Ok().body(visits.to_string());
///     sessions.finish(&session, &mut response).await?;
///     Ok(response)
/// }
/// ```
pub trait SessionsExt: sealed::Sealed {
    /// Loads the session that the request's cookie opens, or begins an empty one. Nothing of it is
    /// saved unless it is [finished](Self::finish).
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store cannot
    /// be asked. The request must then not go on as if nobody were signed in.
    fn start(&self, request: &HttpRequest) -> impl Future<Output = Result<Session, SessionError>>;

    /// Saves what the request did to its session, and writes to the response what that needs:
    /// cookie, `Vary` and `Cache-Control`.
    ///
    /// To be called once, with the response's final status: if it tells of a failure of the server
    /// (5xx), what the request wrote is dropped, and a destroy or a renewal in it is kept.
    ///
    /// # Errors
    ///
    /// Returns why nothing was saved. The response must then not be sent; return the error in its
    /// place.
    fn finish<B>(
        &self,
        session: &sessions_core::Session,
        response: &mut HttpResponse<B>,
    ) -> impl Future<Output = Result<(), SessionError>>;

    /// Ends the request's session for good, on every node, and removes its cookie with the
    /// response.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store cannot
    /// be asked or cannot write: the session may then still live. Return the error in place of the
    /// response.
    fn destroy<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
    ) -> impl Future<Output = Result<(), SessionError>>;

    /// Begins the idle limit of the request's session anew, and that of its cookie.
    ///
    /// # Errors
    ///
    /// Returns [`NoSession`](sessions_core::ErrorKind::NoSession) if the request has none, and what
    /// [`start`](Self::start) and [`finish`](Self::finish) return.
    fn shift_expiration<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
    ) -> impl Future<Output = Result<(), SessionError>>;

    /// Gives the request's session an idle limit of its own, from now on.
    ///
    /// # Errors
    ///
    /// As [`shift_expiration`](Self::shift_expiration).
    fn update_expiration<B>(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>>;
}

impl SessionsExt for Sessions {
    async fn start(&self, request: &HttpRequest) -> Result<Session, SessionError> {
        let exchange = exchanges::join(self, request);
        Ok(headers::load(&exchange, request).await?.into())
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

/// Does one thing to the request's session, and finishes it.
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
    /// Keeps [`SessionsExt`](super::SessionsExt) open to new methods.
    #[expect(unnameable_types, reason = "a trait that others can name is not sealed")]
    pub trait Sealed {}

    impl Sealed for sessions_core::Sessions {}
}
