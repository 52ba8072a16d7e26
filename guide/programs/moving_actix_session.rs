use std::collections::{HashMap, HashSet};

use actix_session::storage::{LoadError, RedisSessionStore, SessionKey, SessionStore};
use actix_web::body::MessageBody;
use actix_web::cookie::time::{Duration, OffsetDateTime};
use actix_web::cookie::{Cookie, CookieJar, Key};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, web};
use sessions_actix::sessions_core::store::{StoreError, StoreErrorKind};
use sessions_actix::{Error, Session, SessionError, SessionMiddleware, Sessions};
use tokio::sync::Mutex;

/// What is left of actix-session.
struct Old<S> {
    store: S,
    /// The key of the old middleware.
    key: Key,
    /// When old cookies stop working.
    until: OffsetDateTime,
    /// How long an old cookie still works after its first use, for requests sent in parallel.
    grace: Duration,
    /// Users who signed out everywhere. Stands for a column in your table of users.
    signed_out: Mutex<HashSet<String>>,
}

/// Moves a visitor over who has an old cookie and no session yet.
async fn move_over<S: SessionStore + 'static>(
    old: web::Data<Old<S>>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Some(key) = old.session_key(&request) else { return next.call(request).await };
    let session = request.extract::<Session>().await?;
    if session.is_new() {
        old.import(key, &session).await.map_err(SessionError::from)?;
    }
    let mut response = next.call(request).await?;
    // With the path, and the domain if there was one, of the old cookie.
    response.response_mut().add_removal_cookie(&Cookie::build("id", "").path("/").finish())?;
    Ok(response)
}

impl<S: SessionStore> Old<S> {
    /// Opens the old cookie. With `CookieContentSecurity::Signed`, call `signed` for `private`.
    fn session_key(&self, request: &ServiceRequest) -> Option<SessionKey> {
        let mut jar = CookieJar::new();
        jar.add_original(request.cookie("id")?);
        jar.private(&self.key).get("id")?.value().to_owned().try_into().ok()
    }

    async fn import(&self, key: SessionKey, session: &Session) -> Result<(), Error> {
        if OffsetDateTime::now_utc() >= self.until {
            return Ok(());
        }
        let Some(mut state) = self.load(&key).await? else { return Ok(()) };
        if let Some(user) = state.get("user").and_then(|user| serde_json::from_str::<String>(user).ok()) {
            if self.signed_out.lock().await.contains(&user) {
                return Ok(());
            }
            session.login(&user)?;
        }
        for key in ["cart", "theme"] {
            if let Some(Ok(value)) = state.get(key).map(|value| serde_json::from_str::<serde_json::Value>(value)) {
                session.set(key, &value)?;
            }
        }
        // Before the old state ends, and whatever the status of the response will be.
        session.save().await?;
        // Only the first use starts the grace.
        if state.insert("moved".to_owned(), "true".to_owned()).is_none() {
            self.store.update(key, state, &self.grace).await.map_err(unavailable)?;
        }
        Ok(())
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, Error> {
        match self.store.load(key).await {
            Ok(state) => Ok(state),
            Err(LoadError::Deserialization(_)) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// The answer is a 503: without the old session, the visitor would begin a new one.
fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    StoreError::new("actix-session", StoreErrorKind::Unavailable).caused_by(error).into()
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

async fn sign_out_everywhere<S: 'static>(
    old: web::Data<Old<S>>,
    session: Session,
) -> Result<&'static str, SessionError> {
    if let Some(user) = session.principal() {
        // The old store cannot list a user's sessions: they must not be imported any more.
        old.signed_out.lock().await.insert(user);
        session.destroy_others().await?;
        session.destroy();
    }
    Ok("good bye")
}

fn routes<S: SessionStore + 'static>(config: &mut web::ServiceConfig) {
    let routes = web::scope("")
        .wrap(from_fn(move_over::<S>)) // around all routes that use the session
        .route("/account", web::get().to(account))
        .route("/sign-out", web::post().to(sign_out))
        .route("/sign-out-everywhere", web::post().to(sign_out_everywhere::<S>));
    config.service(routes);
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let old = web::Data::new(Old {
        store: RedisSessionStore::new("redis://localhost").await?,
        key: Key::from(std::env::var("OLD_SESSION_KEY")?.as_bytes()),
        until: OffsetDateTime::from_unix_timestamp(1_800_000_000)?, // 15 January 2027
        grace: Duration::MINUTE,
        signed_out: Mutex::default(),
    });
    let sessions = SessionMiddleware::new(Sessions::builder().build()?);
    let app = move || App::new().app_data(old.clone()).configure(routes::<RedisSessionStore>).wrap(sessions.clone());
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
