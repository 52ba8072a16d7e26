//! Sessions in Redis, shared by all servers that use it. With a Redis on this machine
//! (`redis-server`, or `docker run -p 6379:6379 redis`):
//! `cargo run --example store_redis --features redis`, then open <http://127.0.0.1:8080/>. Without
//! one the page is a 503, and the log says why.

use axum::{Router, routing::get};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
use sessions_examples::{Failure, address, announce, start_log};
use sessions_redis::RedisStore;
use tokio::net::TcpListener;

async fn visits(session: Session) -> Result<String, SessionError> {
    Ok(format!("visit {}", session.increment("visits", 1)?))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    start_log();
    let store = RedisStore::open("redis://127.0.0.1:6379")?;
    let sessions = Sessions::builder().store(store).build()?;
    let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
    let address = address()?;
    let listener = TcpListener::bind(address).await.map_err(|error| Failure::to_listen(address, error))?;
    announce(listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
