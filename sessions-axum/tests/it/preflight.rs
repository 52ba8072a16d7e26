//! CORS preflights: they carry no cookies, so each could begin a new session.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, SET_COOKIE};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use sessions_axum::{Session, SessionLayer, Sessions, SessionsExt};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

use crate::support::manager_and_store;

/// A middleware that writes to the session of every request.
async fn count_visits(session: Session, request: Request, next: Next) -> Response {
    session.increment("visits", 1).unwrap();
    next.run(request).await
}

fn cors() -> CorsLayer {
    CorsLayer::new().allow_origin(["https://app.test".parse().unwrap()]).allow_methods([Method::POST])
}

fn preflight() -> Request {
    let request = Request::options("/").header(ORIGIN, "https://app.test");
    request.header(ACCESS_CONTROL_REQUEST_METHOD, "POST").body(Body::empty()).unwrap()
}

/// Sends a hundred preflights, and then a request that writes.
async fn assert_only_requests_begin_sessions(app: Router, sessions: &Sessions, preflights_answered: bool) {
    for _ in 0..100 {
        let response = app.clone().oneshot(preflight()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), preflights_answered);
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    assert_eq!(sessions.count().await.unwrap(), 0);
    let response = app.oneshot(Request::post("/").body(Body::empty()).unwrap()).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
    assert_eq!(sessions.count().await.unwrap(), 1);
}

#[tokio::test]
async fn preflight_begins_no_session_in_any_order() {
    let orders: [fn(Router, SessionLayer) -> Router; 3] = [
        |app, layer| app.layer(cors()).layer(from_fn(count_visits)).layer(layer),
        |app, layer| app.layer(from_fn(count_visits)).layer(cors()).layer(layer),
        |app, layer| app.layer(from_fn(count_visits)).layer(layer).layer(cors()),
    ];
    for order in orders {
        let sessions = manager_and_store().0;
        let app = order(Router::new().route("/", any(|| async {})), SessionLayer::new(sessions.clone()));
        assert_only_requests_begin_sessions(app, &sessions, true).await;
    }
    // Without a CORS layer the handler sees the preflight itself.
    let sessions = manager_and_store().0;
    let app = Router::new()
        .route("/", any(|| async {}))
        .layer(from_fn(count_visits))
        .layer(SessionLayer::new(sessions.clone()));
    assert_only_requests_begin_sessions(app, &sessions, false).await;
}

#[tokio::test]
async fn preflight_begins_no_session_explicitly() {
    let sessions = manager_and_store().0;
    let within = sessions.clone();
    let handler = async move |request: Request| {
        let session = within.start(&request).await.unwrap();
        session.increment("visits", 1).unwrap();
        let mut response = Response::new(Body::empty());
        within.finish(&session, &mut response).await.unwrap();
        response
    };
    let app = Router::new().route("/", any(handler));
    assert_only_requests_begin_sessions(app, &sessions, false).await;
}
