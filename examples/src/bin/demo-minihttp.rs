//! The demo on may_minihttp: `cargo run --bin demo-minihttp`.

use std::error::Error;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};

use hyper::StatusCode;
use sessions_examples::{Options, announce, app};
use sessions_minihttp::{BoxError, Request, Response, WithSessions, block_on};

/// How large a request's body may be, in bytes.
const LARGEST_BODY: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args();
    let address = free_address(options.port)?;
    let server = WithSessions::new(options.sessions()?, handle).start(address)?;
    announce(address);
    // The server cannot be asked to finish. Nothing is lost with the process: what was answered was saved before.
    server.join().map_err(|_| "the server panicked")?;
    Ok(())
}

/// Picks a port if none is given: `start` does not tell which one it got.
fn free_address(port: u16) -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", port))?.local_addr()
}

fn handle(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let method = request.method().to_owned();
    let target = request.path().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let reply = if matches!(path, "/" | "/plain") {
        app::answer_without_session(app::Request::new(&method, path, query, b""))
    } else {
        let session = request.session()?;
        let mut body = Vec::new();
        request.body().take(LARGEST_BODY).read_to_end(&mut body)?;
        let wait: app::Wait = |duration| {
            may::coroutine::sleep(duration);
            Box::pin(std::future::ready(()))
        };
        block_on(app::answer(app::Request::new(&method, path, query, &body), &session, wait))?
    };
    let reason = StatusCode::from_u16(reply.status)?.canonical_reason().unwrap_or_default();
    response.status_code(usize::from(reply.status), reason);
    response.header(&format!("Content-Type: {}", reply.content_type));
    response.body_vec(reply.body.into_bytes());
    Ok(())
}
