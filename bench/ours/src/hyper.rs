//! hyper with and without sessions.

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use harness::axum::{one_worker, request};
use harness::{Answer, Subject};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sessions_hyper::{SessionError, SessionService, Sessions};
use tokio::net::TcpListener;

type Page = Response<Full<Bytes>>;

pub(crate) fn bare() -> impl Subject {
    Hyper(service_fn(handle_bare))
}

pub(crate) fn with(sessions: Sessions) -> impl Subject {
    Hyper(SessionService::new(sessions, service_fn(handle)))
}

/// A subject that calls a service as its server would.
struct Hyper<S>(S);

impl<S> Subject for Hyper<S>
where
    S: Service<Request<Empty<Bytes>>, Response = Page, Error = Infallible>,
{
    type Response = Page;

    async fn get(&mut self, path: &str, cookie: Option<&str>) -> Page {
        self.0.call(request(path, cookie, Empty::new())).await.unwrap_or_else(|error| match error {})
    }

    fn status(response: &Page) -> u16 {
        response.status().as_u16()
    }

    async fn read(response: Page) -> Answer {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|error| match error {}).to_bytes();
        Answer::new(head.headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes), &body)
    }
}

pub(crate) fn serve(port: u16, sessions: Option<Sessions>) {
    one_worker().block_on(async move {
        let server = match sessions {
            None => tokio::spawn(accept(port, service_fn(handle_bare))),
            Some(sessions) => tokio::spawn(accept(port, SessionService::new(sessions, service_fn(handle)))),
        };
        server.await.expect("the server does not panic");
    });
}

async fn accept<S>(port: u16, service: S)
where
    S: HttpService<Incoming, ResBody = Full<Bytes>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
    }
}

/// Responds with the same texts as with sessions.
async fn handle_bare<B>(request: Request<B>) -> Result<Page, Infallible> {
    static N: AtomicI64 = AtomicI64::new(1);
    Ok(match request.uri().path() {
        "/plain" | "/login" => page("ok"),
        "/read" => page(harness::read_without_session()),
        "/write" => page(N.fetch_add(1, Ordering::Relaxed).to_string()),
        _ => not_found(),
    })
}

async fn handle<B>(request: Request<B>) -> Result<Page, Infallible> {
    if request.uri().path() == "/plain" {
        return Ok(page("ok"));
    }
    Ok(with_session(&request).await.unwrap_or_else(SessionError::into_response))
}

async fn with_session<B>(request: &Request<B>) -> Result<Page, SessionError> {
    let session = sessions_hyper::session(request).await?;
    Ok(match request.uri().path() {
        "/login" => {
            session.set("user", "ann")?;
            session.set("n", &1)?;
            session.set("theme", "dark")?;
            page("ok")
        }
        "/read" => {
            let user: String = session.get("user")?.unwrap_or_default();
            let n: i64 = session.get("n")?.unwrap_or_default();
            page(format!("{user} {n}"))
        }
        "/write" => page(session.increment("n", 1)?.to_string()),
        "/set" => {
            let _user: Option<String> = session.get("user")?;
            tokio::time::sleep(Duration::from_millis(2)).await;
            let key = request.uri().query().and_then(|query| query.strip_prefix("k=")).unwrap_or_default();
            session.set(key, &1)?;
            page("ok")
        }
        "/keys" => page(crate::keys(&session)),
        _ => not_found(),
    })
}

fn page(body: impl Into<Bytes>) -> Page {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn not_found() -> Page {
    let mut response = page("");
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
