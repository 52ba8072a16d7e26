//! Cookies in HTTP/2.

use std::net::TcpListener;

use actix_web::web::get;
use actix_web::{App, HttpServer};
use sessions_actix::{Session, SessionMiddleware, Sessions};
use sessions_tests::expect_cookie_in_any_crumb;

async fn login(session: Session) -> &'static str {
    session.login("iris").unwrap();
    ""
}

async fn whoami(session: Session) -> String {
    session.principal().unwrap_or_default()
}

#[actix_web::test]
async fn our_cookie_is_found_in_any_crumb() {
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || {
        let app = App::new().route("/login", get().to(login)).route("/whoami", get().to(whoami));
        app.wrap(SessionMiddleware::new(sessions.clone()))
    });
    tokio::spawn(server.workers(1).disable_signals().listen_auto_h2c(listener).unwrap().run());
    expect_cookie_in_any_crumb(address, "iris").await;
}
