//! A wrapper for services whose visitors must be signed in.

use std::pin::Pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::service::Service;
use sessions_http::signed_in_from;

/// A service that only signed-in visitors reach. Wrap it in a
/// [`SessionService`](crate::SessionService).
///
/// Everybody else gets the response that [`signed_in`](crate::signed_in) describes, with an empty
/// body.
///
/// ```
/// use std::convert::Infallible;
///
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use hyper::service::{Service, service_fn};
/// use hyper::{Request, Response, StatusCode};
/// use sessions_hyper::{SessionService, Sessions, SignedInService};
///
/// async fn private(_: Request<Empty<Bytes>>) -> Result<Response<Empty<Bytes>>, Infallible> {
///     Ok(Response::default())
/// }
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().login_page("/login").build()?;
/// let service = SessionService::new(sessions, SignedInService::new(service_fn(private)));
/// let request = Request::get("/orders").header("accept", "text/html").body(Empty::new())?;
/// let response = service.call(request).await?;
/// assert_eq!(response.status(), StatusCode::SEE_OTHER);
/// assert_eq!(response.headers()["location"], "/login?next=/orders");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SignedInService<S> {
    inner: S,
    within: Option<Duration>,
}

impl<S> SignedInService<S> {
    /// Wraps a service.
    pub const fn new(inner: S) -> Self {
        Self { inner, within: None }
    }

    /// Admits only visitors who proved who they are less than `time` ago.
    ///
    /// Others get the response that [`SignedIn::within`](crate::SignedIn::within) describes.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for SignedInService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    RequestBody: Send + 'static,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let (admitted, inner) = (signed_in_from(&request, request.uri(), self.within), self.inner.clone());
        Box::pin(async move {
            // The user is not held while the handler runs: the session would outlive the request.
            match admitted.await.map(drop) {
                Ok(()) => inner.call(request).await,
                Err(error) => Ok(error.into_response()),
            }
        })
    }
}
