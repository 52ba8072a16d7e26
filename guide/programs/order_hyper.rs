use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sessions_hyper::{SessionError, SessionService, Sessions};
use tokio::net::TcpListener;

type Answer = Response<Full<Bytes>>;

/// The outermost function: turns every error into a response.
async fn handle(request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(route(request).await.unwrap_or_else(SessionError::into_response))
}

async fn route(request: Request<Incoming>) -> Result<Answer, SessionError> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/sign-in") => sign_in(request).await,
        (_, path) if path.starts_with("/members/") => members_only(request).await,
        _ => whoami(request).await,
    }
}

async fn sign_in(request: Request<Incoming>) -> Result<Answer, SessionError> {
    sessions_hyper::session(&request).await?.login("ann")?;
    Ok(Answer::default())
}

/// Lets only members through.
async fn members_only(request: Request<Incoming>) -> Result<Answer, SessionError> {
    if sessions_hyper::session(&request).await?.principal().is_some() {
        return whoami(request).await;
    }
    let mut refusal = Answer::default();
    *refusal.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(refusal)
}

async fn whoami(request: Request<Incoming>) -> Result<Answer, SessionError> {
    let session = sessions_hyper::session(&request).await?;
    Ok(Answer::new(session.principal().unwrap_or_default().into()))
}

async fn serve(listener: TcpListener, sessions: Sessions) -> Result<(), Box<dyn std::error::Error>> {
    let service = SessionService::new(sessions, service_fn(handle)); // around everything
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue }; // log it, and pause
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(TcpListener::bind("127.0.0.1:8080").await?, Sessions::builder().build()?).await
}
