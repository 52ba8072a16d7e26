//! Cookies in HTTP/2, whose clients may send each in a separate field (RFC 9113 section 8.2.3).

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2::handshake;
use hyper::header::{COOKIE, SET_COOKIE};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

const CRUMBS: usize = 50;

/// Expects that an HTTP/2 server finds the session's cookie in any `Cookie` field.
///
/// A `GET` of `/login` signs a user in, and `/whoami` answers with the name.
///
/// # Panics
///
/// Panics if the cookie is not found, or the server does not speak HTTP/2.
pub async fn expect_cookie_in_any_crumb(server: SocketAddr, user: &str) {
    let stream = TcpStream::connect(server).await.expect("the server listens");
    let (mut client, connection) =
        handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    let get = |path: &str| {
        Request::get(format!("http://localhost{path}")).body(Empty::<Bytes>::new()).expect("the path is valid")
    };
    let login = client.send_request(get("/login")).await.expect("there is a response");
    let cookie = login.headers()[SET_COOKIE].to_str().expect("a cookie is ASCII");
    let (pair, _) = cookie.split_once(';').expect("the cookie has attributes");
    for position in 0..CRUMBS {
        let mut request = get("/whoami");
        for index in 0..CRUMBS {
            let crumb = if index == position { pair.to_owned() } else { format!("crumb{index}=v{index}") };
            request.headers_mut().append(COOKIE, crumb.parse().expect("a cookie is a valid header"));
        }
        let response = client.send_request(request).await.expect("there is a response");
        assert!(!response.headers().contains_key(SET_COOKIE), "crumb {position}");
        let body = response.into_body().collect().await.expect("the body is whole");
        assert_eq!(body.to_bytes(), user, "crumb {position}");
    }
}
