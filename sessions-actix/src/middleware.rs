//! The middleware that adds sessions to an app.

use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use sessions_core::Sessions;

use crate::service::SessionService;

/// A middleware that gives each request its session and saves it before the response headers are
/// sent.
///
/// Handlers get the session with the extractor [`Session`](crate::Session). A request whose handler
/// does not ask for it costs next to nothing: no header is read and the store is not accessed.
///
/// An `Err` counts as a response with the error's status: a 5xx, 408 or 413 drops the request's
/// writes, and other statuses save them. A panic drops them too. A logout takes effect in each
/// case. If saving fails, the handler's response is not sent; the client gets the bare status of
/// the [`SessionError`](crate::SessionError).
///
/// Errors are passed on unchanged, so outer middleware still sees the original error type. The
/// session's headers are added to its response by a [mapper](Error::add_response_mapper).
/// Middleware that makes the response itself should use [`Error::error_response`]:
/// `ServiceResponse::from_err` and `HttpResponse::from_error` of actix-web 4.18 leave mappers out,
/// and the client would get no cookie. If `status_code` is 500, `error_response` is called twice,
/// because some errors set their status only in the response. Errors returned by middleware should
/// therefore not log in `error_response`.
///
/// Wrapping twice with one manager commits once. With two managers, extractors get the session of
/// the inner one. Each manager needs its own
/// [`cookie_name`](crate::SessionsBuilder::cookie_name), or they overwrite each other's cookie.
///
/// # When the client disconnects
///
/// actix-web runs most handlers to completion even if the client is gone. With HTTP/1.1, a client
/// that closes its side of the connection may still wait for the response, so the handler is
/// dropped only if the server was built with
/// [`h1_allow_half_closed(false)`](actix_web::HttpServer::h1_allow_half_closed). With HTTP/2, the
/// handler runs on after the stream was reset: it is a task of its own, and actix-web does not
/// report the reset. A timeout around this middleware drops it.
///
/// | | the handler's writes | [`destroy`](crate::sessions_core::Session::destroy) |
/// |---|---|---|
/// | runs to completion | saved as usual | carried out |
/// | dropped while it runs | dropped, except what it [saved](crate::sessions_core::Session::save) | carried out |
/// | dropped during the commit | saved: the commit is completed | carried out |
/// | a timeout inside answers 408 or a 5xx | dropped | carried out |
/// | a panic | dropped | carried out |
/// | the body ends early, and an extractor answers 400 | saved: the response is like any other | carried out |
///
/// So extract the body before you write to the session. If the store does not answer at once after
/// a request is dropped, a task on the worker's runtime waits for it; it ends with that runtime.
///
/// # Several threads
///
/// Build the manager outside the closure that you pass to [`HttpServer`](actix_web::HttpServer),
/// which runs once per worker thread:
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use sessions_actix::{SessionMiddleware, Sessions};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder().build()?;
/// HttpServer::new(move || App::new().wrap(SessionMiddleware::new(sessions.clone())))
///     .bind(("127.0.0.1", 8080))?
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SessionMiddleware {
    sessions: Sessions,
}

impl SessionMiddleware {
    /// Creates the middleware for a manager.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(SessionService::new(service, self.sessions.clone())))
    }
}
