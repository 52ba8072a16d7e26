use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use sessions_axum::{
    ConfigError, CrossOrigin, Device, Key, Login, Session, SessionError, SessionId, SessionLayer, Sessions, SignedIn,
    TrustedProxies, device, local_path,
};

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where a session was signed in.
const DEVICE: Key<Device> = Key::new("device");

/// The forms have no `action`, so the browser posts them to the same address, with `next`.
const LOGIN: &str = r#"<form method="post">
<input name="user"> <input name="password" type="password">
<label><input name="remember" type="checkbox"> keep me signed in</label> <button>Sign in</button></form>"#;

const CONFIRM: &str = r#"<form method="post">
<p>Please enter your password again.</p><input name="password" type="password"> <button>Continue</button></form>"#;

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
    remember: Option<String>,
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

#[derive(Deserialize)]
struct Choice {
    id: SessionId,
}

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
}

impl Page {
    /// Redirects to the page that the visitor asked for, if it is one of this site.
    fn redirect(&self) -> Response {
        let next = self.next.as_deref().and_then(local_path);
        Redirect::to(next.unwrap_or("/account")).into_response()
    }
}

async fn login(
    session: Session,
    Query(page): Query<Page>,
    request: Parts,
    Form(form): Form<Credentials>,
) -> Result<Response, SessionError> {
    if !is_right(&form.user, &form.password) {
        return Ok((StatusCode::UNAUTHORIZED, Html(LOGIN)).into_response());
    }
    session.login(Login::new(form.user).remember(form.remember.is_some().then_some(MONTH)))?;
    // Clients connect to this server directly, so no proxy is trusted.
    DEVICE.set(&session, &device(&request, &TrustedProxies::default()))?;
    Ok(page.redirect())
}

/// Placeholder: check against your stored password hash.
fn is_right(_user: &str, password: &str) -> bool {
    password == "open sesame"
}

async fn confirm(
    user: SignedIn,
    Query(page): Query<Page>,
    Form(form): Form<Password>,
) -> Result<Response, SessionError> {
    if !is_right(user.principal(), &form.password) {
        return Ok((StatusCode::UNAUTHORIZED, Html(CONFIRM)).into_response());
    }
    user.confirm()?;
    Ok(page.redirect())
}

async fn account(user: SignedIn) -> Html<String> {
    Html(format!(
        r#"<p>Hello {}.</p> <a href="/devices">Your devices</a>
<form method="post" action="/logout"><button>Sign out</button></form>
<form method="post" action="/account/close"><button>Close the account</button></form>"#,
        escape(user.principal())
    ))
}

async fn logout(session: Session) -> Redirect {
    session.destroy();
    Redirect::to("/login")
}

async fn close_account(user: SignedIn) -> Result<Redirect, SessionError> {
    user.within(TEN_MINUTES)?; // or the visitor is asked for the password first
    // Delete the account from your database here, so that nobody can sign in to it again.
    user.destroy_others().await?;
    user.destroy();
    Ok(Redirect::to("/login"))
}

async fn devices(user: SignedIn) -> Result<Html<String>, SessionError> {
    let mut page = String::from("<ul>");
    for info in user.devices().await? {
        let device = DEVICE.get_from(&info)?.unwrap_or_default();
        let address = device.address().map_or_else(|| "?".to_owned(), |address| address.to_string());
        let minutes = user.now().since(info.last_seen_at()).as_secs() / 60;
        let this = if user.id() == Some(info.id()) { ", this one" } else { "" };
        let _ = write!(
            page,
            r#"<li>{} from {address}, {minutes} minutes ago{this}
<form method="post" action="/devices/end"><button name="id" value="{}">Sign out</button></form></li>"#,
            escape(device.user_agent().unwrap_or("?")),
            info.id(),
        );
    }
    page.push_str(
        r#"</ul><form method="post" action="/devices/end-others"><button>Sign out the others</button></form>"#,
    );
    Ok(Html(page))
}

async fn end_device(user: SignedIn, Form(choice): Form<Choice>) -> Result<Redirect, SessionError> {
    user.destroy_device(choice.id).await?;
    Ok(Redirect::to("/devices"))
}

async fn end_others(user: SignedIn) -> Result<Redirect, SessionError> {
    user.destroy_others().await?;
    Ok(Redirect::to("/devices"))
}

/// Escapes what users and their browsers chose.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn sessions() -> Result<Sessions, ConfigError> {
    let pages = Sessions::builder().login_page("/login").confirm_page("/confirm");
    pages.cross_origin(CrossOrigin::RefuseCrossOrigin).build()
}

fn app(sessions: Sessions) -> Router {
    Router::new()
        .route("/login", get(|| async { Html(LOGIN) }).post(login))
        .route("/logout", post(logout))
        .route("/confirm", get(|_: SignedIn| async { Html(CONFIRM) }).post(confirm))
        .route("/account", get(account))
        .route("/account/close", post(close_account))
        .route("/devices", get(devices))
        .route("/devices/end", post(end_device))
        .route("/devices/end-others", post(end_others))
        .layer(SessionLayer::new(sessions)) // last: around everything that uses the session
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init(); // logs failures; refused requests are logged at DEBUG
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let service = app(sessions()?).into_make_service_with_connect_info::<SocketAddr>(); // for `device`
    Ok(axum::serve(listener, service).await?)
}
