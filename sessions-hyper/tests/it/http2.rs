//! Cookies in HTTP/2, whose clients may send each in a field of its own (RFC 9113 section 8.2.3).

use std::convert::Infallible;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::{COOKIE, SET_COOKIE};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_hyper::{SessionError, SessionService, Sessions, session};
use tokio::net::{TcpListener, TcpStream};

const CRUMBS: usize = 50;

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

/// Serves one connection, and returns its client.
async fn connect() -> SendRequest<Empty<Bytes>> {
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let accepted = TokioIo::new(listener.accept().await.unwrap().0);
    let service = SessionService::new(sessions, service_fn(handle));
    tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(accepted, service));
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn our_cookie_is_found_in_any_crumb() {
    let mut client = connect().await;
    let login = client.send_request(Request::get("http://localhost/login").body(Empty::new()).unwrap()).await.unwrap();
    let (pair, _) = login.headers()[SET_COOKIE].to_str().unwrap().split_once(';').unwrap();
    for position in 0..CRUMBS {
        let mut request = Request::get("http://localhost/whoami").body(Empty::new()).unwrap();
        for index in 0..CRUMBS {
            let crumb = if index == position { pair.to_owned() } else { format!("crumb{index}=v{index}") };
            request.headers_mut().append(COOKIE, crumb.parse().unwrap());
        }
        let response = client.send_request(request).await.unwrap();
        assert!(!response.headers().contains_key(SET_COOKIE), "crumb {position}");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "iris", "crumb {position}");
    }
}
