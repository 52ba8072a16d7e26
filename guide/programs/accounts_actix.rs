use std::fmt::Write as _;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Form, Html, Query, Redirect, ServiceConfig, get, post};
use actix_web::{App, Either, HttpRequest, HttpServer, Responder};
use serde::Deserialize;
use sessions_actix::{
    ConfigError, CrossOrigin, Device, Key, Login, Session, SessionError, SessionId, SessionMiddleware, Sessions,
    SignedIn, TrustedProxies, device, local_path,
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
    /// Returns the page that the visitor asked for, if it is one of this site.
    fn next(&self) -> &str {
        self.next.as_deref().and_then(local_path).unwrap_or("/account")
    }
}

/// Redirects with 303: the browser gets the page, and does not post its form again.
fn go_to(page: &str) -> Redirect {
    Redirect::to(page.to_owned()).see_other()
}

fn show(page: impl Into<String>) -> Html {
    Html::new(page)
}

async fn login(
    session: Session,
    page: Query<Page>,
    request: HttpRequest,
    form: Form<Credentials>,
) -> Result<impl Responder, SessionError> {
    if !is_right(&form.user, &form.password) {
        return Ok(Either::Left(show(LOGIN).customize().with_status(StatusCode::UNAUTHORIZED)));
    }
    session.login(Login::new(&form.user).remember(form.remember.is_some().then_some(MONTH)))?;
    // Clients connect to this server directly, so no proxy is trusted.
    DEVICE.set(&session, &device(&request, &TrustedProxies::default()))?;
    Ok(Either::Right(go_to(page.next())))
}

/// Placeholder: check against your stored password hash.
fn is_right(_user: &str, password: &str) -> bool {
    password == "open sesame"
}

async fn confirm(user: SignedIn, page: Query<Page>, form: Form<Password>) -> Result<impl Responder, SessionError> {
    if !is_right(user.principal(), &form.password) {
        return Ok(Either::Left(show(CONFIRM).customize().with_status(StatusCode::UNAUTHORIZED)));
    }
    user.confirm()?;
    Ok(Either::Right(go_to(page.next())))
}

async fn account(user: SignedIn) -> Html {
    show(format!(
        r#"<p>Hello {}.</p> <a href="/devices">Your devices</a>
<form method="post" action="/logout"><button>Sign out</button></form>
<form method="post" action="/account/close"><button>Close the account</button></form>"#,
        escape(user.principal())
    ))
}

async fn logout(session: Session) -> Redirect {
    session.destroy();
    go_to("/login")
}

async fn close_account(user: SignedIn) -> Result<Redirect, SessionError> {
    user.within(TEN_MINUTES)?; // or the visitor is asked for the password first
    // Delete the account from your database here, so that nobody can sign in to it again.
    user.destroy_others().await?;
    user.destroy();
    Ok(go_to("/login"))
}

async fn devices(user: SignedIn) -> Result<Html, SessionError> {
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
    Ok(show(page))
}

async fn end_device(user: SignedIn, choice: Form<Choice>) -> Result<Redirect, SessionError> {
    user.destroy_device(choice.id).await?;
    Ok(go_to("/devices"))
}

async fn end_others(user: SignedIn) -> Result<Redirect, SessionError> {
    user.destroy_others().await?;
    Ok(go_to("/devices"))
}

/// Escapes what users and their browsers chose.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn sessions() -> Result<Sessions, ConfigError> {
    let pages = Sessions::builder().login_page("/login").confirm_page("/confirm");
    pages.cross_origin(CrossOrigin::RefuseCrossOrigin).build()
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/login", get().to(|| async { show(LOGIN) }))
        .route("/login", post().to(login))
        .route("/logout", post().to(logout))
        .route("/confirm", get().to(|_: SignedIn| async { show(CONFIRM) }))
        .route("/confirm", post().to(confirm))
        .route("/account", get().to(account))
        .route("/account/close", post().to(close_account))
        .route("/devices", get().to(devices))
        .route("/devices/end", post().to(end_device))
        .route("/devices/end-others", post().to(end_others));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init(); // logs failures; refused requests are logged at DEBUG
    let sessions = SessionMiddleware::new(sessions()?); // outside of the closure: one manager for all workers
    let app = move || App::new().configure(routes).wrap(sessions.clone());
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
