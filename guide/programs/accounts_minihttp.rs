use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sessions_minihttp::{
    BoxError, ConfigError, CrossOrigin, Device, Key, Login, Request, Response, SessionId, Sessions, TrustedProxies,
    WithSessions, block_on, device, local_path,
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

fn handle(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    match (request.method(), request.path()) {
        ("GET", "/login") => show(response, LOGIN),
        ("POST", "/login") => login(request, response)?,
        ("POST", "/logout") => {
            request.session()?.destroy();
            redirect(response, "/login");
        }
        ("GET", "/confirm") => {
            request.signed_in()?;
            show(response, CONFIRM);
        }
        ("POST", "/confirm") => confirm(request, response)?,
        ("GET", "/account") => account(&request, response)?,
        ("POST", "/account/close") => close_account(&request, response)?,
        ("GET", "/devices") => devices(&request, response)?,
        ("POST", "/devices/end") => end_device(request, response)?,
        ("POST", "/devices/end-others") => {
            block_on(request.signed_in()?.destroy_others())?;
            redirect(response, "/devices");
        }
        _ => drop(response.status_code(404, "Not Found")),
    }
    Ok(())
}

fn login(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let session = request.session()?;
    // Clients connect to this server directly, so no proxy is trusted.
    let device = device(&request, &TrustedProxies::default());
    let next = next(&request);
    let form: Option<Credentials> = form(request)?;
    let Some(form) = form.filter(|form| is_right(&form.user, &form.password)) else {
        refuse(response, LOGIN);
        return Ok(());
    };
    session.login(Login::new(form.user).remember(form.remember.is_some().then_some(MONTH)))?;
    DEVICE.set(&session, &device)?;
    redirect(response, &next);
    Ok(())
}

/// Placeholder: check against your stored password hash.
fn is_right(_user: &str, password: &str) -> bool {
    password == "open sesame"
}

fn confirm(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let (user, next) = (request.signed_in()?, next(&request));
    let form: Option<Password> = form(request)?;
    if form.is_none_or(|form| !is_right(user.principal(), &form.password)) {
        refuse(response, CONFIRM);
        return Ok(());
    }
    user.confirm()?;
    redirect(response, &next);
    Ok(())
}

fn account(request: &Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let page = format!(
        r#"<p>Hello {}.</p> <a href="/devices">Your devices</a>
<form method="post" action="/logout"><button>Sign out</button></form>
<form method="post" action="/account/close"><button>Close the account</button></form>"#,
        escape(request.signed_in()?.principal())
    );
    show(response, &page);
    Ok(())
}

fn close_account(request: &Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let user = request.signed_in()?;
    user.within(TEN_MINUTES)?; // or the visitor is asked for the password first
    // Delete the account from your database here, so that nobody can sign in to it again.
    block_on(user.destroy_others())?;
    user.destroy();
    redirect(response, "/login");
    Ok(())
}

fn devices(request: &Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let user = request.signed_in()?;
    let mut page = String::from("<ul>");
    for info in block_on(user.devices())? {
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
    show(response, &page);
    Ok(())
}

fn end_device(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let user = request.signed_in()?;
    let choice: Option<Choice> = form(request)?;
    let Some(choice) = choice else {
        response.status_code(400, "Bad Request");
        return Ok(());
    };
    block_on(user.destroy_device(choice.id))?;
    redirect(response, "/devices");
    Ok(())
}

/// Reads a form, and returns it if it has all fields.
fn form<T: DeserializeOwned>(request: Request<'_>) -> Result<Option<T>, BoxError> {
    let mut body = Vec::new();
    request.body().take(4096).read_to_end(&mut body)?;
    Ok(serde_urlencoded::from_bytes(&body).ok())
}

/// Returns the page that the visitor asked for, if it is one of this site.
fn next(request: &Request<'_>) -> String {
    let page = serde_urlencoded::from_str(request.query().unwrap_or_default());
    let next = page.ok().and_then(|page: Page| page.next);
    next.as_deref().and_then(local_path).unwrap_or("/account").to_owned()
}

fn show(response: &mut Response, page: &str) {
    response.header("Content-Type: text/html; charset=utf-8").body_vec(page.as_bytes().to_vec());
}

fn refuse(response: &mut Response, page: &str) {
    response.status_code(401, "Unauthorized");
    show(response, page);
}

fn redirect(response: &mut Response, page: &str) {
    response.status_code(303, "See Other").header(&format!("Location: {page}"));
}

/// Escapes what users and their browsers chose.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn sessions() -> Result<Sessions, ConfigError> {
    let pages = Sessions::builder().login_page("/login").confirm_page("/confirm");
    pages.cross_origin(CrossOrigin::RefuseCrossOrigin).build()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init(); // logs failures; refused requests are logged at DEBUG
    let server = WithSessions::new(sessions()?, handle).start("127.0.0.1:8080")?;
    server.join().map_err(|_| "the server panicked".into())
}
