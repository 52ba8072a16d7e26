//! The WebSocket of actix-web.

use crate::socket_axum::{connect, say};
use crate::support::Browser;

include!("../../programs/socket_actix.rs");

#[actix_web::test]
async fn a_socket_saves_and_ends_with_the_session() {
    let sessions = Sessions::builder().build().unwrap();
    let manager = sessions.clone();
    let server = HttpServer::new(move || App::new().wrap(SessionMiddleware::new(manager.clone())).configure(routes));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());

    let mut browser = Browser::default();
    assert!(connect(address, &browser).await.is_err());
    let visit = move || {
        browser.ask(address, "POST", "/sign-in");
        browser
    };
    let browser = web::block(visit).await.unwrap();
    let mut socket = connect(address, &browser).await.unwrap();
    assert_eq!(say(&mut socket, "hello").await.as_deref(), Some("1: hello"));

    sessions.destroy_principal("ann").await.unwrap();
    assert_eq!(say(&mut socket, "still there?").await, None);
}
