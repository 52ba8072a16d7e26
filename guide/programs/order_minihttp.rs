use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions};

fn handle(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    match (request.method(), request.path()) {
        ("POST", "/sign-in") => Ok(request.session()?.login("ann")?),
        (_, path) if path.starts_with("/members/") => members_only(&request, response),
        _ => whoami(&request, response),
    }
}

/// Lets only members through.
fn members_only(request: &Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    if request.session()?.principal().is_none() {
        response.status_code(401, "Unauthorized");
        return Ok(());
    }
    whoami(request, response)
}

fn whoami(request: &Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    response.body_vec(request.session()?.principal().unwrap_or_default().into_bytes());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = WithSessions::new(Sessions::builder().build()?, handle).start("127.0.0.1:8080")?;
    server.join().map_err(|_| "the server panicked".into())
}
