//! What the handlers share, and which handler answers which request.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response};
use axum::middleware::map_response;
use axum::routing::{get, post};
use sessions_axum::sessions_core::store::Store;
use sessions_axum::{CrossOrigin, SessionLayer, Sessions, SessionsBuilder, TrustedProxies};
use sqlx::PgPool;

use crate::error::fill_error_page;
use crate::oauth::OAuth;
use crate::pages::{account, confirm, devices, home, login, oauth, password, sign_up};
use crate::passwords::{PasswordError, Passwords};
use crate::users::Users;

/// What every handler can reach. Clones share it.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) users: Users,
    pub(crate) passwords: Passwords,
    pub(crate) proxies: TrustedProxies,
    pub(crate) oauth: Option<OAuth>,
}

/// What differs between installations.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Proxies whose reports on their clients are believed.
    pub proxies: TrustedProxies,
    /// The provider that members may sign in with.
    pub oauth: Option<OAuth>,
}

impl App {
    /// Creates the application on a [connected](crate::connect) database.
    ///
    /// # Errors
    ///
    /// Fails if the operating system returns no random bytes.
    pub fn new(database: PgPool, settings: Settings) -> Result<Self, PasswordError> {
        let Settings { proxies, oauth } = settings;
        Ok(Self { users: Users::new(database), passwords: Passwords::new()?, proxies, oauth })
    }
}

/// Returns the session manager's options.
pub fn sessions(store: impl Store) -> SessionsBuilder {
    Sessions::builder()
        .store(store)
        .login_page("/login")
        .confirm_page("/confirm")
        // No other origin has a reason to post to this application, not even its subdomains.
        .cross_origin(CrossOrigin::RefuseCrossOrigin)
}

/// Returns the routes.
pub fn router(app: App, sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/sign-up", get(sign_up::show).post(sign_up::submit))
        .route("/login", get(login::show).post(login::submit))
        .route("/logout", post(login::end))
        .route("/confirm", get(confirm::show).post(confirm::submit))
        .route("/oauth", post(oauth::begin))
        .route("/oauth/callback", get(oauth::finish))
        .route("/account", get(account::show))
        .route("/account/password", get(password::show).post(password::submit))
        .route("/devices", get(devices::show))
        .route("/devices/end", post(devices::end))
        .route("/devices/end-others", post(devices::end_others))
        .layer(SessionLayer::new(sessions))
        .route("/style.css", get(home::style))
        // Around the layer of the sessions, whose own errors have no body either.
        .layer(map_response(fill_error_page))
        .layer(map_response(add_security_headers))
        .with_state(app)
}

/// Forbids scripts, foreign content and framing, in case a page forgets to escape something.
async fn add_security_headers<B>(mut response: Response<B>) -> Response<B> {
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
