//! The extractor and the error that handlers return.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sessions_axum::sessions_core::ErrorKind;
use sessions_axum::{Session, SessionError, SessionLayer};
use sessions_conformance::Verb;
use tower::ServiceExt;

use crate::support::{Browser, fail, manager_and_store};

async fn set(session: Session, Path(name): Path<String>) -> Result<(), SessionError> {
    session.set("name", &name)?;
    Ok(())
}

async fn name(session: Session) -> Result<String, SessionError> {
    Ok(session.get("name")?.unwrap_or_default())
}

fn app() -> Router {
    Router::new().route("/set/{name}", get(set)).route("/name", get(name))
}

#[tokio::test]
async fn browsers_have_separate_sessions() {
    let app = app().layer(SessionLayer::new(manager_and_store().0));
    let (mut iris, mut dahlia) = (Browser::default(), Browser::default());
    iris.get(&app, "/set/iris").await;
    dahlia.get(&app, "/set/dahlia").await;
    assert_eq!(iris.get(&app, "/name").await.body, "iris");
    assert_eq!(dahlia.get(&app, "/name").await.body, "dahlia");
    assert_eq!(Browser::default().get(&app, "/name").await.body, "");
}

#[tokio::test]
async fn handler_and_middleware_share_a_session() {
    async fn greet(session: Session, request: Request, next: Next) -> Result<Response, SessionError> {
        session.set("name", "from the middleware")?;
        let response = next.run(request).await;
        assert_eq!(session.get::<bool>("seen")?, Some(true));
        Ok(response)
    }
    async fn handler(session: Session, same: Session) -> Result<String, SessionError> {
        same.set("seen", &true)?;
        Ok(session.get("name")?.unwrap_or_default())
    }
    let sessions = manager_and_store().0;
    let app = Router::new().route("/", get(handler)).layer(from_fn(greet)).layer(SessionLayer::new(sessions));
    let answer = Browser::default().get(&app, "/").await;
    assert_eq!((answer.body.as_str(), answer.set_cookies), ("from the middleware", 1));
}

#[tokio::test]
async fn route_without_a_layer_is_500() {
    let answer = Browser::default().get(&app(), "/name").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, ""));

    async fn looks(session: Result<Session, SessionError>) -> String {
        session.unwrap_err().to_string()
    }
    let answer = Browser::default().get(&Router::new().route("/", get(looks)), "/").await;
    assert!(answer.body.contains("SessionLayer"), "{answer:?}");
}

#[tokio::test]
async fn outage_is_503_and_keeps_the_cookie() {
    let (sessions, store) = manager_and_store();
    let app = app().layer(SessionLayer::new(sessions));
    let mut browser = Browser::default();
    browser.get(&app, "/set/iris").await;

    fail(&store, &[Verb::Load]);
    let answer = browser.get(&app, "/name").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.set_cookies), (StatusCode::SERVICE_UNAVAILABLE, "", 0));
    store.recover();
    assert_eq!(browser.get(&app, "/name").await.body, "iris");
}

async fn name_or_none(session: Option<Session>) -> Result<String, SessionError> {
    match session {
        Some(session) => name(session).await,
        None => Ok("no layer".to_owned()),
    }
}

#[tokio::test]
async fn optional_session_needs_a_layer() {
    let (sessions, store) = manager_and_store();
    let app = app()
        .route("/optional", get(name_or_none))
        .layer(SessionLayer::new(sessions))
        .route("/without", get(name_or_none));
    let mut browser = Browser::default();
    let answer = browser.get(&app, "/optional").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "a new session is one too");
    browser.get(&app, "/set/iris").await;
    assert_eq!(browser.get(&app, "/optional").await.body, "iris");
    assert_eq!(browser.get(&app, "/without").await.body, "no layer");

    fail(&store, &[Verb::Load]);
    let answer = browser.get(&app, "/optional").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.set_cookies), (StatusCode::SERVICE_UNAVAILABLE, "", 0));
    assert_eq!(browser.get(&app, "/without").await.body, "no layer");
}

#[tokio::test]
async fn handler_may_handle_a_failed_load() {
    async fn kind(session: Result<Session, SessionError>) -> String {
        format!("{:?}", session.map_err(|error| error.kind()).err())
    }
    let (sessions, store) = manager_and_store();
    let app = app().route("/kind", get(kind)).layer(SessionLayer::new(sessions));
    let mut browser = Browser::default();
    browser.get(&app, "/set/iris").await;
    assert_eq!(browser.get(&app, "/kind").await.body, "None");
    fail(&store, &[Verb::Load]);
    let answer = browser.get(&app, "/kind").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "Some(StoreUnavailable)"));
}

#[tokio::test]
async fn session_error_is_a_bare_status() {
    async fn fill(session: Session, body: String) -> Result<String, SessionError> {
        session.set("kept", "before")?;
        session.set("body", &body).inspect_err(|error| assert_eq!(error.kind(), ErrorKind::TooLarge))?;
        Ok("filled".to_owned())
    }
    let sessions = manager_and_store().0;
    let app: Router = Router::new().route("/", post(fill)).layer(SessionLayer::new(sessions.clone()));
    let request = Request::post("/").body(Body::from("x".repeat(70_000))).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!response.headers().contains_key("set-cookie"));
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[tokio::test]
async fn errors_keep_kind_and_cause() {
    let (sessions, store) = manager_and_store();
    fail(&store, &[Verb::Count]);
    let error = SessionError::from(sessions.count().await.unwrap_err());
    assert_eq!((error.kind(), error.status()), (ErrorKind::StoreUnavailable, StatusCode::SERVICE_UNAVAILABLE));
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the memory store is unavailable");
    let response = error.into_response();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["retry-after"], "1");
}
