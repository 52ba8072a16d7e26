//! Cookies in HTTP/2, whose clients may send each in a field of its own (RFC 9113 section 8.2.3).

use std::net::TcpListener;

use actix_web::web::get;
use actix_web::{App, HttpResponse, HttpServer};
use hyper::Request;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::{COOKIE, SET_COOKIE};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_actix::{Session, SessionMiddleware, Sessions};
use tokio::net::TcpStream;

const CRUMBS: usize = 50;

async fn login(session: Session) -> &'static str {
    session.login("iris").unwrap();
    ""
}

/// Sets a header, since that needs no client that reads bodies.
async fn whoami(session: Session) -> HttpResponse {
    HttpResponse::Ok().insert_header(("principal", session.principal().unwrap_or_default())).finish()
}

/// Connects to a server of its own.
async fn connect() -> SendRequest<String> {
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || {
        let app = App::new().route("/login", get().to(login)).route("/whoami", get().to(whoami));
        app.wrap(SessionMiddleware::new(sessions.clone()))
    });
    tokio::spawn(server.workers(1).disable_signals().listen_auto_h2c(listener).unwrap().run());
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (client, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    client
}

#[actix_web::test]
async fn our_cookie_is_found_in_any_crumb() {
    let mut client = connect().await;
    let login = client.send_request(Request::get("http://localhost/login").body(String::new()).unwrap()).await.unwrap();
    let (pair, _) = login.headers()[SET_COOKIE].to_str().unwrap().split_once(';').unwrap();
    for position in 0..CRUMBS {
        let mut request = Request::get("http://localhost/whoami").body(String::new()).unwrap();
        for index in 0..CRUMBS {
            let crumb = if index == position { pair.to_owned() } else { format!("crumb{index}=v{index}") };
            request.headers_mut().append(COOKIE, crumb.parse().unwrap());
        }
        let response = client.send_request(request).await.unwrap();
        assert!(!response.headers().contains_key(SET_COOKIE), "crumb {position}");
        assert_eq!(response.headers()["principal"], "iris", "crumb {position}");
    }
}
