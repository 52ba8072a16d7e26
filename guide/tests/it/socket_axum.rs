//! The WebSocket of axum.

#![expect(dead_code, reason = "the program's `main` is not called")]

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Error as SocketError};

use crate::support::Browser;

include!("../../programs/socket_axum.rs");

/// Opens a socket with the cookie of a browser.
pub(crate) async fn connect(
    server: std::net::SocketAddr,
    browser: &Browser,
) -> Result<WebSocketStream<TcpStream>, SocketError> {
    let mut request = format!("ws://{server}/socket").into_client_request()?;
    request.headers_mut().insert("cookie", HeaderValue::from_str(&browser.cookie()).unwrap());
    let stream = TcpStream::connect(server).await.unwrap();
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

/// Sends a text and returns the answer, or `None` once the server has disconnected.
pub(crate) async fn say(socket: &mut WebSocketStream<TcpStream>, text: &str) -> Option<String> {
    socket.send(tungstenite::Message::text(text)).await.unwrap();
    match socket.next().await {
        Some(Ok(tungstenite::Message::Text(text))) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

#[tokio::test]
async fn a_socket_saves_and_ends_with_the_session() {
    let sessions = Sessions::builder().build().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (server, app) = (listener.local_addr().unwrap(), app(sessions.clone()));
    tokio::spawn(axum::serve(listener, app.clone()).into_future());

    let mut browser = Browser::default();
    assert!(connect(server, &browser).await.is_err());
    browser.post(&app, "/sign-in", "").await;
    let mut socket = connect(server, &browser).await.unwrap();
    assert_eq!(say(&mut socket, "hello").await.as_deref(), Some("1: hello"));
    assert_eq!(say(&mut socket, "again").await.as_deref(), Some("2: again"));

    sessions.destroy_principal("ann").await.unwrap();
    assert_eq!(say(&mut socket, "still there?").await, None);
}
