//! The process-wide manager. A single test, because all tests of this binary share it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::test::TestRequest;
use actix_web::{HttpRequest, HttpResponse};
use sessions_actix::DestroyReason;

fn request(cookie: &str) -> HttpRequest {
    TestRequest::default().insert_header((COOKIE, cookie)).to_http_request()
}

/// Stores a session and returns its cookie.
async fn stored() -> String {
    let session = sessions_actix::global::start(&request("")).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = HttpResponse::Ok().finish();
    sessions_actix::global::finish(&session, &mut response).await.unwrap();
    let set_cookie = response.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
    set_cookie.split_once(';').unwrap().0.to_owned()
}

#[actix_web::test]
async fn global_functions_use_the_global_manager() {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&reasons);
    sessions_actix::global::on_destroy(move |_, reason| listener.lock().unwrap().push(reason));

    let one = stored().await;
    let session = sessions_actix::global::start(&request(&one)).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap().as_deref(), Some("iris"));
    let mut response = HttpResponse::Ok().finish();
    sessions_actix::global::shift_expiration(&request(&one), &mut response).await.unwrap();
    sessions_actix::global::update_expiration(&request(&one), &mut response, Duration::from_secs(60)).await.unwrap();
    let session = sessions_actix::global::start(&request(&one)).await.unwrap();
    assert!(session.remaining().unwrap() <= Duration::from_secs(60));

    sessions_actix::global::destroy(&request(&one), &mut response).await.unwrap();
    let other = sessions_actix::global::start(&request(&stored().await)).await.unwrap().id().unwrap();
    assert!(sessions_actix::global::destroy_by_id(other).await.unwrap());
    assert!(!sessions_actix::global::destroy_by_id(other).await.unwrap());
    assert_eq!(*reasons.lock().unwrap(), [DestroyReason::Logout, DestroyReason::Revoked]);

    stored().await;
    assert_eq!(sessions_actix::global::destroy_all().await.unwrap(), 1);
}
