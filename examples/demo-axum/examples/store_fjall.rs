//! Sessions in a folder on the disk, which outlive the process and take less space than in redb.
//! `cargo run --example store_fjall`, then open <http://127.0.0.1:8080/>, restart the example, and
//! reload the page. The sessions are in the folder `sessions.fjall`.

use axum::{Router, routing::get};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
use sessions_examples::{Failure, address, announce, start_log};
use sessions_fjall::FjallStore;
use tokio::net::TcpListener;

async fn visits(session: Session) -> Result<String, SessionError> {
    Ok(format!("visit {}", session.increment("visits", 1)?))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    start_log();
    let store = FjallStore::open("sessions.fjall")?;
    let sessions = Sessions::builder().store(store).build()?;
    let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
    let address = address()?;
    let listener = TcpListener::bind(address).await.map_err(|error| Failure::to_listen(address, error))?;
    announce(listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
