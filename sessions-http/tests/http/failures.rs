//! The middleware's side of a request that goes wrong.

use std::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Waker};

use http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use sessions_core::{ErrorKind, Sessions};
use sessions_http::{SessionError, SessionsExt, session};

use crate::support::{Mood, manager_and_store, pending_once, request_after, serve, set_cookies};

type Answer = Result<Response<String>, SessionError>;

/// Signs iris in and returns the response, whose cookie later requests carry.
async fn sign_in(sessions: &Sessions) -> Response<String> {
    let handler = async |request: Request<()>| {
        session(&request).await?.login("iris")?;
        Answer::Ok(Response::default())
    };
    serve(sessions, Request::new(()), handler).await.unwrap()
}

async fn is_signed_in(sessions: &Sessions, signed_in: &Response<String>) -> bool {
    let session = sessions.start(&request_after(signed_in)).await.unwrap();
    assert!(!session.contains("written"), "what a failed request wrote was saved");
    session.principal().is_some()
}

/// Writes to the session, and ends it if told so.
async fn write(request: &Request<()>, destroy: bool) -> Result<(), SessionError> {
    let session = session(request).await?;
    session.set("written", &true)?;
    pending_once().await;
    if destroy {
        session.destroy();
    }
    Ok(())
}

/// Goes through stores that answer at once and later, and handlers that end the session and do not.
fn each_case(check: impl Fn(Mood, bool)) {
    for (mood, destroy) in [(Mood::AtOnce, false), (Mood::AtOnce, true), (Mood::Later, false), (Mood::Later, true)] {
        check(mood, destroy);
    }
}

#[test]
fn a_service_that_fails_saves_no_data_and_holds_a_destroy() {
    each_case(|mood, destroy| {
        let (sessions, store) = manager_and_store();
        let signed_in = store.drive(sign_in(&sessions));
        store.set(mood);
        let handler = async |request| {
            write(&request, destroy).await.unwrap();
            Err("the service's own error")
        };
        let error = store.drive(serve(&sessions, request_after(&signed_in), handler)).unwrap_err();
        assert_eq!(error, "the service's own error");
        assert_eq!(store.drive(is_signed_in(&sessions, &signed_in)), !destroy);
    });
}

#[test]
fn a_handler_that_panics_saves_no_data_and_holds_a_destroy() {
    each_case(|mood, destroy| {
        let (sessions, store) = manager_and_store();
        let signed_in = store.drive(sign_in(&sessions));
        store.set(mood);
        let serving = serve(&sessions, request_after(&signed_in), async |request| panics(&request, destroy).await);
        assert_eq!(panic_of(|| store.drive(serving)), "the handler's own panic");
        assert_eq!(store.drive(is_signed_in(&sessions, &signed_in)), !destroy);
    });
}

async fn panics(request: &Request<()>, destroy: bool) -> Answer {
    write(request, destroy).await?;
    panic!("the handler's own panic")
}

fn panic_of<T>(work: impl FnOnce() -> T) -> &'static str {
    let panic = catch_unwind(AssertUnwindSafe(work)).err().expect("there was no panic");
    panic.downcast_ref::<&str>().expect("the panic is another one")
}

#[test]
fn a_destroy_that_cannot_be_saved_does_not_hide_a_panic() {
    let (sessions, store) = manager_and_store();
    let signed_in = store.drive(sign_in(&sessions));
    store.set(Mood::FailsToWrite);
    let serving = serve(&sessions, request_after(&signed_in), async |request| panics(&request, true).await);
    assert_eq!(panic_of(|| store.drive(serving)), "the handler's own panic");
}

#[tokio::test]
async fn a_server_error_saves_no_data_and_holds_a_destroy() {
    for destroy in [false, true] {
        let (sessions, _) = manager_and_store();
        let signed_in = sign_in(&sessions).await;
        let handler = async |request| {
            write(&request, destroy).await?;
            let mut response = Response::new("broken".to_owned());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Answer::Ok(response)
        };
        let response = serve(&sessions, request_after(&signed_in), handler).await.unwrap();
        assert_eq!((response.status(), response.body().as_str()), (StatusCode::BAD_GATEWAY, "broken"));
        assert_eq!(set_cookies(response.headers()).len(), usize::from(destroy));
        assert_eq!(is_signed_in(&sessions, &signed_in).await, !destroy);
    }
}

fn assert_bare(response: &Response<String>, status: StatusCode) {
    assert_eq!((response.status(), response.body().as_str()), (status, ""));
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let retry_after = response.headers().get(RETRY_AFTER);
    assert_eq!(retry_after.is_some(), status == StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_success_that_cannot_be_saved_is_not_told() {
    let (sessions, store) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    store.set(Mood::FailsToWrite);
    for request in [Request::new(()), request_after(&signed_in)] {
        let handler = async |request| {
            write(&request, false).await?;
            let mut response = Response::new("saved".to_owned());
            response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("theme=dark"));
            Answer::Ok(response)
        };
        let response = serve(&sessions, request, handler).await.unwrap();
        assert_bare(&response, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_loaded_is_no_anonymous_one() {
    let (sessions, store) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    store.set(Mood::FailsToLoad);
    let handler = async |request: Request<()>| {
        let error = session(&request).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::StoreUnavailable));
        Answer::Ok(error.into_response())
    };
    let response = serve(&sessions, request_after(&signed_in), handler).await.unwrap();
    assert_bare(&response, StatusCode::SERVICE_UNAVAILABLE);
    store.set(Mood::AtOnce);
    assert!(is_signed_in(&sessions, &signed_in).await);
}

#[tokio::test]
async fn a_write_to_a_session_that_ended_meanwhile_is_refused_without_a_cookie() {
    let (sessions, _) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    let handler = async |request| {
        write(&request, false).await?;
        sessions.destroy_principal("iris").await?;
        Answer::Ok(Response::new("saved".to_owned()))
    };
    let response = serve(&sessions, request_after(&signed_in), handler).await.unwrap();
    assert_bare(&response, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_behind() {
    let (sessions, store) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    store.calls();
    let handler = async |request| {
        write(&request, true).await?;
        pending::<Answer>().await
    };
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut serving = pin!(serve(&sessions, request_after(&signed_in), handler));
        for _ in 0..3 {
            assert!(serving.as_mut().poll(&mut context).is_pending());
        }
    }
    assert_eq!(store.calls(), (1, 0));
    assert!(is_signed_in(&sessions, &signed_in).await);
}

#[tokio::test]
async fn a_handler_without_a_middleware_is_told_so() {
    let error = session(&Request::new(())).await.unwrap_err();
    assert!(error.is_no_middleware());
    assert_eq!(error.kind(), None);
    assert!(error.to_string().contains("SessionLayer"));
    assert_bare(&error.into_response(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Collects what is logged.
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

/// Lets every place that logs know that somebody listens. Otherwise one that another thread comes by first, with nobody listening
/// there, would be silent for good.
fn listen_everywhere() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(io::sink);
        tracing::subscriber::set_global_default(all.finish()).unwrap();
    });
}

fn logged(work: impl FnOnce()) -> String {
    listen_everywhere();
    let log = Log::default();
    let writer = Mutex::new(log.clone());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(writer);
    tracing::subscriber::with_default(subscriber.finish(), work);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_log_is_told_the_causes_of_what_the_server_is_to_blame_for() {
    let (sessions, store) = manager_and_store();
    store.set(Mood::FailsToWrite);
    let log = logged(|| {
        let handler = async |request| {
            write(&request, false).await?;
            Answer::Ok(Response::default())
        };
        let response = store.drive(serve(&sessions, Request::new(()), handler)).unwrap();
        assert_bare(&response, StatusCode::SERVICE_UNAVAILABLE);
    });
    let line = log.lines().find(|line| line.contains("the session store is unavailable")).unwrap();
    assert!(line.contains("ERROR") && line.contains("was told to fail"), "{line}");
}

#[test]
fn the_log_is_not_alarmed_by_what_the_client_is_to_blame_for() {
    let (sessions, store) = manager_and_store();
    let signed_in = store.drive(sign_in(&sessions));
    let log = logged(|| {
        let handler = async |request: Request<()>| {
            let session = session(&request).await?;
            session.set("name", "iris")?;
            sessions.destroy_principal("iris").await?;
            session.save().await?;
            Answer::Ok(Response::default())
        };
        let answer = store.drive(serve(&sessions, request_after(&signed_in), handler));
        assert_bare(&answer.unwrap_err().into_response(), StatusCode::UNAUTHORIZED);
    });
    assert!(log.contains("DEBUG") && log.contains("the session ended while the request was under way"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn the_log_is_not_alarmed_by_a_session_that_grows_too_large() {
    let (sessions, store) = manager_and_store();
    let log = logged(|| {
        let handler = async |request: Request<()>| {
            session(&request).await?.set("name", &"x".repeat(100_000))?;
            Answer::Ok(Response::default())
        };
        let answer = store.drive(serve(&sessions, Request::new(()), handler));
        assert_bare(&answer.unwrap_err().into_response(), StatusCode::PAYLOAD_TOO_LARGE);
    });
    assert!(log.contains("DEBUG") && log.contains("the session would exceed its limits"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}
