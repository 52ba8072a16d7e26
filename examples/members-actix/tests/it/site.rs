//! The application on a Redis of its own.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use members_actix::{AppState, app, connect, sessions};
use sessions_actix::sessions_core::testing::ManualClock;
use sessions_actix::{Sessions, TrustedProxies};
use test_servers::Server;
pub(crate) use test_servers::installed as is_database_installed;

use crate::shared::browser::{Page, Request};
use crate::support::redis;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_members-actix");

/// The environment variable with the URL of the program's Redis.
pub(crate) const URL_VARIABLE: &str = "REDIS_URL";

/// An option with a Redis that is not there, and what the program says then.
pub(crate) const NO_DATABASE: (&str, &str, &str) =
    ("--redis", "redis://127.0.0.1:1", "cannot open Redis: Connection refused");

/// The application's service, whose type has no name.
type Service = dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = Page>>>;

/// The application.
pub(crate) struct Site {
    service: Box<Service>,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) redis: Server,
}

impl Site {
    /// Starts the application.
    ///
    /// If Redis is missing, reports the test as skipped and returns `None`.
    pub(crate) async fn start() -> Option<Self> {
        let redis = redis()?;
        let (database, store) = connect(&redis.url()).await.unwrap();
        let clock = Arc::new(ManualClock::default());
        let sessions = sessions(store).clock(Arc::clone(&clock)).build().unwrap();
        let proxies = TrustedProxies::new(["10.0.0.1"]).unwrap();
        let state = Data::new(AppState::new(database, proxies).unwrap());
        let service = Rc::new(init_service(app(state, sessions.clone())).await);
        let service = Box::new(move |request: TestRequest| -> Pin<Box<dyn Future<Output = Page>>> {
            let service = Rc::clone(&service);
            Box::pin(async move { page_of(call_service(&*service, request.to_request()).await).await })
        });
        Some(Self { service, sessions, clock, redis })
    }

    pub(crate) async fn send(&self, request: Request) -> Page {
        let sent = if request.is_post { TestRequest::post() } else { TestRequest::get() };
        let mut sent = sent.uri(&request.target).peer_addr(([10, 0, 0, 1], 4711).into()).set_payload(request.form);
        for (name, value) in request.headers {
            sent = sent.insert_header((name, value));
        }
        (self.service)(sent).await
    }

    pub(crate) async fn delete_user(&self, name: &str) {
        assert_eq!(self.redis.cli(&["DEL", &format!("members:user:{name}")]), "1");
    }

    /// Returns the name by which the sessions know a user.
    pub(crate) async fn principal_of(&self, name: &str) -> String {
        name.to_owned()
    }

    /// From here on no command succeeds.
    pub(crate) async fn end_database(&mut self) {
        self.redis.kill();
    }
}

async fn page_of(response: ServiceResponse<impl MessageBody>) -> Page {
    let (request, response) = response.into_parts();
    drop(request);
    let (head, body) = response.into_parts();
    let body = to_bytes(body).await.unwrap_or_else(|_| panic!("a page has a whole body"));
    let header = |name: &str| head.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Page::new(head.status().as_u16(), &body, header)
}
