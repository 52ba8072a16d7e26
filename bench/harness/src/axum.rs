//! Subjects that are tower services.

use std::convert::Infallible;

use axum::ServiceExt;
use axum::body::{Body, to_bytes};
use http::header::SET_COOKIE;
use http::{HeaderValue, Request, Response};
use tower_service::Service;

use crate::subject::{Answer, Subject};

/// A router or a layer around one.
pub trait Routes:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Routes for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// A subject that calls a router, or a layer around it, as its server would.
#[derive(Debug)]
pub struct Axum<S>(pub S);

impl<S: Routes> Subject for Axum<S> {
    type Response = Response<Body>;

    async fn get(&mut self, path: &str, cookie: Option<&str>) -> Response<Body> {
        let request = request(path, cookie, Body::empty());
        self.0.call(request).await.unwrap_or_else(|error| match error {})
    }

    fn status(response: &Response<Body>) -> u16 {
        response.status().as_u16()
    }

    async fn read(response: Response<Body>) -> Answer {
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the body is in memory");
        Answer::new(head.headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes), &body)
    }
}

/// Returns a request as a server would pass it.
pub fn request<B>(path: &str, cookie: Option<&str>, body: B) -> Request<B> {
    let mut request = Request::builder().uri(path).header("host", "127.0.0.1");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.body(body).expect("the parts are legal")
}

/// Serves on one worker thread.
pub fn serve<S: Routes>(port: u16, make: impl AsyncFnOnce() -> S) {
    one_worker().block_on(async move {
        let service = make().await;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        // The connections' tasks run on the worker; this thread only waits.
        let server = tokio::spawn(async move { axum::serve(listener, service.into_make_service()).await });
        server.await.expect("the server does not panic").expect("the server keeps running");
    });
}

/// Returns a runtime with one worker thread.
#[must_use]
pub fn one_worker() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime can be created")
}
