//! A middleware for a framework that uses the types of the `http` crate. Run with `cargo run -p
//! sessions-http --example middleware`.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::convert::Infallible;
use std::future::Future;

use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use sessions_core::Sessions;
use sessions_http::{ResponseFuture, SessionError};

/// Wraps a handler so that its requests have sessions.
fn with_sessions<B, F>(
    sessions: &Sessions,
    mut request: Request<B>,
    handler: impl FnOnce(Request<B>) -> F,
) -> impl Future<Output = Result<Response<String>, Infallible>>
where
    F: Future<Output = Result<Response<String>, Infallible>>,
{
    let exchange = sessions_http::open(sessions, &mut request);
    ResponseFuture::new(handler(request), exchange)
}

async fn handle<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
    Ok(visits(request).await.unwrap_or_else(SessionError::into_response))
}

async fn visits<B>(request: Request<B>) -> Result<Response<String>, SessionError> {
    let session = sessions_http::session(&request).await?;
    let visits = session.increment("visits", 1)?;
    Ok(Response::new(format!("visit {visits}")))
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let response = with_sessions(&sessions, Request::new(()), handle).await?;
    println!("{}", response.body());
    let cookie = response.headers()[SET_COOKIE].to_str()?.split(';').next().unwrap_or_default();

    let request = Request::builder().header(COOKIE, cookie).body(())?;
    println!("{}", with_sessions(&sessions, request, handle).await?.body());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}
