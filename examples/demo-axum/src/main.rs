//! The demo on axum: `cargo run --bin demo-axum`.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use axum::{Router, routing};
use sessions_axum::{Session, SessionError, SessionLayer};
use sessions_examples::{Failure, Options, announce, app, shutdown_signal};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::from_args();
    let app = Router::new()
        .route("/", routing::any(without_session))
        .route("/plain", routing::any(without_session))
        .fallback(with_session)
        .layer(SessionLayer::new(options.sessions()?));
    let listener = TcpListener::bind(options.address()).await.map_err(|error| options.failure_to_listen(error))?;
    announce(listener.local_addr()?);
    // Send responses at once, even when a client pipelines requests.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).with_graceful_shutdown(shutdown_signal()).await?;
    Ok(())
}

async fn without_session(request: Request) -> Response {
    let request = app::Request::new(request.method().as_str(), request.uri().path(), "", b"");
    respond(app::answer_without_session(request))
}

async fn with_session(session: Session, method: Method, uri: Uri, body: Bytes) -> Result<Response, SessionError> {
    let request = app::Request::new(method.as_str(), uri.path(), uri.query().unwrap_or_default(), &body);
    let wait: app::Wait = |duration| Box::pin(tokio::time::sleep(duration));
    Ok(respond(app::answer(request, &session, wait).await?))
}

fn respond(reply: app::Reply) -> Response {
    let status = axum::http::StatusCode::from_u16(reply.status).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()
}
