//! axum_session without a database: sessions live in its own map.

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use axum_session::{SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use harness::axum::Routes;
use tower_layer::Layer;

use crate::{Key, PAUSE, keys};

type Session = axum_session::Session<SessionNullPool>;

/// Wraps the whole router, which costs less than `Router::layer`.
pub(crate) async fn memory() -> impl Routes {
    let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await;
    let store = store.expect("it works");
    let routes = Router::new()
        .route("/plain", get(|| async { "ok" }))
        .route(
            "/login",
            get(|session: Session| async move {
                session.set("user", "ann");
                session.set("n", 1i64);
                session.set("theme", "dark");
                "ok"
            }),
        )
        .route(
            "/read",
            get(|session: Session| async move {
                let user: String = session.get("user").expect("it was set");
                let n: i64 = session.get("n").expect("it was set");
                format!("{user} {n}")
            }),
        )
        .route(
            "/write",
            get(|session: Session| async move {
                let n: i64 = session.get("n").expect("it was set");
                session.set("n", n + 1);
                (n + 1).to_string()
            }),
        )
        .route(
            "/set",
            get(|session: Session, key: Query<Key>| async move {
                let _user: Option<String> = session.get("user");
                tokio::time::sleep(PAUSE).await;
                session.set(&key.k, 1i64);
                "ok"
            }),
        )
        .route(
            "/keys",
            get(|session: Session| async move {
                let there = keys().filter(|key| session.get::<i64>(key).is_some());
                there.map(|key| key + ",").collect::<String>()
            }),
        );
    SessionLayer::new(store).layer(routes)
}
