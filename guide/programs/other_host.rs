use axum::Router;
use axum::http::Method;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::routing::{get, post};
use sessions_axum::{ConfigError, CrossOrigin, Session, SessionError, SessionLayer, Sessions, SignedIn};
use tower_http::cors::CorsLayer;

/// The host of the pages, whose scripts call this one: `https://api.example.com`.
const PAGES: &str = "https://app.example.com";

async fn sign_in(session: Session) -> Result<(), SessionError> {
    Ok(session.login("ann")?) // after you have verified who it is
}

async fn me(user: SignedIn) -> String {
    user.principal().to_owned()
}

fn sessions() -> Result<Sessions, ConfigError> {
    Sessions::builder().cross_origin(CrossOrigin::RefuseCrossOrigin).trusted_origins([PAGES]).build()
}

fn app(sessions: Sessions) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static(PAGES)) // never a wildcard, and never the origin of the request
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE]);
    Router::new().route("/sign-in", post(sign_in)).route("/me", get(me)).layer(SessionLayer::new(sessions)).layer(cors) // outside, so that scripts can read a 401 or 503 of the session
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(sessions()?)).await?)
}
