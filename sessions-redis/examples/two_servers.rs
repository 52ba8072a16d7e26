//! Two servers on one Redis. `REDIS_URL=redis://localhost cargo run -p sessions-redis --example
//! two_servers`

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use sessions_core::Sessions;
use sessions_redis::RedisStore;

fn server(url: &str) -> Result<Sessions, Box<dyn std::error::Error>> {
    let store = RedisStore::builder().prefix("example:").open(url)?;
    Ok(Sessions::builder().store(store).build()?)
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost".to_owned());
    let (one, two) = (server(&url)?, server(&url)?);

    let exchange = one.open();
    exchange.session([]).await?.login("ann")?;
    let set_cookie = exchange.end(200).await?.take_set_cookie().unwrap_or_default();
    let cookie = set_cookie.split(';').next().unwrap_or_default().as_bytes();
    println!("signed in by the first server: {set_cookie}");

    println!("the second server sees {:?}", two.open().session([cookie]).await?.principal());
    println!("the second server ends {} sessions", two.destroy_principal("ann").await?);
    println!("the first server sees {:?}", one.open().session([cookie]).await?.principal());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}
