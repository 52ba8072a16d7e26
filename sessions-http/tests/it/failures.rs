//! The middleware on requests that fail.

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use http::header::SET_COOKIE;
use http::{HeaderValue, Request, Response, StatusCode};
use sessions_core::{ErrorKind, Sessions};
use sessions_http::{SessionError, SessionsExt, session};

use crate::support::{
    Answer, Mood, TestStore, assert_bare, manager_and_store, pending_once, request_after, serve, set_cookies, sign_in,
};

async fn is_signed_in(sessions: &Sessions, signed_in: &Response<String>) -> bool {
    let session = sessions.start(&request_after(signed_in)).await.unwrap();
    assert!(!session.contains("written"), "what a failed request wrote was saved");
    session.principal().is_some()
}

/// Writes to the session, and destroys it if `destroy` is set.
async fn write(request: &Request<()>, destroy: bool) -> Result<(), SessionError> {
    let session = session(request).await?;
    session.set("written", &true)?;
    pending_once().await;
    if destroy {
        session.destroy();
    }
    Ok(())
}

/// Runs `check` with stores that answer at once and late, and with handlers that destroy or keep
/// the session.
fn each_case(check: impl Fn(Mood, bool)) {
    for (mood, destroy) in [(Mood::AtOnce, false), (Mood::AtOnce, true), (Mood::Later, false), (Mood::Later, true)] {
        check(mood, destroy);
    }
}

#[test]
fn failing_service_keeps_only_a_destroy() {
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
fn panicking_handler_keeps_only_a_destroy() {
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
fn failed_destroy_does_not_hide_a_panic() {
    let (sessions, store) = manager_and_store();
    let signed_in = store.drive(sign_in(&sessions));
    store.set(Mood::FailsToWrite);
    let serving = serve(&sessions, request_after(&signed_in), async |request| panics(&request, true).await);
    assert_eq!(panic_of(|| store.drive(serving)), "the handler's own panic");
}

#[tokio::test]
async fn server_error_keeps_only_a_destroy() {
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

#[tokio::test]
async fn unsaved_success_is_never_claimed() {
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
async fn failed_load_is_not_anonymous() {
    let (sessions, store) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    store.set(Mood::FailsToLoad);
    let handler = async |request: Request<()>| {
        let error = session(&request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
        assert!(error.source().unwrap().to_string().contains("is unavailable"));
        Answer::Ok(error.into_response())
    };
    let response = serve(&sessions, request_after(&signed_in), handler).await.unwrap();
    assert_bare(&response, StatusCode::SERVICE_UNAVAILABLE);
    store.set(Mood::AtOnce);
    assert!(is_signed_in(&sessions, &signed_in).await);
}

#[tokio::test]
async fn interrupted_write_sets_no_cookie() {
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

/// Regression: the inner session's new token was lost with the response, and its visitor signed
/// out.
#[tokio::test]
async fn failed_outer_commit_keeps_the_inner_cookie() {
    let ((outer, store), inner) = (manager_and_store(), TestStore::new().manager("__Host-inner"));
    let handler = async |request| {
        session(&request).await?.login("iris")?;
        outer.start(&request).await?.set("name", "iris")?;
        let mut response = Response::new("welcome".to_owned());
        response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("a=1"));
        Answer::Ok(response)
    };
    store.set(Mood::FailsToWrite);
    let response = serve(&outer, Request::new(()), |request| serve(&inner, request, handler)).await.unwrap();
    assert_eq!((response.status(), response.body().as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
    assert_eq!(set_cookies(response.headers()).len(), 1);
    let session = inner.start(&request_after(&response)).await.unwrap();
    assert_eq!(session.principal().as_deref(), Some("iris"));
}

#[tokio::test]
async fn missing_middleware_is_an_error() {
    let error = session(&Request::new(())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMiddleware);
    assert!(error.to_string().contains("SessionLayer"));
    assert_bare(&error.into_response(), StatusCode::INTERNAL_SERVER_ERROR);
}
