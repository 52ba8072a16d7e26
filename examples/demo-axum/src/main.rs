//! The demo on axum: `cargo run --bin demo-axum`.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::serve::ListenerExt;
use axum::{Router, routing};
use sessions_axum::{Session, SessionError, SessionLayer, SignedIn, TrustedProxies, device};
use sessions_examples::{Failure, Options, announce, app, shutdown_signal};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::from_args();
    let app = Router::new()
        .route("/plain", routing::any(without_session))
        .route("/private", routing::get(private).post(private))
        .route("/fresh", routing::get(fresh))
        .fallback(with_session)
        .layer(SessionLayer::new(options.sessions()?))
        .with_state(options.proxies()?);
    let listener = TcpListener::bind(options.address()).await.map_err(|error| options.failure_to_listen(error))?;
    announce(listener.local_addr()?);
    // Send responses at once, even when a client pipelines requests.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(shutdown_signal()).await?;
    Ok(())
}

async fn without_session(request: Request) -> Response {
    let request = app::Request::new(request.method().as_str(), request.uri().path(), "", b"");
    respond(app::answer_without_session(request))
}

async fn private(user: SignedIn) -> Response {
    respond(app::answer_signed_in(user.principal()))
}

async fn fresh(user: SignedIn, uri: Uri) -> Result<Response, SessionError> {
    user.within(app::freshness(uri.query().unwrap_or_default()))?;
    Ok(respond(app::answer_signed_in(user.principal())))
}

async fn with_session(
    session: Session,
    State(proxies): State<TrustedProxies>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, SessionError> {
    let (device, query) = (device(&parts, &proxies), parts.uri.query().unwrap_or_default());
    let request = app::Request::new(parts.method.as_str(), parts.uri.path(), query, &body).from_device(&device);
    let wait: app::Wait = |duration| Box::pin(tokio::time::sleep(duration));
    Ok(respond(app::answer(request, &session, wait).await?))
}

fn respond(reply: app::Reply) -> Response {
    let status = axum::http::StatusCode::from_u16(reply.status).unwrap_or_default();
    let content_type = [(header::CONTENT_TYPE, reply.content_type)];
    let body = match reply.body {
        app::Body::Text(text) => Body::from(text),
        app::Body::Visits(visits) => Body::from_stream(visits.into_stream()),
    };
    (status, content_type, AppendHeaders(reply.headers), body).into_response()
}
