//! The demo on may_minihttp: `cargo run --bin demo-minihttp`.

use std::io::Read;

use http::StatusCode;
use sessions_examples::{Failure, Options, announce, app};
use sessions_minihttp::{BoxError, Request, Response, TrustedProxies, WithSessions, block_on, device};

/// The largest request body, in bytes.
const MAX_BODY: u64 = 1 << 20;

fn main() -> Result<(), Failure> {
    let options = Options::from_args();
    let proxies = options.proxies()?;
    let service = move |request: Request<'_>, response: &mut Response| handle(request, response, &proxies);
    let server = WithSessions::new(options.sessions()?, service).start_with_address(options.address());
    let (address, server) = server.map_err(|error| options.failure_to_listen(error))?;
    announce(address);
    // may_minihttp has no graceful shutdown. Nothing is lost, since sessions are saved before the
    // response is sent.
    server.join().map_err(|_| Failure::new("the server panicked"))
}

fn handle(request: Request<'_>, response: &mut Response, proxies: &TrustedProxies) -> Result<(), BoxError> {
    let (method, path, query) = (request.method(), request.path(), request.query().unwrap_or_default());
    let reply = if path == "/plain" {
        app::answer_without_session(app::Request::new(method, path, query, b""))
    } else if matches!((method, path), ("GET" | "HEAD", "/private" | "/fresh") | ("POST", "/private")) {
        let user = request.signed_in()?;
        if path == "/fresh" {
            user.within(app::freshness(query))?;
        }
        app::answer_signed_in(user.principal())
    } else {
        let (session, device) = (request.session()?, device(&request, proxies));
        let mut body = Vec::new();
        if request.body().take(MAX_BODY + 1).read_to_end(&mut body)? as u64 > MAX_BODY {
            app::Reply::status(413)
        } else {
            let wait: app::Wait = |duration| {
                may::coroutine::sleep(duration);
                Box::pin(std::future::ready(()))
            };
            let request = app::Request::new(method, path, query, &body).from_device(&device);
            block_on(app::answer(request, &session, wait))?
        }
    };
    let reason = StatusCode::from_u16(reply.status)?.canonical_reason().unwrap_or_default();
    response.status_code(usize::from(reply.status), reason);
    response.header(&format!("Content-Type: {}", reply.content_type));
    for (name, value) in reply.headers {
        response.header(&format!("{name}: {value}"));
    }
    let text = match reply.body {
        app::Body::Text(text) => text,
        // may_minihttp sends each body as a whole, so this one ends after its first event. The
        // browser asks again a second later.
        app::Body::Visits(mut visits) => block_on(visits.next()).unwrap_or_default(),
    };
    response.body_vec(text.into_bytes());
    Ok(())
}
