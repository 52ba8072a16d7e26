use axum::Router;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use sessions_axum::{Session, SessionError, SessionLayer, Sessions, SignedIn, SignedInLayer, local_path};

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
    /// The page that the visitor asked for, from a hidden field of the form.
    next: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
}

/// The form. It sends on the `next` that the redirect to it has brought.
async fn form(Query(page): Query<Page>) -> Html<String> {
    let next = page.next.as_deref().and_then(local_path).unwrap_or("/account");
    Html(format!(
        r#"<form method="post" action="/sign-in">
<input name="user"> <input name="password" type="password">
<input name="next" type="hidden" value="{}"> <button>Sign in</button></form>"#,
        next.replace('&', "&amp;") // `local_path` accepts no quotes, `<` or `>`
    ))
}

async fn sign_in(session: Session, Form(form): Form<Credentials>) -> Result<Response, SessionError> {
    if !is_right(&form) {
        return Ok((StatusCode::UNAUTHORIZED, "wrong user or password").into_response());
    }
    session.login(&form.user)?;
    // Only a path of this host: the parameter may come from somebody else's link.
    let next = form.next.as_deref().and_then(local_path).unwrap_or("/account");
    Ok(Redirect::to(next).into_response())
}

/// Placeholder: check against your stored password hash.
fn is_right(form: &Credentials) -> bool {
    form.password == "open sesame"
}

async fn sign_out(session: Session) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

async fn sign_out_elsewhere(session: Session) -> Result<String, SessionError> {
    let ended = session.destroy_others().await?;
    Ok(format!("ended {ended} other sessions"))
}

async fn account(user: SignedIn) -> String {
    format!("signed in as {}", user.principal())
}

fn app(sessions: Sessions) -> Router {
    Router::new()
        .route("/account", get(account))
        .route("/sign-out-elsewhere", post(sign_out_elsewhere))
        .route_layer(SignedInLayer::new()) // for the routes above it
        .route("/", get(form))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .layer(SessionLayer::new(sessions)) // last: around everything that uses the session
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let sessions = Sessions::builder().login_page("/").build()?;
    Ok(axum::serve(listener, app(sessions)).await?)
}
