//! What an adapter does for each request, without a framework. `cargo run -p sessions-core
//! --example without_a_framework`

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use sessions_core::{Error, Sessions};

/// Answers a request, given its `Cookie` header, and returns the `Set-Cookie` header.
async fn visit(sessions: &Sessions, cookie: &str) -> Result<Option<String>, Error> {
    let exchange = sessions.open();

    // The handler.
    let session = exchange.session([cookie.as_bytes()]).await?;
    let visits = session.increment("visits", 1)?;
    println!("visit {visits}");

    // Its response had the status 200; this saves, before the headers are sent.
    Ok(exchange.end(200).await?.take_set_cookie())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let set_cookie = pollster::block_on(visit(&sessions, ""))?.ok_or("a first visit sets the cookie")?;
    println!("Set-Cookie: {set_cookie}");

    // The browser sends back the part before the first semicolon.
    let cookie = set_cookie.split(';').next().unwrap_or_default();
    let set_cookie = pollster::block_on(visit(&sessions, cookie))?;
    println!("Set-Cookie: {set_cookie:?}");
    Ok(())
}
