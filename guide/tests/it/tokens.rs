//! The program of the page on native clients.

#![expect(dead_code, reason = "the program's `main` is not called")]

use std::net::SocketAddr;

use crate::support::Browser;

include!("../../programs/tokens.rs");

const ANN: &str = r#"{"user": "ann", "password": "open sesame"}"#;

/// Sends a request with a token, and returns the status and the body.
fn send(server: SocketAddr, line: &str, token: &str, body: &str) -> (u16, String) {
    let headers = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let mut client = Browser::default();
    let answer = client.ask_with(server, line, &headers, body);
    assert_eq!(client.set_cookie(), "");
    answer
}

fn token_in((status, body): (u16, String)) -> String {
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<serde_json::Value>(&body).unwrap()["token"].as_str().unwrap().to_owned()
}

fn use_tokens(server: SocketAddr) {
    assert_eq!(send(server, "POST /api/token", "", r#"{"user": "ann", "password": "guess"}"#).0, 401);
    assert_eq!(send(server, "GET /api/me", "", "").0, 401);
    let token = token_in(send(server, "POST /api/token", "", ANN));
    assert_eq!(send(server, "GET /api/me", &token, ""), (200, r#"{"user":"ann"}"#.to_owned()));

    assert_eq!(send(server, "POST /api/confirm", &token, r#"{"user": "bob", "password": "open sesame"}"#).0, 401);
    let renewed = token_in(send(server, "POST /api/confirm", &token, ANN));
    assert_eq!(send(server, "GET /api/me", &token, "").0, 401);
    assert_eq!(send(server, "GET /api/me", &renewed, "").0, 200);

    assert_eq!(send(server, "DELETE /api/token", &renewed, "").0, 200);
    assert_eq!(send(server, "GET /api/me", &renewed, "").0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_use_and_renew_their_tokens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener, sessions().unwrap()).await.unwrap() });
    tokio::task::spawn_blocking(move || use_tokens(server)).await.unwrap();
}
