use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};

async fn sign_in(session: Session) -> Result<(), SessionError> {
    Ok(session.login("ann")?)
}

async fn open(session: Session, upgrade: WebSocketUpgrade) -> Response {
    if session.principal().is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(move |socket| talk(session, socket))
}

/// Answers each message until the visitor disconnects or is signed out.
async fn talk(session: Session, mut socket: WebSocket) {
    while let Some(Ok(Message::Text(text))) = socket.recv().await {
        let Ok(count) = count(&session).await else { break };
        let answer = format!("{count}: {text}");
        if socket.send(Message::text(answer)).await.is_err() {
            break;
        }
    }
}

async fn count(session: &Session) -> Result<i64, SessionError> {
    session.reload().await?; // an error if the session has ended meanwhile
    let count = session.increment("messages", 1)?;
    session.save().await?; // the response headers were sent long ago, so nothing else saves
    Ok(count)
}

fn app(sessions: Sessions) -> Router {
    Router::new().route("/sign-in", post(sign_in)).route("/socket", any(open)).layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(Sessions::builder().build()?)).await?)
}
