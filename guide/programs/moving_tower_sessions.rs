use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{RequestExt, Router};
use sessions_axum::sessions_core::store::{StoreError, StoreErrorKind};
use sessions_axum::{Error, Session, SessionError, SessionLayer, Sessions};
use tokio::sync::Mutex;
use tower_sessions::MemoryStore;
use tower_sessions::cookie::Cookie;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::Id;
use tower_sessions::session_store::{self, SessionStore};

/// What is left of tower-sessions.
#[derive(Clone)]
struct Old {
    store: Arc<dyn SessionStore>,
    /// When old cookies stop working.
    until: OffsetDateTime,
    /// How long an old cookie still works after its first use, for requests sent in parallel.
    grace: Duration,
    /// Users who signed out everywhere. Stands for a column in your table of users.
    signed_out: Arc<Mutex<HashSet<String>>>,
}

/// Moves a visitor over who has an old cookie and no session yet.
async fn move_over(State(old): State<Old>, mut request: Request, next: Next) -> Result<Response, SessionError> {
    let Some(id) = old_id(request.headers()) else { return Ok(next.run(request).await) };
    let session: Session = request.extract_parts().await?;
    if session.is_new() {
        old.import(id, &session).await?;
    }
    let mut response = next.run(request).await;
    // With the path, and the domain if there was one, of the old cookie.
    response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("id=; Path=/; Max-Age=0"));
    Ok(response)
}

fn old_id(headers: &HeaderMap) -> Option<Id> {
    let headers = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut cookies = headers.flat_map(Cookie::split_parse_encoded).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == "id")?.value().parse().ok()
}

impl Old {
    async fn import(&self, id: Id, session: &Session) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        if now >= self.until {
            return Ok(());
        }
        let Some(mut record) = self.store.load(&id).await.map_err(unavailable)? else { return Ok(()) };
        if let Some(user) = record.data.get("user").and_then(|user| user.as_str()) {
            if self.signed_out.lock().await.contains(user) {
                return Ok(());
            }
            session.login(user)?;
        }
        for key in ["cart", "theme"] {
            if let Some(value) = record.data.get(key) {
                session.set(key, value)?;
            }
        }
        // Before the old record ends, and whatever the status of the response will be.
        session.save().await?;
        if record.expiry_date > now + self.grace {
            record.expiry_date = now + self.grace;
            self.store.save(&record).await.map_err(unavailable)?;
        }
        Ok(())
    }
}

/// The answer is a 503: without the old session, the visitor would begin a new one.
fn unavailable(error: session_store::Error) -> Error {
    StoreError::new("tower-sessions", StoreErrorKind::Unavailable).caused_by(error).into()
}

async fn account(session: Session) -> Result<String, SessionError> {
    let user = session.principal().unwrap_or_else(|| "nobody".to_owned());
    let cart: Vec<String> = session.get("cart")?.unwrap_or_default();
    Ok(format!("{user} with {}", cart.join(", ")))
}

async fn sign_out(session: Session) -> &'static str {
    session.destroy();
    "good bye"
}

async fn sign_out_everywhere(State(old): State<Old>, session: Session) -> Result<&'static str, SessionError> {
    if let Some(user) = session.principal() {
        // The old store cannot list a user's sessions: they must not be imported any more.
        old.signed_out.lock().await.insert(user);
        session.destroy_others().await?;
        session.destroy();
    }
    Ok("good bye")
}

fn app(sessions: Sessions, old: Old) -> Router {
    Router::new()
        .route("/account", get(account))
        .route("/sign-out", post(sign_out))
        .route("/sign-out-everywhere", post(sign_out_everywhere))
        .layer(from_fn_with_state(old.clone(), move_over)) // around all routes that use the session
        .layer(SessionLayer::new(sessions))
        .with_state(old)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let old = Old {
        store: Arc::new(MemoryStore::default()), // yours is the RedisStore, the PostgresStore, …
        until: OffsetDateTime::from_unix_timestamp(1_800_000_000)?, // 15 January 2027
        grace: Duration::MINUTE,
        signed_out: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(Sessions::builder().build()?, old)).await?)
}
