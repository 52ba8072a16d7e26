//! The demo on hyper: `cargo run --bin demo-hyper`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use sessions_examples::{Failure, Options, accept, announce, app, shutdown_signal};
use sessions_hyper::{SessionError, SessionService, TrustedProxies, device, signed_in};
use tokio::net::TcpListener;

/// The largest request body, in bytes.
const MAX_BODY: usize = 1 << 20;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::from_args();
    let (sessions, proxies) = (options.sessions()?, Arc::new(options.proxies()?));
    let listener = TcpListener::bind(options.address()).await.map_err(|error| options.failure_to_listen(error))?;
    announce(listener.local_addr()?);
    let connections = GracefulShutdown::new();
    let mut end = pin!(shutdown_signal());
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut end => break,
        };
        let proxies = Arc::clone(&proxies);
        let service = service_fn(move |request| handle(request, peer, Arc::clone(&proxies)));
        let service = SessionService::new(sessions.clone(), service);
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // An error, such as a client that disconnects, ends this connection only.
        tokio::spawn(connections.watch(connection));
    }
    connections.shutdown().await;
    Ok(())
}

async fn handle(
    request: Request<Incoming>,
    peer: SocketAddr,
    proxies: Arc<TrustedProxies>,
) -> Result<Answer, Infallible> {
    let method = request.method().as_str();
    if request.uri().path() == "/plain" {
        let request = app::Request::new(method, request.uri().path(), "", b"");
        return Ok(respond(app::answer_without_session(request)));
    }
    let answer = match (method, request.uri().path()) {
        ("GET" | "HEAD", "/private" | "/fresh") | ("POST", "/private") => private(&request).await,
        _ => with_session(request, peer, &proxies).await,
    };
    Ok(answer.unwrap_or_else(SessionError::into_response))
}

async fn private(request: &Request<Incoming>) -> Result<Answer, SessionError> {
    let user = signed_in(request).await?;
    if request.uri().path() == "/fresh" {
        user.within(app::freshness(request.uri().query().unwrap_or_default()))?;
    }
    Ok(respond(app::answer_signed_in(user.principal())))
}

async fn with_session(
    request: Request<Incoming>,
    peer: SocketAddr,
    proxies: &TrustedProxies,
) -> Result<Answer, SessionError> {
    let session = sessions_hyper::session(&request).await?;
    let device = device(&request, peer.ip(), proxies);
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(respond(app::Reply::status(413)));
    };
    let body = body.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    let request = app::Request::new(head.method.as_str(), head.uri.path(), query, &body).from_device(&device);
    let wait: app::Wait = |duration| Box::pin(tokio::time::sleep(duration));
    Ok(respond(app::answer(request, &session, wait).await?))
}

fn respond(reply: app::Reply) -> Answer {
    let body = match reply.body {
        app::Body::Text(text) => Full::from(text).boxed_unsync(),
        app::Body::Visits(visits) => StreamBody::new(visits.into_stream().map_ok(Frame::data)).boxed_unsync(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
