//! Sessions in one file on the disk, which outlive the process. `cargo run --example store_redb`

use std::error::Error;

use axum::{Router, routing::get};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
use sessions_redb::RedbStore;
use tokio::net::TcpListener;

async fn visits(session: Session) -> Result<String, SessionError> {
    Ok(format!("visit {}", session.increment("visits", 1)?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = RedbStore::open("sessions.redb")?;
    let sessions = Sessions::builder().store(store).build()?;
    let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    sessions_examples::announce(listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
