use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{RequestExt, Router};
use axum_session::{DatabaseError, DatabasePool, SessionAnyPool, SessionNullPool};
use cookie::Cookie;
use cookie::time::{Duration, OffsetDateTime};
use serde::{Deserialize, Serialize};
use sessions_axum::sessions_core::store::{StoreError, StoreErrorKind};
use sessions_axum::{Error, Login, Session, SessionError, SessionLayer, Sessions};
use tokio::sync::Mutex;

/// The table of the old sessions.
const TABLE: &str = "sessions";

/// How long a session with `longterm` lasts. axum_session's own default is 60 days.
const LONGTERM: std::time::Duration = std::time::Duration::from_secs(60 * 24 * 60 * 60);

/// What is left of axum_session.
#[derive(Clone)]
struct Old {
    pool: SessionAnyPool,
    /// When old cookies stop working.
    until: OffsetDateTime,
    /// How long an old cookie still works after its first use, for requests sent in parallel.
    grace: Duration,
    /// Users who signed out everywhere. Stands for a column in your table of users.
    signed_out: Arc<Mutex<HashSet<String>>>,
}

/// A session as axum_session stores it: the values are JSON.
#[derive(Deserialize, Serialize)]
struct Record {
    data: HashMap<String, String>,
    longterm: bool,
}

/// Moves a visitor over who has an old cookie and no session yet.
async fn move_over(State(old): State<Old>, mut request: Request, next: Next) -> Result<Response, SessionError> {
    let Some(id) = old_id(request.headers()) else { return Ok(next.run(request).await) };
    let session: Session = request.extract_parts().await?;
    if session.is_new() {
        old.import(&id, &session).await?;
    }
    let mut response = next.run(request).await;
    // With the path, and the domain if there was one, of the old cookie.
    response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("session=; Path=/; Max-Age=0"));
    Ok(response)
}

fn old_id(headers: &HeaderMap) -> Option<String> {
    let headers = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut cookies = headers.flat_map(Cookie::split_parse_encoded).filter_map(Result::ok);
    Some(cookies.find(|cookie| cookie.name() == "session")?.value().to_owned())
}

impl Old {
    async fn import(&self, id: &str, session: &Session) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        if now >= self.until {
            return Ok(());
        }
        let Some(text) = self.pool.load(id, TABLE).await.map_err(unavailable)? else { return Ok(()) };
        let Ok(mut record) = serde_json::from_str::<Record>(&text) else { return Ok(()) };
        if let Some(user) = record.data.get("user").and_then(|user| serde_json::from_str::<String>(user).ok()) {
            if self.signed_out.lock().await.contains(&user) {
                return Ok(());
            }
            let login = Login::new(user);
            session.login(login.remember(record.longterm.then_some(LONGTERM)))?;
        }
        for key in ["cart", "theme"] {
            if let Some(Ok(value)) = record.data.get(key).map(|value| serde_json::from_str::<serde_json::Value>(value))
            {
                session.set(key, &value)?;
            }
        }
        // Before the old record ends, and whatever the status of the response will be.
        session.save().await?;
        // Only the first use starts the grace.
        if record.data.insert("moved".to_owned(), "true".to_owned()).is_none()
            && let Ok(text) = serde_json::to_string(&record)
        {
            let end = (now + self.grace).unix_timestamp();
            self.pool.store(id, &text, end, TABLE).await.map_err(unavailable)?;
        }
        Ok(())
    }
}

/// The answer is a 503: without the old session, the visitor would begin a new one.
fn unavailable(error: DatabaseError) -> Error {
    StoreError::new("axum_session", StoreErrorKind::Unavailable).caused_by(error).into()
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
        pool: SessionAnyPool::new(SessionNullPool), // yours is the SessionPgPool, the SessionRedisPool, …
        until: OffsetDateTime::from_unix_timestamp(1_800_000_000)?, // 15 January 2027
        grace: Duration::MINUTE,
        signed_out: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(Sessions::builder().build()?, old)).await?)
}
