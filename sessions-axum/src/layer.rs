//! The layer that adds sessions to a service.

use sessions_core::Sessions;
use tower_layer::Layer;

use crate::service::SessionService;

/// A layer that gives each request its session and adds the session's headers to each response.
///
/// Apply it to all routes that share sessions: `router.layer(SessionLayer::new(sessions))`. If
/// layers of the same manager are nested, the inner one does nothing. With two managers,
/// [`Session`](crate::Session) extracts the session of the inner layer; use
/// [`start`](crate::SessionsExt::start) for the outer one. Each manager needs its own
/// [`cookie_name`](crate::SessionsBuilder::cookie_name), or they overwrite each other's cookie.
///
/// The response body must implement `Default`. Layers whose response body does not, such as
/// tower-http's `TraceLayer`, must be placed outside this one or added by a separate
/// `Router::layer` call.
///
/// # When the client disconnects
///
/// A handler is dropped when a timeout layer around this one cuts it off, or when its client
/// disconnects: with HTTP/2 when the stream is reset, with HTTP/1.1 when the connection is closed.
/// hyper notices the latter unless part of the body is still unread, another request is waiting, or
/// `half_close` is enabled.
///
/// | | the handler's writes | [`destroy`](crate::sessions_core::Session::destroy) |
/// |---|---|---|
/// | dropped while it runs | dropped, except what it [saved](crate::sessions_core::Session::save) | carried out |
/// | dropped during the commit | saved: the commit is completed | carried out |
/// | not dropped, because the disconnect goes unnoticed | saved as usual | carried out |
/// | a timeout layer inside answers 408 or a 5xx | dropped | carried out |
/// | a panic | dropped | carried out |
/// | the body ends early, and an extractor answers 400 | saved: the response is like any other | carried out |
///
/// So read the body before you write to the session. If the store does not answer at once after a
/// request is dropped, a task on the current tokio runtime waits for it; it ends with that runtime.
///
/// # Cost
///
/// `Router::layer` wraps each route separately, which costs a request about 1,600 instructions and
/// five allocations, more than the session does on a route that never asks for it. A layer around
/// the whole router avoids that:
///
/// ```no_run
/// use axum::extract::Request;
/// use axum::{Router, ServiceExt, routing::get};
/// use sessions_axum::{SessionLayer, Sessions};
/// use tower::Layer;
///
/// # async fn serve(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder().build()?;
/// let router = Router::new().route("/", get(|| async { "hello" }));
/// let app = SessionLayer::new(sessions).layer(router);
/// axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Without axum
///
/// Services without axum's extractors can use [`start`](crate::SessionsExt::start) too; within the
/// layer there is no need to finish the session. Convert errors into responses: if a service fails,
/// its server closes the connection, and the session's changes are lost.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response, header};
/// use sessions_axum::{SessionError, SessionLayer, Sessions, SessionsExt};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// async fn rename(sessions: &Sessions, request: &Request<()>) -> Result<Response<String>, SessionError> {
///     sessions.start(request).await?.set("name", "iris")?;
///     Ok(Response::new("ok".to_owned()))
/// }
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let within = sessions.clone();
/// let service = service_fn(move |request: Request<()>| {
///     let sessions = within.clone();
///     async move {
///         let response = rename(&sessions, &request).await;
///         Ok::<_, Infallible>(response.unwrap_or_else(SessionError::into_bare_response))
///     }
/// });
/// let service = SessionLayer::new(sessions).layer(service);
/// let response = service.oneshot(Request::new(())).await?;
/// assert!(response.headers().contains_key(header::SET_COOKIE));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias = "SessionManagerLayer")]
#[derive(Clone, Debug)]
pub struct SessionLayer {
    sessions: Sessions,
}

impl SessionLayer {
    /// Creates a layer for the sessions of one manager.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(self.sessions.clone(), inner)
    }
}
