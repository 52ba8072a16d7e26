//! The service wrapper.

use http::{Request, Response};
use hyper::service::Service;
use sessions_core::Sessions;
use sessions_http::{ResponseFuture, open};

/// A service whose requests have sessions, which handlers get with [`session`](crate::session).
///
/// Cloning is cheap: clone it for each connection. If wrappers of the same manager are nested, the
/// inner one does nothing. With two managers, [`session`](crate::session) returns the session of
/// the inner wrapper; use [`start`](crate::SessionsExt::start) for the outer one. Each manager
/// needs its own [`cookie_name`](crate::SessionsBuilder::cookie_name), or they overwrite each
/// other's cookie.
///
/// The response body must implement `Default`, which should be an empty body: it is sent with the
/// error's status if the session cannot be saved.
///
/// # When the client disconnects
///
/// A handler is dropped when a timeout around this wrapper cuts it off, or when its client
/// disconnects: with HTTP/2 when the stream is reset, with HTTP/1.1 when the connection is closed.
/// hyper notices the latter unless part of the body is still unread, another request is waiting, or
/// `half_close` is enabled.
///
/// | | the handler's writes | [`destroy`](crate::Session::destroy) |
/// |---|---|---|
/// | dropped while it runs | dropped, except what it [saved](crate::Session::save) | carried out |
/// | dropped during the commit | saved: the commit is completed | carried out |
/// | not dropped, because the disconnect goes unnoticed | saved as usual | carried out |
/// | a timeout inside answers 408 or a 5xx | dropped | carried out |
/// | a panic | dropped | carried out |
/// | the body ends early, and the handler answers 400 | saved: the response is like any other | carried out |
///
/// So read the body before you write to the session. If the store does not answer at once after a
/// request is dropped, a task on the current tokio runtime waits for it; it ends with that runtime.
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
