//! Cookies of tower-sessions with keys.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::SET_COOKIE;
use axum::routing::get;
use tower::ServiceExt as _;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, SessionStore};

include!("../../programs/moving_tower_sessions_keys.rs");

fn app() -> Router {
    Router::new().route("/", get(async |session: Session| session.insert("user", "ann").await.unwrap()))
}

/// Returns the cookie that an application sets.
async fn cookie_of(app: Router) -> Cookie<'static> {
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    let set_cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    let pair = set_cookie.split(';').next().unwrap().to_owned();
    Cookie::parse_encoded(pair).unwrap()
}

#[tokio::test]
async fn only_the_key_opens_a_signed_cookie() {
    let (key, store) = (Key::generate(), MemoryStore::default());
    let cookie = cookie_of(app().layer(SessionManagerLayer::new(store.clone()).with_signed(key.clone()))).await;
    let id = signed_id(cookie.clone(), &key).unwrap();
    assert!(store.load(&id).await.unwrap().is_some());
    assert_eq!(signed_id(cookie, &Key::generate()), None);
    assert_eq!(signed_id(Cookie::new("id", id.to_string()), &key), None);
}

#[tokio::test]
async fn only_the_key_opens_a_private_cookie() {
    let (key, store) = (Key::generate(), MemoryStore::default());
    let cookie = cookie_of(app().layer(SessionManagerLayer::new(store.clone()).with_private(key.clone()))).await;
    let id = private_id(cookie.clone(), &key).unwrap();
    assert!(store.load(&id).await.unwrap().is_some());
    assert_eq!(private_id(cookie, &Key::generate()), None);
    assert_eq!(private_id(Cookie::new("id", id.to_string()), &key), None);
}
