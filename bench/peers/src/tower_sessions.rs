//! tower-sessions 0.15 in memory, and the latest version that its Redis store supports.

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use harness::axum::Routes;
use tower_layer::Layer;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use crate::{Key, PAUSE, keys, redis_database};

/// The handlers are the same for both versions.
macro_rules! routes {
    ($session:ty) => {
        Router::new()
            .route("/plain", get(|| async { "ok" }))
            .route(
                "/login",
                get(|session: $session| async move {
                    session.insert("user", "ann").await.expect("it works");
                    session.insert("n", 1i64).await.expect("it works");
                    session.insert("theme", "dark").await.expect("it works");
                    "ok"
                }),
            )
            .route(
                "/read",
                get(|session: $session| async move {
                    let user: String = session.get("user").await.expect("it works").expect("it was set");
                    let n: i64 = session.get("n").await.expect("it works").expect("it was set");
                    format!("{user} {n}")
                }),
            )
            .route(
                "/write",
                get(|session: $session| async move {
                    let n: i64 = session.get("n").await.expect("it works").expect("it was set");
                    session.insert("n", n + 1).await.expect("it works");
                    (n + 1).to_string()
                }),
            )
            .route(
                "/set",
                get(|session: $session, key: Query<Key>| async move {
                    let _user: Option<String> = session.get("user").await.expect("it works");
                    tokio::time::sleep(PAUSE).await;
                    session.insert(&key.k, 1i64).await.expect("it works");
                    "ok"
                }),
            )
            .route(
                "/keys",
                get(|session: $session| async move {
                    let mut found = String::new();
                    for key in keys() {
                        if session.get::<i64>(&key).await.expect("it works").is_some() {
                            found.push_str(&key);
                            found.push(',');
                        }
                    }
                    found
                }),
            )
    };
}

/// Wraps the whole router, which costs less than `Router::layer`.
pub(crate) fn memory() -> impl Routes {
    use tower_sessions::{MemoryStore, Session, SessionManagerLayer};
    SessionManagerLayer::new(MemoryStore::default()).layer(routes!(Session))
}

pub(crate) async fn redis() -> impl Routes {
    use tower_sessions_014::{Session, SessionManagerLayer};
    let config = Config::from_url(&redis_database(1)).expect("the URL is valid");
    let pool = Pool::new(config, None, None, None, 4).expect("the options are sound");
    pool.connect();
    pool.wait_for_connect().await.expect("the server is there");
    SessionManagerLayer::new(RedisStore::new(pool)).layer(routes!(Session))
}
