//! Encrypted tokens, and key rotation that signs nobody out.
//! `cargo run --example secure_cookie`, then open <http://127.0.0.1:8080/>.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sessions_examples::{Failure, accept, address, announce, start_log};
use sessions_hyper::{SealKey, SessionError, SessionService, Sessions};
use tokio::net::TcpListener;

async fn count(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, SessionError> {
    let session = sessions_hyper::session(&request).await?;
    let visits = session.increment("visits", 1)?;
    Ok(Response::new(format!("visit {visits}").into()))
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // Browsers also request an icon, which is not a visit.
    if request.uri().path() != "/" {
        return Ok(not_found());
    }
    Ok(count(request).await.unwrap_or_else(SessionError::into_response))
}

fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Generates a key for this run. An application loads its key along with its other secrets.
fn new_key() -> Result<SealKey, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(SealKey::new(&bytes)?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    start_log();
    // The first key encrypts, all of them decrypt. To rotate, add a new key in front, and drop the
    // old one when its sessions have ended.
    let (newest, older) = (new_key()?, new_key()?);
    let sessions = Sessions::builder().encrypted([newest, older]).build()?;
    let service = SessionService::new(sessions, service_fn(handle));
    let address = address()?;
    let listener = TcpListener::bind(address).await.map_err(|error| Failure::to_listen(address, error))?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = accept(&listener).await;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
    }
}
