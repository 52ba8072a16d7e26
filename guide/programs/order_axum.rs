use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

async fn sign_in(session: Session) -> Result<(), SessionError> {
    Ok(session.login("ann")?)
}

async fn whoami(session: Session) -> String {
    session.principal().unwrap_or_default()
}

async fn members_only(session: Session, request: Request, next: Next) -> Response {
    if session.principal().is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn app(sessions: Sessions) -> Router {
    let members = Router::new().route("/whoami", get(whoami)).layer(from_fn(members_only));
    Router::new()
        .nest("/members", members)
        .route("/sign-in", post(sign_in))
        .route("/slow", get(std::future::pending::<()>))
        .route("/panic", get(async |session: Session| -> () { panic!("asked for by {:?}", session.id()) }))
        .fallback(whoami)
        .layer(
            ServiceBuilder::new() // the first layer is the outermost
                .layer(TraceLayer::new_for_http())
                .layer(CatchPanicLayer::new())
                .layer(CorsLayer::new())
                .layer(SessionLayer::new(sessions))
                .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(5))),
        )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(Sessions::builder().build()?)).await?)
}
