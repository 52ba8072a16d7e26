//! What is logged and not sent to the client.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use http::header::{HOST, ORIGIN, REFERER};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use sessions_core::Sessions;
use sessions_core::testing::ManualClock;
use sessions_http::{SessionError, session};

use crate::support::{
    Answer, Mood, TestStore, assert_bare, manager_and_store, request_after, serve, set_cookies, sign_in,
};

/// The collected log output.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Registers every log call site as enabled. Otherwise a site that another thread reaches first,
/// without a subscriber, would stay disabled.
fn listen_everywhere() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(io::sink);
        tracing::subscriber::set_global_default(all.finish()).unwrap();
    });
}

/// Returns what `work` logs on this thread.
pub(crate) fn logged(work: impl FnOnce()) -> String {
    listen_everywhere();
    let log = Log::default();
    let writer = Mutex::new(log.clone());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(writer);
    tracing::subscriber::with_default(subscriber.finish(), work);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Runs a handler, and returns its log output and its response.
fn log_of<F>(store: &TestStore, serving: F) -> (String, Response<String>)
where
    F: Future<Output = Answer>,
{
    let mut answer = None;
    let log = logged(|| answer = Some(store.drive(serving).unwrap_or_else(SessionError::into_response)));
    (log, answer.unwrap())
}

#[test]
fn server_faults_are_logged_with_causes() {
    let (sessions, store) = manager_and_store();
    store.set(Mood::FailsToWrite);
    let handler = async |request: Request<()>| {
        session(&request).await?.set("written", &true)?;
        Answer::Ok(Response::default())
    };
    let (log, response) = log_of(&store, serve(&sessions, Request::new(()), handler));
    assert_bare(&response, StatusCode::SERVICE_UNAVAILABLE);
    let line = log.lines().find(|line| line.contains("sessions_http: ")).unwrap();
    for part in ["ERROR", "kind=StoreUnavailable", "status=503", "the session store is unavailable", "is set to fail"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// Increments a string entry, which fails at every request.
async fn add_to_a_text(request: Request<()>) -> Answer {
    let session = session(&request).await?;
    session.set("name", "iris")?;
    session.increment("name", 1)?;
    Ok(Response::default())
}

async fn grow(request: Request<()>) -> Answer {
    session(&request).await?.set("name", &"x".repeat(100_000))?;
    Ok(Response::default())
}

async fn outlive(request: Request<()>) -> Answer {
    let session = session(&request).await?;
    session.set("name", "iris")?;
    session.sessions().destroy_principal("iris").await?;
    session.save().await?;
    Ok(Response::default())
}

#[test]
fn client_errors_are_logged_at_debug() {
    let (sessions, store) = manager_and_store();
    let signed_in = || store.drive(sign_in(&sessions));
    for _ in 0..10 {
        let request = request_after(&signed_in());
        assert_refused(
            &store,
            serve(&sessions, request, add_to_a_text),
            500,
            "the entry \"name\" is not an integer, or the sum is out of range",
        );
    }
    let request = request_after(&signed_in());
    assert_refused(
        &store,
        serve(&sessions, request, grow),
        413,
        "the entry \"name\" does not fit the session's limits",
    );
    let request = request_after(&signed_in());
    let ended = "the session has ended or was renewed";
    assert_refused(&store, serve(&sessions, request, outlive), 401, ended);
}

fn assert_refused(store: &TestStore, serving: impl Future<Output = Answer>, status: u16, text: &str) {
    let (log, response) = log_of(store, serving);
    assert_bare(&response, StatusCode::from_u16(status).unwrap());
    let line = log.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("DEBUG sessions_http: ") && line.contains(&format!("status={status}")), "{line}");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}

/// Returns how often a first visit warns that its cookie will be dropped.
fn warnings(sessions: &Sessions, fields: &[(HeaderName, &'static str)]) -> usize {
    let mut request = Request::new(());
    for (name, value) in fields {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let log = logged(|| {
        let handler = async |request: Request<()>| {
            session(&request).await?.login("iris")?;
            Answer::Ok(Response::default())
        };
        pollster::block_on(serve(sessions, request, handler)).unwrap();
    });
    log.lines().filter(|line| line.contains(" WARN sessions_core: ") && line.contains("secure(false)")).count()
}

#[test]
fn plain_http_warns_once_a_minute() {
    let host = (HOST, "myhost.test");
    let from = |name: HeaderName, page| [host.clone(), (name, page)];
    let clock = Arc::new(ManualClock::default());
    let sessions = Sessions::builder().clock(Arc::clone(&clock)).build().unwrap();
    assert_eq!(warnings(&sessions, std::slice::from_ref(&host)), 0);
    assert_eq!(warnings(&sessions, &from(ORIGIN, "https://myhost.test")), 0);
    assert_eq!(warnings(&sessions, &from(ORIGIN, "http://other.test")), 0);
    assert_eq!(warnings(&sessions, &[(HOST, "localhost:3000"), (ORIGIN, "http://localhost:3000")]), 0);

    assert_eq!(warnings(&sessions, &from(ORIGIN, "http://myhost.test")), 1);
    clock.advance(Duration::from_secs(59));
    assert_eq!(warnings(&sessions, &from(REFERER, "http://myhost.test/login")), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(warnings(&sessions, &from(REFERER, "http://myhost.test/login")), 1);

    let insecure = Sessions::builder().secure(false).build().unwrap();
    assert_eq!(warnings(&insecure, &from(ORIGIN, "http://myhost.test")), 0);
}

#[test]
fn returned_cookie_means_no_warning() {
    let (sessions, store) = manager_and_store();
    let mut request = request_after(&store.drive(sign_in(&sessions)));
    request.headers_mut().insert(HOST, HeaderValue::from_static("myhost.test"));
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static("http://myhost.test"));
    let handler = async |request: Request<()>| {
        let session = session(&request).await?;
        session.destroy();
        session.set("farewell", &true)?;
        Answer::Ok(Response::default())
    };
    let (log, response) = log_of(&store, serve(&sessions, request, handler));
    assert_eq!(set_cookies(response.headers()).len(), 1);
    assert!(!log.contains("WARN"), "{log}");
}
