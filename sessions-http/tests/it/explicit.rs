//! Sessions that are started and finished by explicit calls.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use sessions_core::testing::ManualClock;
use sessions_core::{ErrorKind, Expiry, Sessions};
use sessions_http::SessionsExt;

use crate::support::{Mood, manager_and_store, request_after, set_cookies};

async fn sign_in(sessions: &Sessions) -> Response<String> {
    let session = sessions.start(&Request::new(())).await.unwrap();
    session.login("iris").unwrap();
    let mut response = Response::default();
    sessions.finish(&session, &mut response).await.unwrap();
    response
}

#[test]
fn next_request_sees_what_was_finished() {
    let (sessions, store) = manager_and_store();
    for mood in [Mood::AtOnce, Mood::Later] {
        store.set(mood);
        let signed_in = store.drive(sign_in(&sessions));
        assert_eq!(signed_in.headers()[CACHE_CONTROL], "no-store");
        let (parts, ()) = request_after(&signed_in).into_parts();
        let session = store.drive(sessions.start(&parts)).unwrap();
        assert_eq!(session.principal().as_deref(), Some("iris"));
    }
}

#[tokio::test]
async fn preflight_begins_no_session() {
    for (method, cookies) in [(Method::OPTIONS, 0), (Method::POST, 1)] {
        for by_parts in [false, true] {
            let (sessions, _) = manager_and_store();
            let mut request = Request::new(());
            *request.method_mut() = method.clone();
            let started = match by_parts {
                false => sessions.start(&request).await,
                true => sessions.start(&request.into_parts().0).await,
            };
            let session = started.unwrap();
            session.set("name", "iris").unwrap();
            let mut response = Response::new(());
            sessions.finish(&session, &mut response).await.unwrap();
            assert_eq!(set_cookies(response.headers()).len(), cookies, "{method} {by_parts}");
        }
    }
}

#[tokio::test]
async fn unfinished_session_is_not_saved() {
    let (sessions, store) = manager_and_store();
    let session = sessions.start(&Request::new(())).await.unwrap();
    session.set("name", "iris").unwrap();
    drop(session);
    assert_eq!(store.calls(), (0, 0));
}

#[tokio::test]
async fn failed_response_drops_the_data() {
    let (sessions, store) = manager_and_store();
    let session = sessions.start(&Request::new(())).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    sessions.finish(&session, &mut response).await.unwrap();
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(store.calls(), (0, 0));
}

#[tokio::test]
async fn failed_finish_leaves_the_response_alone() {
    let (sessions, store) = manager_and_store();
    store.set(Mood::FailsToWrite);
    let session = sessions.start(&Request::new(())).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = Response::new(());
    let error = sessions.finish(&session, &mut response).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    assert!(response.headers().is_empty());
}

#[tokio::test]
async fn destroyed_session_loses_its_cookie() {
    let (sessions, _) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    let mut response = Response::new(());
    sessions.destroy(&request_after(&signed_in), &mut response).await.unwrap();
    let [removal] = set_cookies(response.headers())[..] else { panic!("{response:?}") };
    assert!(removal.starts_with("__Host-id=;") && removal.contains("Max-Age=0"), "{removal}");
    assert!(sessions.start(&request_after(&signed_in)).await.unwrap().is_new());
}

#[tokio::test]
async fn destroy_without_a_session_sets_no_cookie() {
    let (sessions, store) = manager_and_store();
    let mut response = Response::new(());
    sessions.destroy(&Request::new(()), &mut response).await.unwrap();
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(store.calls(), (0, 0));
}

#[tokio::test]
async fn failed_logout_is_an_error() {
    for mood in [Mood::FailsToLoad, Mood::FailsToWrite] {
        let (sessions, store) = manager_and_store();
        let signed_in = sign_in(&sessions).await;
        store.set(mood);
        let mut response = Response::new(());
        let error = sessions.destroy(&request_after(&signed_in), &mut response).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{mood:?}");
        assert!(response.headers().is_empty(), "{mood:?}");
    }
}

#[tokio::test]
async fn moved_deadline_updates_the_cookie_age() {
    let clock = Arc::new(ManualClock::default());
    let expiry = Expiry::default().idle(Duration::from_secs(600)).absolute(None).persistent_cookie(true);
    let builder = Sessions::builder().clock(Arc::clone(&clock)).expiry(expiry).sweep_every(None);
    let sessions = builder.build().unwrap();
    let signed_in = sign_in(&sessions).await;

    clock.advance(Duration::from_secs(500));
    let mut response = Response::new(());
    sessions.shift_expiration(&request_after(&signed_in), &mut response).await.unwrap();
    assert!(set_cookies(response.headers())[0].contains("Max-Age=600"));

    clock.advance(Duration::from_secs(500));
    let mut response = Response::new(());
    let hour = Duration::from_secs(3600);
    sessions.update_expiration(&request_after(&signed_in), &mut response, hour).await.unwrap();
    assert!(set_cookies(response.headers())[0].contains("Max-Age=3600"));

    clock.advance(Duration::from_secs(3599));
    let session = sessions.start(&request_after(&signed_in)).await.unwrap();
    assert_eq!(session.remaining(), Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn moving_a_deadline_needs_a_session() {
    let (sessions, _) = manager_and_store();
    let (request, mut response) = (Request::new(()), Response::new(()));
    let shifted = sessions.shift_expiration(&request, &mut response).await.unwrap_err();
    let updated = sessions.update_expiration(&request, &mut response, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!([shifted.kind(), updated.kind()], [ErrorKind::NoSession; 2]);
    assert!(response.headers().is_empty());
}

/// A body that is not `Send`, as some single-threaded services have.
type Body = Rc<Cell<()>>;

#[tokio::test]
async fn calls_are_send_with_any_body() {
    const fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let (sessions, _) = manager_and_store();
    let (request, mut response) = (Request::new(Body::default()), Response::new(Body::default()));
    let session = is_send(sessions.start(&request)).await.unwrap();
    is_send(sessions.finish(&session, &mut response)).await.unwrap();
    is_send(sessions.destroy(&request, &mut response)).await.unwrap();
}

#[tokio::test]
async fn each_start_without_a_middleware_is_its_own() {
    let (sessions, _) = manager_and_store();
    let request = Request::new(());
    let (one, other) = (sessions.start(&request).await.unwrap(), sessions.start(&request).await.unwrap());
    one.set("name", "iris").unwrap();
    assert!(other.is_empty());
}
