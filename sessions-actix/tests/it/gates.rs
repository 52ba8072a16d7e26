//! Routes for signed-in visitors.

use std::time::Duration;

use actix_web::App;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{AGE, CACHE_CONTROL, COOKIE, HeaderValue, LOCATION, VARY};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, ServiceConfig};
use sessions_actix::{
    ErrorKind, OptionalSignedIn, Session, SessionError, SessionMiddleware, Sessions, SignedIn, SignedInMiddleware,
};
use sessions_conformance::{FailingStore, Failure, Verb};

use crate::support::{app, ask, bare_app, get};
use sessions_actix::sessions_core::store::{MemoryStore, StoreErrorKind};

fn routes(config: &mut ServiceConfig) {
    let fresh = SignedInMiddleware::new().within(Duration::ZERO);
    config
        .route(
            "/login",
            web::get().to(async |session: Session| session.login("ann").map(|()| "").map_err(SessionError::from)),
        )
        .route("/orders", web::get().to(async |user: SignedIn| user.principal().to_owned()))
        .route("/pay", web::get().to(async |user: SignedIn| user.within(Duration::ZERO).map(|()| "")))
        .route("/greet", web::get().to(greet))
        .route("/visits", web::get().to(visits))
        .service(web::scope("/layer").wrap(SignedInMiddleware::new()).route("/orders", web::get().to(async || "in")))
        .service(web::scope("/fresh").wrap(fresh).route("", web::get().to(async || "in")));
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

async fn greet(OptionalSignedIn(user): OptionalSignedIn) -> String {
    user.map_or_else(|| "stranger".to_owned(), |user| user.principal().to_owned())
}

fn sessions() -> Sessions {
    Sessions::builder().login_page("/login").confirm_page("/confirm").build().unwrap()
}

/// Asks for a page as a browser does.
fn page(path: &str, cookie: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header(("sec-fetch-mode", "navigate")).insert_header((COOKIE, cookie))
}

#[actix_web::test]
async fn stranger_is_sent_to_the_login_page() {
    let app = app(&sessions(), routes).await;
    for (path, location) in [
        ("/orders?page=2", "/login?next=/orders%3Fpage%3D2"),
        ("/layer/orders", "/login?next=/layer/orders"),
        ("/pay", "/login?next=/pay"),
        ("/fresh", "/login?next=/fresh"),
    ] {
        let denied = ask(&app, page(path, "")).await;
        assert_eq!((denied.status.as_u16(), denied.all(LOCATION)), (303, vec![location]), "{path}");
        assert_eq!((denied.all(CACHE_CONTROL), denied.all(VARY)), (vec!["no-store"], vec!["Cookie"]), "{path}");
        let denied = get(&app, path, "").await;
        denied.assert_is_bare(401);
        assert_eq!(denied.all(LOCATION), [""; 0], "{path}");
    }
}

/// Regression: the middleware refused with an `Err`, which `ErrorHandlers` and `Logger` pass on.
#[actix_web::test]
async fn refusal_is_a_response_for_outer_middleware() {
    async fn sign_in(session: Session) -> Result<&'static str, SessionError> {
        session.login("ann")?;
        Ok("")
    }
    let gate = |path, gate: SignedInMiddleware| web::scope(path).wrap(gate).route("", web::get().to(async || "in"));
    let seen = ErrorHandlers::new().handler(StatusCode::UNAUTHORIZED, |mut response: ServiceResponse<_>| {
        assert!(response.response().error().unwrap().as_error::<SessionError>().is_some());
        response.headers_mut().insert(AGE, HeaderValue::from_static("1"));
        Ok(ErrorHandlerResponse::Response(response.map_into_left_body()))
    });
    let app = App::new()
        .route("/login", web::get().to(sign_in))
        .service(gate("/gate", SignedInMiddleware::new()))
        .service(gate("/fresh", SignedInMiddleware::new().within(Duration::ZERO)))
        .wrap(SessionMiddleware::new(sessions()))
        .wrap(seen);
    let app = init_service(app).await;
    let cookie = get(&app, "/login", "").await.cookie().unwrap();
    for (path, cookie) in [("/gate", ""), ("/fresh", &cookie[..])] {
        let denied = get(&app, path, cookie).await;
        denied.assert_is_bare(401);
        assert_eq!(denied.all(AGE), ["1"], "{path}");
    }
}

#[actix_web::test]
async fn signed_in_visitor_is_admitted() {
    let app = app(&sessions(), routes).await;
    let cookie = get(&app, "/login", "").await.cookie().unwrap();
    for (path, body) in [("/orders", "ann"), ("/layer/orders", "in"), ("/greet", "ann"), ("/visits", "1")] {
        assert_eq!(get(&app, path, &cookie).await.body, body, "{path}");
    }
    assert_eq!(get(&app, "/greet", "").await.body, "stranger");
    for path in ["/pay", "/fresh"] {
        let denied = ask(&app, page(path, &cookie)).await;
        let location = format!("/confirm?next={path}");
        assert_eq!((denied.status.as_u16(), denied.all(LOCATION)), (303, vec![&*location]), "{path}");
    }
}

#[actix_web::test]
async fn failed_store_signs_nobody_out() {
    let store = FailingStore::new(MemoryStore::default());
    let app = app(&Sessions::builder().store(store.clone()).sweep_every(None).build().unwrap(), routes).await;
    let cookie = get(&app, "/login", "").await.cookie().unwrap();
    store.fail(Verb::Load, Failure::before(StoreErrorKind::Unavailable));
    for path in ["/orders", "/layer/orders", "/greet"] {
        assert_eq!(get(&app, path, &cookie).await.status, 503, "{path}");
    }
    store.recover();
    let answer = get(&app, "/greet", &cookie).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (200, &b"ann"[..]));
}

#[actix_web::test]
async fn refusal_names_the_login_page_and_a_missing_middleware() {
    fn shown(config: &mut ServiceConfig) {
        let shown = async |user: Result<SignedIn, SessionError>| {
            let error = user.unwrap_err();
            format!("{:?} {}", error.error().location(), error.kind() == ErrorKind::NoMiddleware)
        };
        config.route("/page", web::get().to(shown));
    }
    let shown_inside = ask(&app(&sessions(), shown).await, page("/page", "")).await;
    assert_eq!(shown_inside.body, "Some(\"/login?next=/page\") false");
    assert_eq!(get(&bare_app(&sessions(), shown).await, "/page", "").await.body, "None true");
}

#[actix_web::test]
async fn gate_without_a_middleware_is_500() {
    let app = bare_app(&sessions(), routes).await;
    for path in ["/orders", "/layer/orders", "/greet"] {
        assert_eq!(get(&app, path, "").await.status, 500, "{path}");
    }
}
