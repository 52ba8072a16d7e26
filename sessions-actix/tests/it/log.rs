//! What is logged and not sent to the client.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use actix_web::App;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HOST, HeaderName, ORIGIN, REFERER};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, ServiceConfig};
use sessions_actix::sessions_core::testing::ManualClock;
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};
use sessions_conformance::Verb;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::faulty::faulty;
use crate::support::{app, ask, get, panic_of};

thread_local! {
    /// The log lines of this thread, which runs one test.
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// Starts recording what this thread logs.
///
/// The subscriber is set for the whole process: `tracing` caches per call site whether anybody
/// listens, so one for a single thread misses sites that another thread reached first.
fn listen() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    LINES.take();
}

struct Log;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "error" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Core's own log lines are not tested here, except its warnings.
        metadata.target() == "sessions_actix"
            || (*metadata.level() == Level::WARN && metadata.target() == "sessions_core")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push((*event.metadata().level(), line.0)));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

async fn set(session: Session) -> Result<&'static str, SessionError> {
    session.set("name", "iris")?;
    Ok("set")
}

async fn too_large(session: Session) -> Result<&'static str, SessionError> {
    session.set("name", &"x".repeat(100_000))?;
    Ok("set")
}

async fn add_to_a_text(session: Session) -> Result<&'static str, SessionError> {
    session.set("name", "iris")?;
    session.increment("name", 1)?;
    Ok("added")
}

async fn outlived(session: Session, sessions: web::Data<Sessions>) -> Result<&'static str, SessionError> {
    sessions.destroy_by_id(session.id().unwrap()).await?;
    session.set("name", "late")?;
    Ok("set")
}

async fn leave_and_panic(session: Session) -> &'static str {
    session.destroy();
    panic!("on purpose")
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/set", web::get().to(set))
        .route("/add_to_a_text", web::get().to(add_to_a_text))
        .route("/too_large", web::get().to(too_large))
        .route("/outlived", web::get().to(outlived))
        .route("/leave_and_panic", web::get().to(leave_and_panic));
}

#[actix_web::test]
async fn causes_are_logged_once() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    listen();

    store.fail(Verb::Create);
    get(&app, "/set", "").await.assert_is_bare(503);
    get(&app, "/outlived", &cookie).await.assert_is_bare(401);

    let unavailable = "the session store is unavailable: the memory store is unavailable: ";
    let lines = LINES.take();
    let [(Level::ERROR, first), (Level::DEBUG, second)] = &lines[..] else { panic!("{lines:?}") };
    assert!(first.starts_with(unavailable) && first.len() > unavailable.len(), "{first}");
    assert_eq!(second, "the session has ended or was renewed");
}

#[actix_web::test]
async fn client_errors_are_logged_at_debug() {
    let app = app(&faulty().0, routes).await;
    listen();
    get(&app, "/too_large", "").await.assert_is_bare(413);
    let too_large =
        "the entry \"name\" does not fit the session's limits: a session has at most 65536 bytes and 256 keys";
    assert_eq!(LINES.take(), [(Level::DEBUG, too_large.to_owned())]);
    for _ in 0..10 {
        get(&app, "/add_to_a_text", "").await.assert_is_bare(500);
    }
    assert_eq!(
        LINES.take(),
        vec![(Level::DEBUG, "the entry \"name\" is not an integer, or the sum is out of range".to_owned()); 10]
    );
}

#[actix_web::test]
async fn plain_http_warns_once_a_minute() {
    let clock = Arc::new(ManualClock::default());
    let sessions = Sessions::builder().clock(Arc::clone(&clock)).build().unwrap();
    let app = app(&sessions, routes).await;
    let visit = |name: HeaderName, page| {
        ask(&app, TestRequest::with_uri("/set").insert_header((HOST, "myhost.test")).insert_header((name, page)))
    };
    listen();
    visit(ORIGIN, "https://myhost.test").await;
    visit(REFERER, "http://other.test/").await;
    assert_eq!(LINES.take(), []);
    for _ in 0..2 {
        visit(REFERER, "http://myhost.test/login").await;
        visit(ORIGIN, "http://myhost.test").await;
        assert!(matches!(LINES.take()[..], [(Level::WARN, _)]));
        clock.advance(Duration::from_secs(60));
    }
}

#[actix_web::test]
async fn passing_error_is_logged_once() {
    let (sessions, store) = faulty();
    let guard = from_fn(async |session: Session, request: ServiceRequest, next: Next<_>| {
        assert!(session.is_new());
        next.call(request).await
    });
    let app = App::new()
        .service(web::scope("/guarded").route("", web::get().to(set)).wrap(guard))
        .configure(routes)
        .wrap(SessionMiddleware::new(sessions));
    let app = init_service(app).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    listen();

    store.fail(Verb::Load);
    get(&app, "/guarded", &cookie).await.assert_is_bare(503);
    assert!(matches!(LINES.take()[..], [(Level::ERROR, _)]));
}

#[actix_web::test]
async fn failed_logout_before_a_panic_is_logged() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    listen();

    store.fail(Verb::Destroy);
    panic_of(get(&app, "/leave_and_panic", &cookie)).await;
    assert!(matches!(LINES.take()[..], [(Level::ERROR, _)]));
}
