//! Subjects that are tower services.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::RouterIntoService;
use http::header::SET_COOKIE;
use http::{HeaderValue, Request, Response};
use tower_service::Service;

use crate::subject::{Answer, Subject};

/// Calls a router as its server would.
#[derive(Debug)]
pub struct Axum(RouterIntoService<Body>);

impl Axum {
    /// Takes a router whose state is complete.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self(router.into_service())
    }
}

impl Subject for Axum {
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

/// Makes a request as a server would hand it over.
pub fn request<B>(path: &str, cookie: Option<&str>, body: B) -> Request<B> {
    let mut request = Request::builder().uri(path).header("host", "127.0.0.1");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.body(body).expect("the parts are legal")
}

/// Serves on one worker thread.
pub fn serve(port: u16, make: impl AsyncFnOnce() -> Router) {
    one_worker().block_on(async move {
        let router = make().await;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        // The connections' tasks are spawned onto the worker; this thread only waits.
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        server.await.expect("the server does not panic").expect("the server goes on");
    });
}

/// Makes a runtime that serves on one worker thread.
#[must_use]
pub fn one_worker() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime can be had")
}
