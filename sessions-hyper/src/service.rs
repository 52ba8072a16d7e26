//! The service wrapper.

use http::{Request, Response};
use hyper::service::Service;
use sessions_core::Sessions;
use sessions_http::{ResponseFuture, open};

/// Is a service whose requests have sessions, which handlers get with [`session`](crate::session).
///
/// Cheap to clone, one for each connection. A wrapper of the same manager within another passes requests on untouched. Of two managers,
/// [`session`](crate::session) gives that of the inner wrapper; the outer's is had by [`start`](crate::SessionsExt::start).
///
/// The body of its responses may be any with a `Default` that is empty: where the session cannot be saved, the response is a bare one.
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

    fn call(&self, mut request: Request<RequestBody>) -> Self::Future {
        let exchange = open(&self.sessions, &mut request);
        ResponseFuture::new(self.inner.call(request), exchange)
    }
}
