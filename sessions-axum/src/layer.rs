//! The layer.

use sessions_core::Sessions;
use tower_layer::Layer;

use crate::service::SessionService;

/// Gives each request access to its session, and adds the session's headers to each response.
///
/// For the routes that are to share sessions, often all:
/// `router.layer(SessionLayer::new(sessions))`. Requests that find a layer of the same manager
/// within another pass the inner one untouched. Of two managers, [`Session`](crate::Session)
/// extracts that of the inner layer; the outer's is had by [`start`](crate::SessionsExt::start).
///
/// Layers whose response body has no `Default`, such as tower-http's `TraceLayer`, go around this
/// one, or are added by a `Router::layer` of their own.
///
/// # When the client hangs up
///
/// A handler is dropped when a timeout layer around this one cuts it off, or when its client hangs
/// up: by HTTP/2 when the stream is reset, by HTTP/1.1 when the connection is closed, which hyper
/// sees unless part of the body is still unread, a next request is waiting, or its `half_close` is
/// on.
///
/// | | what the handler wrote | [`destroy`](crate::sessions_core::Session::destroy) |
/// |---|---|---|
/// | dropped while it runs | is dropped, but for what it has [saved](crate::sessions_core::Session::save) | is carried out |
/// | dropped during the commit | is saved: the commit goes to its end | is carried out |
/// | not dropped, since nobody sees that the client is gone | is saved, as ever | is carried out |
/// | a timeout layer inside answers 408 or a 5xx | is dropped | is carried out |
/// | a panic | is dropped | is carried out |
/// | the body ends early, and an extractor answers 400 | is saved: the response is like any other | is carried out |
///
/// So read the body first, and write to the session then. What the store does not do at once after
/// a request is dropped, a task on the current tokio runtime waits for; it ends with that runtime.
///
/// # Cost
///
/// `Router::layer` puts every layer around each route by itself, which costs a request about 1,600
/// instructions and five allocations, more than the session does on a route that never asks for it.
/// A layer around the whole router costs neither:
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
/// Services without axum's extractors have [`start`](crate::SessionsExt::start) too; here it need
/// not be finished:
///
/// ```
/// use http::{Request, Response, header};
/// use sessions_axum::{Error, SessionLayer, Sessions, SessionsExt};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let within = sessions.clone();
/// let service = service_fn(move |request: Request<()>| {
///     let sessions = within.clone();
///     async move {
///         sessions.start(&request).await?.set("name", "iris")?;
///         Ok::<Response<String>, Error>(Response::new("ok".to_owned()))
///     }
/// });
/// let service = SessionLayer::new(sessions).layer(service);
/// let response = service.oneshot(Request::new(())).await?;
/// assert!(response.headers().contains_key(header::SET_COOKIE));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct SessionLayer {
    sessions: Sessions,
}

impl SessionLayer {
    /// Makes a layer for the sessions of one manager.
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
