//! Routes for signed-in visitors.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, HeaderName, LOCATION, VARY};
use axum::http::{Request, Response};
use axum::routing::get;
use sessions_axum::{ErrorKind, Session, SessionError, SessionLayer, Sessions, SignedIn, SignedInLayer};
use sessions_conformance::Verb;
use tower::ServiceExt;

use crate::support::{Browser, fail, manager_and_store};

async fn login(session: Session) -> Result<(), SessionError> {
    Ok(session.login("ann")?)
}

async fn orders(user: SignedIn) -> String {
    user.principal().to_owned()
}

/// Calls a helper for handlers that take either form of session.
async fn visits(user: SignedIn) -> Result<String, SessionError> {
    async fn count(session: &Session) -> Result<i64, SessionError> {
        session.reload().await?;
        Ok(session.increment("visits", 1)?)
    }
    assert_eq!(user.session().id(), user.id());
    Ok(count(&user).await?.to_string())
}

async fn greet(user: Option<SignedIn>) -> String {
    user.map_or_else(|| "stranger".to_owned(), |user| user.principal().to_owned())
}

async fn pay(user: SignedIn) -> Result<(), SessionError> {
    user.within(Duration::ZERO)
}

fn routes() -> Router {
    let paid = Router::new().route("/", get(async || "in")).layer(SignedInLayer::new().within(Duration::ZERO));
    let account = Router::new().route("/orders", get(orders));
    Router::new()
        .route("/login", get(login))
        .route("/greet", get(greet))
        .route("/pay", get(pay))
        .route("/visits", get(visits))
        .nest("/account", account)
        .nest("/layer", Router::new().route("/orders", get(async || "in")).layer(SignedInLayer::new()))
        .nest("/fresh", paid)
}

fn app() -> Router {
    let sessions = Sessions::builder().login_page("/login").confirm_page("/confirm").build().unwrap();
    routes().layer(SessionLayer::new(sessions))
}

/// Asks for a page as a browser does.
async fn page(app: &Router, browser: &Browser, path: &str) -> Response<Body> {
    let mut request: Request<Body> = browser.request(path);
    request.headers_mut().insert("sec-fetch-mode", "navigate".parse().unwrap());
    app.clone().oneshot(request).await.unwrap()
}

fn text(response: &Response<Body>, name: HeaderName) -> Option<&str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn stranger_is_sent_to_the_login_page() {
    let (app, stranger) = (app(), Browser::default());
    for (path, location) in [
        ("/account/orders?page=2", "/login?next=/account/orders%3Fpage%3D2"),
        ("/layer/orders", "/login?next=/layer/orders"),
        ("/pay", "/login?next=/pay"),
        ("/fresh", "/login?next=/fresh"),
    ] {
        let denied = page(&app, &stranger, path).await;
        assert_eq!((denied.status().as_u16(), text(&denied, LOCATION)), (303, Some(location)), "{path}");
        assert_eq!((text(&denied, CACHE_CONTROL), text(&denied, VARY)), (Some("no-store"), Some("Cookie")), "{path}");
        let denied = app.clone().oneshot(stranger.request(path)).await.unwrap();
        assert_eq!((denied.status().as_u16(), text(&denied, LOCATION)), (401, None), "{path}");
    }
}

#[tokio::test]
async fn signed_in_visitor_is_admitted() {
    let (app, mut ann) = (app(), Browser::default());
    ann.get(&app, "/login").await;
    for (path, body) in [("/account/orders", "ann"), ("/layer/orders", "in"), ("/greet", "ann"), ("/visits", "1")] {
        let answer = ann.get(&app, path).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, body), "{path}");
    }
    assert_eq!(Browser::default().get(&app, "/greet").await.body, "stranger");
    for path in ["/pay", "/fresh"] {
        let denied = page(&app, &ann, path).await;
        let location = format!("/confirm?next={path}");
        assert_eq!((denied.status().as_u16(), text(&denied, LOCATION)), (303, Some(&*location)), "{path}");
    }
}

#[tokio::test]
async fn failed_store_signs_nobody_out() {
    let (sessions, store) = manager_and_store();
    let app = routes().layer(SessionLayer::new(sessions));
    let mut ann = Browser::default();
    ann.get(&app, "/login").await;
    fail(&store, &[Verb::Load]);
    for path in ["/account/orders", "/layer/orders", "/greet"] {
        assert_eq!(ann.get(&app, path).await.status, 503, "{path}");
    }
    store.recover();
    assert_eq!(ann.get(&app, "/greet").await.body, "ann");
}

#[tokio::test]
async fn refusal_names_the_login_page_and_a_missing_layer() {
    async fn page(user: Result<SignedIn, SessionError>) -> String {
        let error = user.unwrap_err();
        format!("{:?} {}", error.error().location(), error.kind() == ErrorKind::NoMiddleware)
    }
    let sessions = Sessions::builder().login_page("/login").build().unwrap();
    let bare = Router::new().route("/page", get(page));
    let app = bare.clone().layer(SessionLayer::new(sessions));
    let request = Request::get("/page").header("accept", "text/html").body(Body::empty()).unwrap();
    let shown = app.oneshot(request).await.unwrap().into_body();
    assert_eq!(to_bytes(shown, 1024).await.unwrap(), "Some(\"/login?next=/page\") false");
    assert_eq!(Browser::default().get(&bare, "/page").await.body, "None true");
}

#[tokio::test]
async fn gate_without_a_session_layer_is_500() {
    for path in ["/account/orders", "/layer/orders", "/greet"] {
        assert_eq!(Browser::default().get(&routes(), path).await.status, 500, "{path}");
    }
}
