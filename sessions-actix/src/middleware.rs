//! What an app is wrapped in.

use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use sessions_core::Sessions;

use crate::service::SessionService;

/// Gives every request of what it wraps a session, and finishes it before the response's head leaves.
///
/// Handlers get at it with the extractor [`Session`](crate::Session). A request whose handler does not ask for it costs next to nothing: no
/// header is read, no store is asked.
///
/// Finished is every response, also what comes back as an `Err`, and a request whose handler panics: a failed request saves nothing of what
/// it wrote, but a logout in it holds. If saving fails, the handler's response is not sent; the client gets the bare status of the
/// [`SessionError`](crate::SessionError).
///
/// Wrapping twice with one manager commits once. Of two managers, extractors see the inner one's session.
///
/// Make the manager outside of the closure that [`HttpServer`](actix_web::HttpServer) is given, which runs once for each of its threads:
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
    /// Makes the middleware of a manager.
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
