//! Explicit calls without a middleware.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, SET_COOKIE, VARY};
use actix_web::test::TestRequest;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use sessions_actix::sessions_core::testing::ManualClock;
use sessions_actix::{
    DestroyReason, ErrorKind, Event, Expiry, Login, OutagePolicy, RejectReason, Sessions, SessionsExt,
};

use crate::support::sessions;

fn request(cookie: &str) -> HttpRequest {
    TestRequest::default().insert_header((COOKIE, cookie)).to_http_request()
}

/// Returns the cookie that a response sets, as a client sends it back.
fn cookie<B>(response: &HttpResponse<B>) -> Option<String> {
    let value = response.headers().get(SET_COOKIE)?.to_str().unwrap();
    Some(value.split_once(';').unwrap().0.to_owned())
}

/// Stores a session with a name in it, and returns its cookie.
async fn stored(sessions: &Sessions) -> String {
    let session = sessions.start(&request("")).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = HttpResponse::Ok().finish();
    sessions.finish(&session, &mut response).await.unwrap();
    cookie(&response).unwrap()
}

async fn name(sessions: &Sessions, cookie: &str) -> Option<String> {
    sessions.start(&request(cookie)).await.unwrap().get("name").unwrap()
}

#[actix_web::test]
async fn next_request_sees_what_was_finished() {
    let sessions = sessions();
    let cookie = stored(&sessions).await;
    assert_eq!(name(&sessions, &cookie).await.as_deref(), Some("iris"));
}

#[actix_web::test]
async fn unfinished_session_is_not_saved() {
    let sessions = sessions();
    sessions.start(&request("")).await.unwrap().set("name", "iris").unwrap();
    assert_eq!(sessions.count().await.unwrap(), 0);
}

/// Two borrows of which one may write would panic.
#[actix_web::test]
#[expect(clippy::await_holding_refcell_ref, reason = "handlers do that")]
async fn started_session_is_found_while_extensions_are_borrowed() {
    let sessions = sessions();
    let request = request("");
    sessions.start(&request).await.unwrap().set("name", "iris").unwrap();
    let extensions = request.extensions();
    let again = sessions.start(&request).await.unwrap();
    drop(extensions);
    assert_eq!(again.get::<String>("name").unwrap().as_deref(), Some("iris"));
}

#[actix_web::test]
async fn starting_twice_returns_one_session() {
    let sessions = sessions();
    let request = request("");
    sessions.start(&request).await.unwrap().set("name", "iris").unwrap();
    let again = sessions.start(&request).await.unwrap();
    assert_eq!(again.get::<String>("name").unwrap().as_deref(), Some("iris"));
}

#[actix_web::test]
async fn destroyed_session_loses_its_cookie() {
    let sessions = sessions();
    let old = stored(&sessions).await;
    let mut response = HttpResponse::Ok().finish();
    sessions.destroy(&request(&old), &mut response).await.unwrap();
    assert_eq!(cookie(&response).as_deref(), Some("__Host-id="));
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn destroying_nothing_sets_no_cookie() {
    let sessions = sessions();
    let mut response = HttpResponse::Ok().finish();
    sessions.destroy(&request(""), &mut response).await.unwrap();
    assert_eq!((cookie(&response), response.headers().get(VARY).unwrap().as_bytes()), (None, &b"Cookie"[..]));
}

#[actix_web::test]
async fn failed_response_drops_the_data() {
    let sessions = sessions();
    let session = sessions.start(&request("")).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR);
    sessions.finish(&session, &mut response).await.unwrap();
    assert_eq!((cookie(&response), sessions.count().await.unwrap()), (None, 0));
}

#[actix_web::test]
async fn expirations_are_shifted_and_updated() {
    let minute = Duration::from_secs(60);
    let clock = Arc::new(ManualClock::default());
    let expiry = Expiry::default().idle(30 * minute).persistent_cookie(true);
    let sessions =
        Sessions::builder().expiry(expiry).touch_every(10 * minute).clock(Arc::clone(&clock)).build().unwrap();
    let cookie = stored(&sessions).await;

    clock.advance(5 * minute);
    let mut response = HttpResponse::Ok().finish();
    sessions.shift_expiration(&request(&cookie), &mut response).await.unwrap();
    assert!(response.headers().get(SET_COOKIE).unwrap().to_str().unwrap().contains("Max-Age=1800"));

    let mut response = HttpResponse::Ok().finish();
    sessions.update_expiration(&request(&cookie), &mut response, 2 * minute).await.unwrap();
    assert!(response.headers().get(SET_COOKIE).unwrap().to_str().unwrap().contains("Max-Age=120"));

    clock.advance(3 * minute);
    assert_eq!(name(&sessions, &cookie).await, None);
}

#[actix_web::test]
async fn shifting_needs_a_session() {
    let sessions = sessions();
    let mut response = HttpResponse::Ok().finish();
    let shifted = sessions.shift_expiration(&request(""), &mut response).await;
    assert_eq!(shifted.unwrap_err().kind(), ErrorKind::NoSession);
    let updated = sessions.update_expiration(&request(""), &mut response, Duration::from_secs(1)).await;
    assert_eq!(updated.unwrap_err().kind(), ErrorKind::NoSession);
}

/// Options and listeners take types that are at the crate's root.
#[actix_web::test]
async fn listeners_get_reasons() {
    let (rejected, ended) = (Arc::<OnceLock<RejectReason>>::default(), Arc::<OnceLock<DestroyReason>>::default());
    let (of_request, of_session) = (Arc::clone(&rejected), Arc::clone(&ended));
    let builder = Sessions::builder().outage(OutagePolicy::Anonymous).on_event(move |event| {
        if let Event::Rejected { reason, .. } = event {
            of_request.set(*reason).unwrap();
        }
    });
    let sessions = builder.build().unwrap();
    sessions.on_destroy(move |_, reason| of_session.set(reason).unwrap());
    assert!(sessions.start(&request("__Host-id=x")).await.unwrap().is_new());
    drop(sessions.issue(Login::new("iris")).await.unwrap());
    sessions.destroy_principal("iris").await.unwrap();
    assert_eq!((rejected.get(), ended.get()), (Some(&RejectReason::Malformed), Some(&DestroyReason::Revoked)));
}
