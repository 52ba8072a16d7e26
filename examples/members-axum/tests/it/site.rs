//! The application on a database of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http;
use members_axum::{App, Settings, connect, router, sessions};
use sessions_axum::sessions_core::testing::ManualClock;
use sessions_axum::{Sessions, TrustedProxies};
use sqlx::PgPool;
use test_servers::Postgres;
use tower::ServiceExt;

use crate::shared::browser::{ORIGIN, Page, Request};
use crate::support::database;
use crate::support::provider::Provider;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_members-axum");

/// The environment variable with the URL of the program's database.
pub(crate) const URL_VARIABLE: &str = "DATABASE_URL";

/// An option with a database that is not there, and what the program says then.
pub(crate) const NO_DATABASE: (&str, &str, &str) =
    ("--database", "postgres://127.0.0.1:1/none", "cannot open the database: error communicating with database: ");

pub(crate) fn is_database_installed() -> bool {
    Postgres::is_installed()
}

/// The application.
pub(crate) struct Site {
    router: Router,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) provider: Provider,
    pub(crate) database: PgPool,
}

impl Site {
    /// Starts the application.
    ///
    /// If Postgres is missing, reports the test as skipped and returns `None`.
    pub(crate) async fn start() -> Option<Self> {
        let (database, store) = connect(&database()?).await.unwrap();
        let provider = Provider::start().await;
        let mut settings = Settings::default();
        settings.oauth = Some(provider.as_oauth(ORIGIN));
        settings.proxies = TrustedProxies::new(["10.0.0.1"]).unwrap();
        let clock = Arc::new(ManualClock::default());
        let sessions = sessions(store).clock(Arc::clone(&clock)).sweep_every(None).build().unwrap();
        let router = router(App::new(database.clone(), settings).unwrap(), sessions.clone());
        Some(Self { router, sessions, clock, provider, database })
    }

    pub(crate) async fn send(&self, request: Request) -> Page {
        let method = if request.is_post { "POST" } else { "GET" };
        let proxy = ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4711)));
        let mut sent = http::Request::builder().method(method).uri(request.target).extension(proxy);
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        let response = self.router.clone().oneshot(sent.body(Body::from(request.form)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Page::new(head.status.as_u16(), &body, header)
    }

    pub(crate) async fn delete_user(&self, name: &str) {
        let deleted = sqlx::query("DELETE FROM users WHERE name = $1").bind(name).execute(&self.database).await;
        assert_eq!(deleted.unwrap().rows_affected(), 1);
    }

    /// Returns the name by which the sessions know a user.
    pub(crate) async fn principal_of(&self, name: &str) -> String {
        let id = sqlx::query_scalar("SELECT id FROM users WHERE name = $1").bind(name).fetch_one(&self.database);
        let id: i64 = id.await.unwrap();
        id.to_string()
    }

    /// From here on no query succeeds.
    pub(crate) async fn end_database(&mut self) {
        self.database.close().await;
    }
}
