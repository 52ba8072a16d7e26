//! The service wrapper.

use http::{Request, Response};
use hyper::service::Service;
use sessions_core::Sessions;
use sessions_http::{ResponseFuture, open};

/// A service whose requests have sessions, which handlers get with [`session`](crate::session).
///
/// Cloning is cheap: one for each connection. A wrapper of the same manager within another passes
/// requests on untouched. Of two managers, [`session`](crate::session) gives that of the inner
/// wrapper; the outer's is had by [`start`](crate::SessionsExt::start).
///
/// The body of its responses may be any with a `Default` that is empty: where the session cannot be
/// saved, the response is a bare one.
///
/// # When the client hangs up
///
/// A handler is dropped when a timeout around this wrapper cuts it off, or when its client hangs
/// up: by HTTP/2 when the stream is reset, by HTTP/1.1 when the connection is closed, which hyper
/// sees unless part of the body is still unread, a next request is waiting, or its `half_close` is
/// on.
///
/// | | what the handler wrote | [`destroy`](crate::Session::destroy) |
/// |---|---|---|
/// | dropped while it runs | is dropped, but for what it has [saved](crate::Session::save) | is carried out |
/// | dropped during the commit | is saved: the commit goes to its end | is carried out |
/// | not dropped, since nobody sees that the client is gone | is saved, as ever | is carried out |
/// | a timeout inside answers 408 or a 5xx | is dropped | is carried out |
/// | a panic | is dropped | is carried out |
/// | the body ends early, and the handler answers 400 | is saved: the response is like any other | is carried out |
///
/// So read the body first, and write to the session then. What the store does not do at once after
/// a request is dropped, a task on the current tokio runtime waits for; it ends with that runtime.
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
