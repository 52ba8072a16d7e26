use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, FromRequestParts, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use sessions_axum::{ConfigError, Session, SessionError, SessionLayer, Sessions, SignedIn, sessions_core};

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

/// A user, as your database knows them. It would hold a hash of the password.
#[derive(Clone)]
struct User {
    password: String,
    mail: String,
}

/// Stands for your database.
#[derive(Default)]
struct Users(Mutex<HashMap<String, User>>);

impl Users {
    fn find(&self, name: &str) -> Option<User> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn save(&self, name: &str, user: User) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), user);
    }
}

/// What a handler of this application fails with.
#[derive(Debug)]
enum AppError {
    Session(SessionError),
    NoUser,
    WrongPassword,
}

/// From extractors and gates.
impl From<SessionError> for AppError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// From the calls of a session.
impl From<sessions_core::Error> for AppError {
    fn from(error: sessions_core::Error) -> Self {
        Self::Session(error.into())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            // Has the status, or the way to the login page, and writes to the log.
            Self::Session(error) => error.into_response(),
            Self::NoUser => StatusCode::NOT_FOUND.into_response(),
            Self::WrongPassword => StatusCode::UNAUTHORIZED.into_response(),
        }
    }
}

/// An extractor of the signed-in user, with what the database knows about them.
struct CurrentUser {
    session: SignedIn,
    user: User,
}

impl FromRequestParts<Arc<Users>> for CurrentUser {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, users: &Arc<Users>) -> Result<Self, AppError> {
        let session = SignedIn::from_request_parts(parts, users).await?;
        let user = users.find(session.principal()).ok_or(AppError::NoUser)?;
        Ok(Self { session, user })
    }
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

async fn login(
    session: Session,
    State(users): State<Arc<Users>>,
    Form(form): Form<Credentials>,
) -> Result<Redirect, AppError> {
    if users.find(&form.user).is_none_or(|user| user.password != form.password) {
        return Err(AppError::WrongPassword);
    }
    session.login(&form.user)?;
    Ok(Redirect::to("/account"))
}

async fn account(CurrentUser { session, user }: CurrentUser) -> String {
    format!("{}, we write to {}", session.principal(), user.mail)
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
}

async fn change_password(
    CurrentUser { session, user }: CurrentUser,
    State(users): State<Arc<Users>>,
    Form(form): Form<NewPassword>,
) -> Result<Redirect, AppError> {
    session.within(TEN_MINUTES)?;
    // First the password, so that nobody signs in with the old one in between.
    users.save(session.principal(), User { password: form.password, ..user });
    session.renew();
    session.destroy_others().await?;
    Ok(Redirect::to("/account"))
}

/// Adds a page to an empty error response, whose status and headers stay.
async fn show_error(response: Response) -> Response {
    let page = match response.status() {
        StatusCode::UNAUTHORIZED => "Please sign in again.",
        StatusCode::FORBIDDEN => "Another site sent this request, so nothing was changed.",
        StatusCode::NOT_FOUND => "There is nothing here.",
        StatusCode::SERVICE_UNAVAILABLE => "We cannot answer right now. Try again in a moment.",
        _ => return response,
    };
    let (mut head, _) = response.into_parts();
    let (shown, body) = Html(page).into_response().into_parts();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
    head.headers.extend(shown.headers);
    Response::from_parts(head, body)
}

fn sessions() -> Result<Sessions, ConfigError> {
    Sessions::builder().login_page("/login").confirm_page("/login").build()
}

fn app(sessions: Sessions, users: Arc<Users>) -> Router {
    Router::new()
        .route("/login", get(|| async { "the form" }).post(login))
        .route("/account", get(account))
        .route("/password", post(change_password))
        .with_state(users)
        .layer(SessionLayer::new(sessions))
        .layer(map_response(show_error)) // outside, to see what the session's layer answers
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = Arc::new(Users::default());
    users.save("ann", User { password: "open sesame".to_owned(), mail: "ann@example.com".to_owned() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(sessions()?, users)).await?)
}
