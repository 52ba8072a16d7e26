use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use sessions_minihttp::{BoxError, Login, Request, Response, Sessions, WithSessions};

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const FORM: &str = r#"<form method="post"><input name="user"><input name="password" type="password">
<label><input name="remember" type="checkbox"> Keep me signed in</label><button>Sign in</button></form>"#;

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
    /// Browsers leave out a box that is not ticked.
    remember: Option<String>,
}

fn handle(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    match (request.method(), request.path()) {
        ("POST", "/login") => login(request, response),
        (_, "/login") => {
            response.header("Content-Type: text/html").body(FORM);
            Ok(())
        }
        _ => {
            let user = request.signed_in()?;
            response.body_vec(format!("signed in as {}", user.principal()).into_bytes());
            Ok(())
        }
    }
}

fn login(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let session = request.session()?;
    let mut body = Vec::new();
    request.body().take(4096).read_to_end(&mut body)?;
    let Ok(form) = serde_urlencoded::from_bytes::<Credentials>(&body) else {
        response.status_code(400, "Bad Request");
        return Ok(());
    };
    if !is_right(&form) {
        response.status_code(401, "Unauthorized");
        return Ok(());
    }
    session.login(Login::new(form.user).remember(form.remember.is_some().then_some(MONTH)))?;
    response.status_code(303, "See Other").header("Location: /");
    Ok(())
}

/// Placeholder: check against your stored password hash.
fn is_right(form: &Credentials) -> bool {
    form.password == "open sesame"
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().login_page("/login").build()?;
    let server = WithSessions::new(sessions, handle).start("127.0.0.1:8080")?;
    server.join().map_err(|_| "the server panicked".into())
}
