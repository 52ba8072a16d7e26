//! Cookies in HTTP/2.

use axum::Router;
use axum::routing::get;
use sessions_axum::{Session, SessionLayer};
use sessions_tests::expect_cookie_in_any_crumb;
use tokio::net::TcpListener;

use crate::support::manager_and_store;

async fn login(session: Session) {
    session.login("iris").unwrap();
}

async fn whoami(session: Session) -> String {
    session.principal().unwrap_or_default()
}

#[tokio::test]
async fn our_cookie_is_found_in_any_crumb() {
    let app = Router::new().route("/login", get(login)).route("/whoami", get(whoami));
    let app = app.layer(SessionLayer::new(manager_and_store().0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    expect_cookie_in_any_crumb(address, "iris").await;
}
