//! Signing in and out, and a page for members. `cargo run --example standalone_login`, then open
//! <http://127.0.0.1:8080/>.

use actix_web::web::{Html, Redirect, get, post};
use actix_web::{App, HttpResponse, HttpServer};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};
use sessions_examples::{Failure, address, announce, start_log};

/// Login and logout are POST requests: other sites can make a browser send any `GET` with our
/// cookie.
const PAGE: &str = r#"<form method="post" action="/login"><button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>
<a href="/secret">The page for members</a>"#;

async fn index() -> Html {
    Html::new(PAGE)
}

async fn secret(session: Session) -> HttpResponse {
    match session.principal() {
        Some(name) => HttpResponse::Ok().body(format!("The cake is a lie, {name}!")),
        None => HttpResponse::Forbidden().body("Sign in at / first."),
    }
}

async fn login(session: Session) -> Result<Redirect, SessionError> {
    // Check a password here. Signing in replaces the token, so a token that was planted before is
    // worthless.
    session.login("iris")?;
    Ok(Redirect::to("/secret").see_other())
}

async fn logout(session: Session) -> Redirect {
    // In every tab and on every server, before the response is sent.
    session.destroy();
    Redirect::to("/").see_other()
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    start_log();
    let (sessions, address) = (Sessions::builder().build()?, address()?);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(SessionMiddleware::new(sessions.clone()))
            .route("/", get().to(index))
            .route("/secret", get().to(secret))
            .route("/login", post().to(login))
            .route("/logout", post().to(logout))
    })
    .bind(address)
    .map_err(|error| Failure::to_listen(address, error))?;
    for address in server.addrs() {
        announce(address);
    }
    Ok(server.run().await?)
}
