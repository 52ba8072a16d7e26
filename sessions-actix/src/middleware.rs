//! What an app is wrapped in.

use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use sessions_core::Sessions;

use crate::service::SessionService;

/// Gives each request access to its session, and saves it before the response headers are sent.
///
/// Handlers get at it with the extractor [`Session`](crate::Session). A request whose handler does
/// not ask for it costs next to nothing: no header is read, no store is asked.
///
/// An `Err` and a panic of a handler end its session like a response does: a failed request saves
/// nothing of what it wrote, but a logout in it holds. If saving fails, the handler's response is
/// not sent; the client gets the bare status of the [`SessionError`](crate::SessionError).
///
/// Wrapping twice with one manager commits once. Of two managers, extractors see the inner one's
/// session.
///
/// # When the client hangs up
///
/// actix-web runs most handlers to their end when the client is gone. By HTTP/1.1 a client that
/// closes its side of the connection may still wait for the answer, unless the server was built
/// with [`h1_allow_half_closed(false)`](actix_web::HttpServer::h1_allow_half_closed); only then is
/// the handler dropped. By HTTP/2 it runs on after the stream was reset: it is a task of its own,
/// and actix-web shows nobody that the stream is gone. A timeout around this middleware drops it.
///
/// | | what the handler wrote | [`destroy`](crate::sessions_core::Session::destroy) |
/// |---|---|---|
/// | runs to its end | is saved, as ever | is carried out |
/// | dropped while it runs | is dropped, but for what it has [saved](crate::sessions_core::Session::save) | is carried out |
/// | dropped during the commit | is saved: the commit goes to its end | is carried out |
/// | a timeout inside answers 408 or a 5xx | is dropped | is carried out |
/// | a panic | is dropped | is carried out |
/// | the body ends early, and an extractor answers 400 | is saved: the response is like any other | is carried out |
///
/// So extract the body first, and write to the session then. What the store does not do at once
/// after a request is dropped, a task on the worker's runtime waits for; it ends with that runtime.
///
/// # Several threads
///
/// Make the manager outside of the closure that [`HttpServer`](actix_web::HttpServer) is given,
/// which runs once for each of its threads:
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
