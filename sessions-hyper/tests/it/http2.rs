//! Cookies in HTTP/2.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_hyper::{SessionError, SessionService, Sessions, session};
use sessions_tests::expect_cookie_in_any_crumb;
use tokio::net::TcpListener;

async fn answer(request: &Request<Incoming>) -> Result<Response<String>, SessionError> {
    let session = session(request).await?;
    if request.uri().path() == "/login" {
        session.login("iris")?;
    }
    Ok(Response::new(session.principal().unwrap_or_default()))
}

async fn handle(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(answer(&request).await.unwrap_or_else(SessionError::into_response))
}

#[tokio::test]
async fn our_cookie_is_found_in_any_crumb() {
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    let service = SessionService::new(sessions, service_fn(handle));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let accepted = TokioIo::new(listener.accept().await.unwrap().0);
        http2::Builder::new(TokioExecutor::new()).serve_connection(accepted, service).await
    });
    expect_cookie_in_any_crumb(address, "iris").await;
}
