//! Messages that are shown once. `cargo run --example flash_messages`, then open
//! <http://127.0.0.1:8080/>, store a message, and open <http://127.0.0.1:8080/get> twice.

use sessions_examples::{Failure, address, announce, start_log};
use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions};

const PAGE: &str = r#"<form method="post" action="/set"><button>Store a message</button></form>
<a href="/peek">Peek</a> <a href="/get">Get</a>"#;

#[expect(clippy::needless_pass_by_value, reason = "a service owns its request")]
fn handle(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let session = request.session()?;
    let (kind, text) = match (request.method(), request.path()) {
        ("POST", "/set") => {
            session.set_flash("notice", "your changes were saved")?;
            ("plain", "message stored".to_owned())
        }
        (_, "/peek") => ("plain", session.peek_flash::<String>("notice")?.unwrap_or_default()),
        (_, "/get") => ("plain", session.lenient_flash("notice").text().unwrap_or_else(|| "no message".to_owned())),
        _ => ("html", PAGE.to_owned()),
    };
    response.header(&format!("Content-Type: text/{kind}")).body_vec(text.into_bytes());
    Ok(())
}

fn main() -> Result<(), Failure> {
    start_log();
    let (sessions, address) = (Sessions::builder().build()?, address()?);
    let server =
        WithSessions::new(sessions, handle).start(address).map_err(|error| Failure::to_listen(address, error))?;
    announce(address);
    server.join().map_err(|_| Failure::new("the server panicked"))
}
