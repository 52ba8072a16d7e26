//! Creates the table and uses it. `cargo run -p sessions-sql --features sqlite --example migrate`
//!
//! With `DATABASE=sqlite:PATH` it uses that file, and else a temporary one.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use sessions_core::Sessions;
use sessions_sql::{SqlStore, SqliteStore};

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = || format!("sqlite:{}", folder.path().join("sessions.sqlite").display());
    let store = SqliteStore::open(&std::env::var("DATABASE").unwrap_or_else(|_| file()))?;
    println!("{}", SqliteStore::builder().schema_sql()?);
    store.migrate().await?;

    let sessions = Sessions::builder().store(store).build()?;
    let exchange = sessions.open();
    exchange.session([]).await?.login("ann")?;
    let set_cookie = exchange.end(200).await?.take_set_cookie().unwrap_or_default();
    println!("signed in: {set_cookie}");

    let cookie = set_cookie.split(';').next().unwrap_or_default().as_bytes();
    println!("the next request sees {:?}", sessions.open().session([cookie]).await?.principal());
    println!("signed out everywhere: {} session", sessions.destroy_principal("ann").await?);
    println!("the next request sees {:?}", sessions.open().session([cookie]).await?.principal());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}
