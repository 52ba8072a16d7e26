//! Sessions in a Redis Cluster. With one on the ports 7000 to 7002:
//! `cargo run --example store_redis_cluster --features redis`, then open <http://127.0.0.1:8080/>.
//!
//! To start a cluster for a try, run `redis-server --cluster-enabled yes --port 7000` three times,
//! each in a folder and with a port of its own, then
//! `redis-cli --cluster create 127.0.0.1:7000 127.0.0.1:7001 127.0.0.1:7002 --cluster-yes`.

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
    let store = RedisStore::open("redis-cluster://127.0.0.1:7000,127.0.0.1:7001,127.0.0.1:7002")?;
    let sessions = Sessions::builder().store(store).build()?;
    let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
    let address = address()?;
    let listener = TcpListener::bind(address).await.map_err(|error| Failure::to_listen(address, error))?;
    announce(listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
