//! What the handlers share, and which handler answers which request.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{DefaultHeaders, ErrorHandlers};
use actix_web::web::{Data, ServiceConfig, get, post, resource};
use actix_web::{App, Error};
use redis::aio::ConnectionManager;
use sessions_actix::sessions_core::store::Store;
use sessions_actix::{CrossOrigin, SessionMiddleware, Sessions, SessionsBuilder, TrustedProxies};

use crate::error::fill_error_page;
use crate::pages::{account, confirm, devices, home, login, password, sign_up};
use crate::passwords::{PasswordError, Passwords};
use crate::users::Users;

/// Forbids scripts, foreign content and framing, in case a page forgets to escape something.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every handler can reach. Clones share it.
#[derive(Clone, Debug)]
pub struct AppState {
    pub(crate) users: Users,
    pub(crate) passwords: Passwords,
    pub(crate) proxies: TrustedProxies,
}

impl AppState {
    /// Creates the state on a [connected](crate::connect) database.
    ///
    /// The reports of these proxies on their clients are believed.
    ///
    /// # Errors
    ///
    /// Fails if the operating system returns no random bytes.
    pub fn new(database: ConnectionManager, proxies: TrustedProxies) -> Result<Self, PasswordError> {
        Ok(Self { users: Users::new(database), passwords: Passwords::new()?, proxies })
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

/// Returns the application of one worker. The state and the manager are those of all workers.
pub fn app(
    state: Data<AppState>,
    sessions: Sessions,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(state)
        .configure(routes)
        .wrap(SessionMiddleware::new(sessions))
        // The last `wrap` is the outermost: errors of the sessions have no body either.
        .wrap(ErrorHandlers::new().default_handler(fill_error_page))
        .wrap(DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, POLICY)).add((X_CONTENT_TYPE_OPTIONS, "nosniff")))
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/", get().to(home::show))
        .route("/style.css", get().to(home::style))
        .service(resource("/sign-up").get(sign_up::show).post(sign_up::submit))
        .service(resource("/login").get(login::show).post(login::submit))
        .route("/logout", post().to(login::end))
        .service(resource("/confirm").get(confirm::show).post(confirm::submit))
        .route("/account", get().to(account::show))
        .service(resource("/account/password").get(password::show).post(password::submit))
        .route("/devices", get().to(devices::show))
        .route("/devices/end", post().to(devices::end))
        .route("/devices/end-others", post().to(devices::end_others));
}
