//! Notes that a visitor posts. Run with `cargo run -p sessions-minihttp --example notes`, then
//! `curl --cookie-jar jar --cookie jar --data 'buy tea' http://127.0.0.1:8080/`. Since 7.79, curl
//! accepts `Secure` cookies from localhost even without TLS.

use std::io::Read;

use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions, block_on};

const LONGEST_NOTE: u64 = 1_000;

fn notes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let session = request.session()?; // before `body`, which consumes the request
    let mut notes: Vec<String> = session.get("notes")?.unwrap_or_default();
    if request.method() == "POST" {
        let mut note = Vec::new();
        request.body().take(LONGEST_NOTE).read_to_end(&mut note)?;
        let Ok(note) = String::from_utf8(note) else {
            response.status_code(400, "Bad Request");
            return Ok(());
        };
        let with_note = |notes: Option<Vec<String>>| notes.into_iter().flatten().chain([note.clone()]).collect();
        notes = block_on(session.update("notes", with_note))?;
    }
    response.header("Content-Type: text/plain").body_vec(notes.join("\n").into_bytes());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = WithSessions::new(Sessions::builder().build()?, notes).start("127.0.0.1:8080")?;
    server.join().map_err(|_| "the server panicked".into())
}
