//! axum with and without sessions.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use serde::Deserialize;
use sessions_axum::{Session, SessionError, SessionLayer, SessionService, Sessions};
use tower_layer::Layer;

/// Returns routes with the same texts as with sessions.
pub(crate) fn bare() -> Router {
    static N: AtomicI64 = AtomicI64::new(1);
    Router::new()
        .route("/plain", get(|| async { "ok" }))
        .route("/login", get(|| async { "ok" }))
        .route("/read", get(|| async { harness::read_without_session() }))
        .route("/write", get(|| async { N.fetch_add(1, Ordering::Relaxed).to_string() }))
}

/// Wraps the whole router.
pub(crate) fn around(sessions: Sessions) -> SessionService<Router> {
    SessionLayer::new(sessions).layer(routes())
}

/// Wraps each route with `Router::layer`, which boxes it once more.
pub(crate) fn within(sessions: Sessions) -> Router {
    routes().layer(SessionLayer::new(sessions))
}

fn routes() -> Router {
    Router::new()
        .route("/plain", get(|| async { "ok" }))
        .route("/login", get(login))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/set", get(set))
        .route("/keys", get(keys))
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    session.set("user", "ann")?;
    session.set("n", &1)?;
    session.set("theme", "dark")?;
    Ok("ok")
}

async fn read(session: Session) -> Result<String, SessionError> {
    let user: String = session.get("user")?.unwrap_or_default();
    let n: i64 = session.get("n")?.unwrap_or_default();
    Ok(format!("{user} {n}"))
}

async fn write(session: Session) -> Result<String, SessionError> {
    Ok(session.increment("n", 1)?.to_string())
}

#[derive(Deserialize)]
struct Key {
    k: String,
}

async fn set(session: Session, Query(key): Query<Key>) -> Result<&'static str, SessionError> {
    let _user: Option<String> = session.get("user")?;
    tokio::time::sleep(Duration::from_millis(2)).await;
    session.set(&key.k, &1)?;
    Ok("ok")
}

async fn keys(session: Session) -> String {
    crate::keys(&session)
}
