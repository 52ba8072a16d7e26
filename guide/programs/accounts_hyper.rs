use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sessions_hyper::{
    ConfigError, CrossOrigin, Device, Key, Login, SessionError, SessionId, SessionService, Sessions, TrustedProxies,
    device, local_path, session, signed_in,
};
use tokio::net::TcpListener;

type Answer = Response<Full<Bytes>>;

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

async fn route(request: Request<Incoming>, peer: IpAddr) -> Result<Answer, SessionError> {
    match (request.method().clone(), request.uri().path()) {
        (Method::GET, "/login") => Ok(show(StatusCode::OK, LOGIN)),
        (Method::POST, "/login") => login(request, peer).await,
        (Method::POST, "/logout") => {
            session(&request).await?.destroy();
            Ok(redirect("/login"))
        }
        (Method::GET, "/confirm") => signed_in(&request).await.map(|_| show(StatusCode::OK, CONFIRM)),
        (Method::POST, "/confirm") => confirm(request).await,
        (Method::GET, "/account") => account(&request).await,
        (Method::POST, "/account/close") => close_account(&request).await,
        (Method::GET, "/devices") => devices(&request).await,
        (Method::POST, "/devices/end") => end_device(request).await,
        (Method::POST, "/devices/end-others") => {
            signed_in(&request).await?.destroy_others().await?;
            Ok(redirect("/devices"))
        }
        _ => Ok(show(StatusCode::NOT_FOUND, "Not found.")),
    }
}

async fn login(request: Request<Incoming>, peer: IpAddr) -> Result<Answer, SessionError> {
    let session = session(&request).await?;
    // Clients connect to this server directly, so no proxy is trusted.
    let device = device(&request, peer, &TrustedProxies::default());
    let next = next(&request);
    let form: Option<Credentials> = form(request).await;
    let Some(form) = form.filter(|form| is_right(&form.user, &form.password)) else {
        return Ok(show(StatusCode::UNAUTHORIZED, LOGIN));
    };
    session.login(Login::new(form.user).remember(form.remember.is_some().then_some(MONTH)))?;
    DEVICE.set(&session, &device)?;
    Ok(redirect(&next))
}

/// Placeholder: check against your stored password hash.
fn is_right(_user: &str, password: &str) -> bool {
    password == "open sesame"
}

async fn confirm(request: Request<Incoming>) -> Result<Answer, SessionError> {
    let (user, next) = (signed_in(&request).await?, next(&request));
    let form: Option<Password> = form(request).await;
    if form.is_none_or(|form| !is_right(user.principal(), &form.password)) {
        return Ok(show(StatusCode::UNAUTHORIZED, CONFIRM));
    }
    user.confirm()?;
    Ok(redirect(&next))
}

async fn account(request: &Request<Incoming>) -> Result<Answer, SessionError> {
    let user = signed_in(request).await?;
    let page = format!(
        r#"<p>Hello {}.</p> <a href="/devices">Your devices</a>
<form method="post" action="/logout"><button>Sign out</button></form>
<form method="post" action="/account/close"><button>Close the account</button></form>"#,
        escape(user.principal())
    );
    Ok(show(StatusCode::OK, page))
}

async fn close_account(request: &Request<Incoming>) -> Result<Answer, SessionError> {
    let user = signed_in(request).await?;
    user.within(TEN_MINUTES)?; // or the visitor is asked for the password first
    // Delete the account from your database here, so that nobody can sign in to it again.
    user.destroy_others().await?;
    user.destroy();
    Ok(redirect("/login"))
}

async fn devices(request: &Request<Incoming>) -> Result<Answer, SessionError> {
    let user = signed_in(request).await?;
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
    Ok(show(StatusCode::OK, page))
}

async fn end_device(request: Request<Incoming>) -> Result<Answer, SessionError> {
    let user = signed_in(&request).await?;
    let choice: Option<Choice> = form(request).await;
    let Some(choice) = choice else { return Ok(show(StatusCode::BAD_REQUEST, "Which one?")) };
    user.destroy_device(choice.id).await?;
    Ok(redirect("/devices"))
}

/// Reads a form, and returns it if it has all fields.
async fn form<T: DeserializeOwned>(request: Request<Incoming>) -> Option<T> {
    let body = Limited::new(request.into_body(), 4096).collect().await.ok()?.to_bytes();
    serde_urlencoded::from_bytes(&body).ok()
}

/// Returns the page that the visitor asked for, if it is one of this site.
fn next(request: &Request<Incoming>) -> String {
    let page = serde_urlencoded::from_str(request.uri().query().unwrap_or_default());
    let next = page.ok().and_then(|page: Page| page.next);
    next.as_deref().and_then(local_path).unwrap_or("/account").to_owned()
}

fn show(status: StatusCode, page: impl Into<Bytes>) -> Answer {
    let mut answer = Answer::new(page.into().into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer
}

fn redirect(page: &str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SEE_OTHER;
    // `local_path` accepts only what fits into a header.
    answer.headers_mut().insert(LOCATION, HeaderValue::from_str(page).expect("a path is a valid header"));
    answer
}

/// Escapes what users and their browsers chose.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn sessions() -> Result<Sessions, ConfigError> {
    let pages = Sessions::builder().login_page("/login").confirm_page("/confirm");
    pages.cross_origin(CrossOrigin::RefuseCrossOrigin).build()
}

async fn serve(listener: TcpListener, sessions: Sessions) -> Result<(), Box<dyn std::error::Error>> {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue }; // log it, and pause
        let answer = move |request| async move {
            Ok::<_, Infallible>(route(request, peer.ip()).await.unwrap_or_else(SessionError::into_response))
        };
        let service = SessionService::new(sessions.clone(), service_fn(answer));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init(); // logs failures; refused requests are logged at DEBUG
    serve(TcpListener::bind("127.0.0.1:8080").await?, sessions()?).await
}
