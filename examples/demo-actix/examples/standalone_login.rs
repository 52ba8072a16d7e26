//! Signing in and out, and a page for members. `cargo run --example standalone_login`, then open
//! <http://127.0.0.1:8080/secret>.

use actix_web::{App, HttpResponse, HttpServer, web};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};
use sessions_examples::{Failure, address, announce, start_log};

async fn index() -> &'static str {
    "Try /secret, /login and /logout."
}

async fn secret(session: Session) -> HttpResponse {
    match session.principal() {
        Some(name) => HttpResponse::Ok().body(format!("The cake is a lie, {name}!")),
        None => HttpResponse::Forbidden().body("Sign in at /login first."),
    }
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    // Check a password here. Signing in replaces the token, so a token that was planted before is
    // worthless.
    session.login("iris")?;
    Ok("Signed in. Go to /secret.")
}

async fn logout(session: Session) -> &'static str {
    session.destroy();
    "Signed out, everywhere this session was open."
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    start_log();
    let (sessions, address) = (Sessions::builder().build()?, address()?);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(SessionMiddleware::new(sessions.clone()))
            .route("/", web::get().to(index))
            .route("/secret", web::get().to(secret))
            .route("/login", web::get().to(login))
            .route("/logout", web::get().to(logout))
    })
    .bind(address)
    .map_err(|error| Failure::to_listen(address, error))?;
    for address in server.addrs() {
        announce(address);
    }
    Ok(server.run().await?)
}
