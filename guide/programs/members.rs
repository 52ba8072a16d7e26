use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use sessions_axum::{ConfigError, Session, SessionError, SessionLayer, Sessions, SignedIn, SignedInLayer, local_path};

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

/// The form has no `action`, so the browser posts it to the same address, with `next`.
const FORM: &str =
    r#"<form method="post"><input name="user"><input name="password" type="password"><button>Go</button></form>"#;

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
}

impl Page {
    /// Redirects to the page that the visitor asked for, or to the front page.
    fn redirect(&self) -> Response {
        let next = self.next.as_deref().and_then(local_path);
        Redirect::to(next.unwrap_or("/")).into_response()
    }
}

async fn login(session: Session, page: Query<Page>, Form(form): Form<Credentials>) -> Result<Response, SessionError> {
    if !is_right(&form) {
        return Ok((StatusCode::UNAUTHORIZED, "wrong user or password").into_response());
    }
    session.login(&form.user)?;
    Ok(page.redirect())
}

/// Placeholder: check against your stored password hash.
fn is_right(form: &Credentials) -> bool {
    form.password == "open sesame"
}

async fn confirm(user: SignedIn, page: Query<Page>, Form(form): Form<Credentials>) -> Result<Response, SessionError> {
    if form.user != user.principal() || !is_right(&form) {
        return Ok((StatusCode::UNAUTHORIZED, "wrong user or password").into_response());
    }
    user.confirm()?;
    Ok(page.redirect())
}

/// The extractor admits signed-in visitors only.
async fn orders(user: SignedIn) -> String {
    format!("the orders of {}", user.principal())
}

/// A page that strangers see too.
async fn front_page(user: Option<SignedIn>) -> String {
    user.map_or_else(|| "hello".to_owned(), |user| format!("hello {}", user.principal()))
}

async fn change_password(user: SignedIn) -> Result<&'static str, SessionError> {
    // First write the new password to your database, so that nobody signs in with the old one.
    user.renew();
    user.destroy_others().await?;
    Ok("changed, and signed out everywhere else")
}

fn sessions() -> Result<Sessions, ConfigError> {
    Sessions::builder().login_page("/login").confirm_page("/confirm").build()
}

fn app(sessions: Sessions) -> Router {
    let account = Router::new().route("/orders", get(orders)).route_layer(SignedInLayer::new());
    let password = Router::new()
        .route("/password", get(|| async { "the form for a new password" }).post(change_password))
        .route_layer(SignedInLayer::new().within(TEN_MINUTES));
    Router::new()
        .nest("/account", account.merge(password))
        .route("/", get(front_page))
        .route("/login", get(|| async { Html(FORM) }).post(login))
        .route("/confirm", get(|_: SignedIn| async { Html(FORM) }).post(confirm))
        .route("/sign-out", post(async |session: Session| session.destroy()))
        .layer(SessionLayer::new(sessions)) // last: around everything that uses the session
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(sessions()?)).await?)
}
