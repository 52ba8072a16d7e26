//! The service that [`SessionLayer`](crate::SessionLayer) produces.

use std::task::{Context, Poll};

use http::{Request, Response};
use sessions_core::Sessions;
use sessions_http::{ResponseFuture, open};
use tower_service::Service;

/// A service whose requests have sessions, created by [`SessionLayer`](crate::SessionLayer).
///
/// The response body must implement `Default`, which should be an empty body: it is sent with the
/// error's status if the session cannot be saved.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    sessions: Sessions,
    inner: S,
}

impl<S> SessionService<S> {
    /// Wraps a service.
    pub const fn new(sessions: Sessions, inner: S) -> Self {
        Self { sessions, inner }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let exchange = open(&self.sessions, &mut request);
        // Called now rather than inside the future: this service was polled ready, but a clone
        // would not have been.
        ResponseFuture::new(self.inner.call(request), exchange)
    }
}
