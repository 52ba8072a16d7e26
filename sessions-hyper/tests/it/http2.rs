//! Cookies and WebSockets in HTTP/2.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::handshake;
use hyper::ext::Protocol;
use hyper::header::{COOKIE, HeaderName, ORIGIN, SET_COOKIE};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_hyper::{CrossOrigin, SessionError, SessionService, Sessions, session};
use sessions_tests::expect_cookie_in_any_crumb;
use tokio::net::{TcpListener, TcpStream};

const USER: HeaderName = HeaderName::from_static("x-user");

async fn answer(request: &Request<Incoming>) -> Result<Response<String>, SessionError> {
    let session = session(request).await?;
    if request.uri().path() == "/login" {
        session.login("iris")?;
    }
    let mut response = Response::new(session.principal().unwrap_or_default());
    if request.method() == Method::CONNECT {
        // What follows is no body.
        let user = std::mem::take(response.body_mut());
        response.headers_mut().insert(USER, user.parse().unwrap());
    }
    Ok(response)
}

async fn handle(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(answer(&request).await.unwrap_or_else(SessionError::into_response))
}

/// Serves one connection.
async fn serve(sessions: Sessions) -> SocketAddr {
    let service = SessionService::new(sessions, service_fn(handle));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let accepted = TokioIo::new(listener.accept().await.unwrap().0);
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.enable_connect_protocol().serve_connection(accepted, service).await
    });
    address
}

#[tokio::test]
async fn our_cookie_is_found_in_any_crumb() {
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    expect_cookie_in_any_crumb(serve(sessions).await, "iris").await;
}

/// Regression: the `CONNECT` that opens a WebSocket was refused as an unsafe method, although over
/// HTTP/1.1 the handshake passes.
#[tokio::test]
async fn foreign_socket_is_refused_as_over_http1() {
    for (check, statuses) in [(CrossOrigin::RefuseCrossSite, [200, 200]), (CrossOrigin::RefuseCrossOrigin, [200, 403])]
    {
        let sessions = Sessions::builder().sweep_every(None).cross_origin(check).build().unwrap();
        let stream = TokioIo::new(TcpStream::connect(serve(sessions).await).await.unwrap());
        let (mut client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let login = Request::get("https://shop.example/login").body(Empty::<Bytes>::new()).unwrap();
        let login = client.send_request(login).await.unwrap();
        let cookie = login.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
        for (origin, status) in ["https://shop.example", "https://blog.shop.example"].into_iter().zip(statuses) {
            let connect = Request::connect("https://shop.example/socket").extension(Protocol::from_static("websocket"));
            let connect = connect.header(COOKIE, cookie).header(ORIGIN, origin).body(Empty::new()).unwrap();
            let response = client.send_request(connect).await.unwrap();
            let user = response.headers().get(USER).map(|user| user.to_str().unwrap());
            assert_eq!((response.status().as_u16(), user), (status, (status == 200).then_some("iris")), "{origin}");
        }
    }
}
