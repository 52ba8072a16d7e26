//! Signing in and out around a page for members. `cargo run --example standalone_login`, then open <http://localhost:8080/secret>.

use std::error::Error;

use actix_web::{App, HttpResponse, HttpServer, web};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};

async fn secret(session: Session) -> HttpResponse {
    match session.principal() {
        Some(name) => HttpResponse::Ok().body(format!("The cake is a lie, {name}!")),
        None => HttpResponse::Forbidden().body("Sign in at /login first."),
    }
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    // Check a password here. Signing in changes the cookie's token, so one that was planted before is worth nothing.
    session.login("iris")?;
    Ok("Signed in. Go to /secret.")
}

async fn logout(session: Session) -> &'static str {
    session.destroy();
    "Signed out, everywhere this session was open."
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = Sessions::builder().build()?;
    let server = HttpServer::new(move || {
        App::new()
            .wrap(SessionMiddleware::new(sessions.clone()))
            .route("/secret", web::get().to(secret))
            .route("/login", web::get().to(login))
            .route("/logout", web::get().to(logout))
    })
    .bind(("127.0.0.1", 8080))?;
    for address in server.addrs() {
        sessions_examples::announce(address);
    }
    Ok(server.run().await?)
}
