//! The layer around routers.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sessions_axum::{Session, SessionError, SessionLayer, Sessions, SessionsExt};
use sessions_conformance::Verb;
use tower::ServiceExt;

use crate::support::{Browser, TestStore, fail, manager, manager_and_store, set_cookies};

async fn login(session: Session) {
    session.login("iris").unwrap();
}

async fn logout(session: Session) -> Result<(), SessionError> {
    session.destroy();
    Ok(session.set_flash("notice", "good bye")?)
}

async fn whoami(session: Session) -> String {
    let notice = session.flash::<String>("notice").ok().flatten();
    notice.or(session.principal()).unwrap_or_default()
}

fn routes() -> Router {
    Router::new().route("/login", get(login)).route("/logout", get(logout)).route("/whoami", get(whoami))
}

#[tokio::test]
async fn browser_signs_in_and_out() {
    let app = routes().layer(SessionLayer::new(manager_and_store().0));
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/whoami").await.body, "");
    assert!(!browser.has_cookies());
    browser.get(&app, "/login").await;
    let mut thief = Browser::default();
    thief.keep(&app.clone().oneshot(browser.request("/login")).await.unwrap());
    assert_eq!(thief.get(&app, "/whoami").await.body, "iris");
    thief.get(&app, "/logout").await;
    assert_eq!(thief.get(&app, "/whoami").await.body, "good bye");
    assert_eq!(thief.get(&app, "/whoami").await.body, "");
    assert_eq!(browser.get(&app, "/whoami").await.body, "");
}

#[tokio::test]
async fn layer_covers_nested_and_fallback_routes() {
    let app = Router::new().nest("/deep", routes()).merge(routes()).fallback(whoami);
    let app = app.layer(SessionLayer::new(manager_and_store().0));
    let mut browser = Browser::default();
    browser.get(&app, "/deep/login").await;
    for path in ["/whoami", "/deep/whoami", "/nowhere"] {
        assert_eq!(browser.get(&app, path).await.body, "iris", "{path}");
    }
}

#[tokio::test]
async fn nested_layers_set_one_cookie() {
    let sessions = manager_and_store().0;
    let layer = SessionLayer::new(sessions);
    let app = routes().layer(layer.clone()).layer(layer.clone());
    let app = Router::new().merge(app).layer(layer);
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/login").await.set_cookies, 1);
    assert_eq!(browser.get(&app, "/whoami").await.body, "iris");
}

#[tokio::test]
async fn inner_manager_is_extracted() {
    let (outer, inner) = (manager("outer", &store()), manager("inner", &store()));
    let app = routes().layer(SessionLayer::new(inner.clone())).layer(SessionLayer::new(outer.clone()));
    Browser::default().get(&app, "/login").await;
    assert_eq!((outer.count().await.unwrap(), inner.count().await.unwrap()), (0, 1));
}

/// Regression: the inner session's new token was lost with the response, and its visitor signed
/// out.
#[tokio::test]
async fn failed_outer_commit_keeps_the_inner_cookie() {
    async fn both(outer: Sessions, session: Session, request: Parts) -> Result<Response, SessionError> {
        session.login("iris")?;
        outer.start(&request).await?.set("name", "iris")?;
        Ok(([("set-cookie", "a=1"), ("cache-control", "private")], "welcome").into_response())
    }
    let failing = store();
    let (outer, inner) = (manager("outer", &failing), manager("inner", &store()));
    let manager = outer.clone();
    let app = routes().route("/both", get(move |session, request| both(manager.clone(), session, request)));
    let app = app.layer(SessionLayer::new(inner)).layer(SessionLayer::new(outer));
    fail(&failing, &[Verb::Create]);
    let mut browser = Browser::default();
    let response = app.clone().oneshot(browser.request("/both")).await.unwrap();
    assert_eq!((response.status(), set_cookies(&response).len()), (StatusCode::SERVICE_UNAVAILABLE, 1));
    assert_eq!(response.headers()["cache-control"], "no-store");
    browser.keep(&response);
    assert_eq!(browser.get(&app, "/whoami").await.body, "iris");
}

fn store() -> TestStore {
    TestStore::new(Default::default())
}

#[tokio::test]
async fn early_response_keeps_its_writes() {
    async fn redirect(session: Session, _request: Request, _next: Next) -> Result<Response, SessionError> {
        session.set_flash("notice", "sign in first")?;
        Ok((StatusCode::SEE_OTHER, [("location", "/login")]).into_response())
    }
    let sessions = manager_and_store().0;
    let app = routes().layer(from_fn(redirect)).layer(SessionLayer::new(sessions.clone()));
    let mut browser = Browser::default();
    let answer = browser.get(&app, "/whoami").await;
    assert_eq!((answer.status, answer.set_cookies), (StatusCode::SEE_OTHER, 1));
    let app = routes().layer(SessionLayer::new(sessions));
    assert_eq!(browser.get(&app, "/whoami").await.body, "sign in first");
}

#[tokio::test]
async fn unsaved_login_is_never_claimed() {
    let (sessions, store) = manager_and_store();
    let app = routes().layer(SessionLayer::new(sessions));
    fail(&store, &[Verb::Create]);
    let mut browser = Browser::default();
    let answer = browser.get(&app, "/login").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.set_cookies), (StatusCode::SERVICE_UNAVAILABLE, "", 0));
}

#[tokio::test]
async fn route_without_a_session_survives_an_outage() {
    let (sessions, store) = manager_and_store();
    let app = routes().route("/plain", get(async || "ok")).layer(SessionLayer::new(sessions));
    let mut browser = Browser::default();
    browser.get(&app, "/login").await;
    fail(&store, &Verb::ALL);
    assert_eq!(browser.get(&app, "/plain").await.body, "ok");
}

/// Serves one request like a connection's task, and returns whether it panicked.
async fn panics(app: &Router, browser: &Browser, path: &str) -> bool {
    let answering = tokio::spawn(app.clone().oneshot(browser.request(path)));
    answering.await.is_err_and(|error| error.is_panic())
}

fn app_that_panics(sessions: Sessions) -> Router {
    async fn write(session: Session) -> Result<(), SessionError> {
        session.set("written", &true)?;
        panic!("asked to panic")
    }
    async fn destroy(session: Session) {
        tokio::task::yield_now().await;
        session.destroy();
        panic!("asked to panic")
    }
    async fn login(session: Session) -> Result<(), SessionError> {
        session.login("iris")?;
        panic!("asked to panic")
    }
    async fn renew(session: Session) {
        session.renew();
        panic!("asked to panic")
    }
    let routes = routes().route("/panic/write", get(write)).route("/panic/destroy", get(destroy));
    let routes = routes.route("/panic/login", get(login)).route("/panic/renew", get(renew));
    routes.layer(SessionLayer::new(sessions))
}

/// Regression: the session had a new secret, and nobody got its token.
#[tokio::test]
async fn panic_keeps_no_token_that_nobody_gets() {
    let sessions = manager_and_store().0;
    let app = app_that_panics(sessions.clone());
    let mut browser = Browser::default();
    assert!(panics(&app, &browser, "/panic/login").await);
    assert_eq!(sessions.count().await.unwrap(), 0);
    browser.get(&app, "/login").await;
    for path in ["/panic/login", "/panic/renew"] {
        assert!(panics(&app, &browser, path).await);
        assert_eq!(browser.get(&app, "/whoami").await.body, "iris", "{path}");
    }
}

#[tokio::test]
async fn panic_propagates_after_the_logout() {
    let sessions = manager_and_store().0;
    let app = app_that_panics(sessions.clone());
    let mut browser = Browser::default();
    assert!(panics(&app, &browser, "/panic/write").await);
    assert_eq!(sessions.count().await.unwrap(), 0);

    browser.get(&app, "/login").await;
    assert!(panics(&app, &browser, "/panic/write").await);
    assert_eq!(browser.get(&app, "/whoami").await.body, "iris");
    assert!(panics(&app, &browser, "/panic/destroy").await);
    assert_eq!(browser.get(&app, "/whoami").await.body, "");
}
