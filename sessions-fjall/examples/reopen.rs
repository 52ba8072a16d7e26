//! Sessions that outlive the process. `cargo run -p sessions-fjall --example reopen`, again and
//! again.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::fs;

use sessions_core::Sessions;
use sessions_fjall::FjallBuilder;

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("sessions-fjall-reopen");
    fs::create_dir_all(&folder)?;
    // At most 100,000 sessions; beyond that, anonymous ones are evicted.
    let store = FjallBuilder::new(folder.join("sessions.fjall")).max_sessions(100_000).open()?;
    let sessions = Sessions::builder().store(store.clone()).build()?;

    // The cookie that a browser would keep.
    let jar = folder.join("cookie");
    let cookie = fs::read(&jar).unwrap_or_default();
    let exchange = sessions.open();
    let visits = exchange.session([&*cookie]).await?.increment("visits", 1)?;
    if let Some(set_cookie) = exchange.end(200).await?.take_set_cookie() {
        fs::write(&jar, set_cookie.split(';').next().unwrap_or_default())?;
    }
    println!("visit {visits}, of {} sessions in {}", sessions.count().await?, folder.display());
    Ok(store.close()?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}
