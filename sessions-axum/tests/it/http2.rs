//! Cookies in HTTP/2, whose clients may send each in a field of its own (RFC 9113 section 8.2.3).

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::routing::get;
use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_axum::{Session, SessionLayer};
use tokio::net::{TcpListener, TcpStream};

use crate::support::manager_and_store;

const CRUMBS: usize = 50;

async fn login(session: Session) {
    session.login("iris").unwrap();
}

async fn whoami(session: Session) -> String {
    session.principal().unwrap_or_default()
}

/// Connects to a server of its own.
async fn connect() -> SendRequest<Body> {
    let app = Router::new().route("/login", get(login)).route("/whoami", get(whoami));
    let app = app.layer(SessionLayer::new(manager_and_store().0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn our_cookie_is_found_in_any_crumb() {
    let mut client = connect().await;
    let login = client.send_request(Request::get("http://localhost/login").body(Body::empty()).unwrap()).await.unwrap();
    let (pair, _) = login.headers()[SET_COOKIE].to_str().unwrap().split_once(';').unwrap();
    for position in 0..CRUMBS {
        let mut request = Request::get("http://localhost/whoami").body(Body::empty()).unwrap();
        for index in 0..CRUMBS {
            let crumb = if index == position { pair.to_owned() } else { format!("crumb{index}=v{index}") };
            request.headers_mut().append(COOKIE, crumb.parse().unwrap());
        }
        let response = client.send_request(request).await.unwrap();
        assert!(!response.headers().contains_key(SET_COOKIE), "crumb {position}");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "iris", "crumb {position}");
    }
}
