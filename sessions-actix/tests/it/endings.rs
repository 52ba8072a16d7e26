//! Requests that fail.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use actix_web::dev::Service;
use actix_web::error::{Error, ErrorBadRequest, ErrorForbidden, ErrorInternalServerError, InternalError};
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE, VARY};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, FromRequest, HttpResponse, ResponseError};
use sessions_actix::{ErrorKind, Session, SessionError, SessionMiddleware, Sessions};

use crate::support::{Serving, app, bare_app, get, panic_of, sessions};

async fn set(session: Session) -> Result<&'static str, SessionError> {
    session.set("name", "iris")?;
    Ok("set")
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get("name")?.unwrap_or_else(|| "nobody".to_owned()))
}

async fn set_and_refuse(session: Session) -> Result<&'static str, Error> {
    session.set("name", "refused").map_err(SessionError::from)?;
    Err(ErrorBadRequest("no"))
}

async fn set_and_fail(session: Session) -> Result<&'static str, Error> {
    session.set("name", "failed").map_err(SessionError::from)?;
    Err(ErrorInternalServerError("broken"))
}

async fn leave_and_fail(session: Session) -> Result<&'static str, Error> {
    session.destroy();
    Err(ErrorInternalServerError("broken"))
}

async fn set_and_panic(session: Session) -> &'static str {
    session.set("name", "panicked").unwrap();
    panic!("on purpose")
}

async fn renew_and_panic(session: Session) -> &'static str {
    session.renew();
    panic!("on purpose")
}

async fn leave_and_panic(session: Session) -> &'static str {
    session.destroy();
    panic!("on purpose")
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/set", web::get().to(set))
        .route("/get", web::get().to(read))
        .route("/set_and_refuse", web::get().to(set_and_refuse))
        .route("/set_and_fail", web::get().to(set_and_fail))
        .route("/leave_and_fail", web::get().to(leave_and_fail))
        .route("/set_and_panic", web::get().to(set_and_panic))
        .route("/renew_and_panic", web::get().to(renew_and_panic))
        .route("/leave_and_panic", web::get().to(leave_and_panic));
}

#[actix_web::test]
async fn client_error_keeps_the_writes() {
    let app = app(&sessions(), routes).await;
    let answer = get(&app, "/set_and_refuse", "").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (400, &b"no"[..]));
    assert_eq!(get(&app, "/get", &answer.cookie().unwrap()).await.body, "refused");
}

#[actix_web::test]
async fn server_error_drops_the_writes() {
    let app = app(&sessions(), routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    let answer = get(&app, "/set_and_fail", &cookie).await;
    assert_eq!((answer.status.as_u16(), answer.cookie()), (500, None));
    assert_eq!(get(&app, "/get", &cookie).await.body, "iris");
}

#[actix_web::test]
async fn logout_survives_a_server_error() {
    let sessions = sessions();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    let answer = get(&app, "/leave_and_fail", &cookie).await;
    assert_eq!(answer.status, 500);
    answer.assert_removes_cookie();
    assert_eq!(sessions.count().await.unwrap(), 0);
    assert_eq!(get(&app, "/get", &cookie).await.body, "nobody");
}

#[actix_web::test]
async fn handler_error_is_passed_on() {
    let app = app(&sessions(), routes).await;
    let request = TestRequest::with_uri("/set_and_refuse").to_request();
    let response = try_call_service(&app, request).await.unwrap();
    assert_eq!(response.response().error().unwrap().to_string(), "no");
}

#[actix_web::test]
async fn panic_propagates_and_drops_the_writes() {
    let app = app(&sessions(), routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    assert_eq!(panic_of(get(&app, "/set_and_panic", &cookie)).await, "on purpose");
    assert_eq!(get(&app, "/get", &cookie).await.body, "iris");
}

/// Regression: the session had a new secret, and nobody got its token.
#[actix_web::test]
async fn panic_drops_a_renewal() {
    let app = app(&sessions(), routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    assert_eq!(panic_of(get(&app, "/renew_and_panic", &cookie)).await, "on purpose");
    assert_eq!(get(&app, "/get", &cookie).await.body, "iris");
}

#[actix_web::test]
async fn logout_survives_a_panic() {
    let sessions = sessions();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    assert_eq!(panic_of(get(&app, "/leave_and_panic", &cookie)).await, "on purpose");
    assert_eq!(sessions.count().await.unwrap(), 0);
    assert_eq!(get(&app, "/get", &cookie).await.body, "nobody");
}

#[actix_web::test]
async fn disconnect_leaves_nothing_behind() {
    let sessions = sessions();
    let reached = web::Data::new(AtomicBool::new(false));
    let handler = async |session: Session, reached: web::Data<AtomicBool>| {
        session.set("name", "waiting").unwrap();
        reached.store(true, Ordering::Relaxed);
        std::future::pending::<&'static str>().await
    };
    let app = app(&sessions, |config| {
        config.app_data(reached.clone()).route("/", web::get().to(handler));
    })
    .await;
    {
        let mut response = pin!(get(&app, "/", ""));
        assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(reached.load(Ordering::Relaxed));
    }
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn handler_without_middleware_gets_no_session() {
    let answer = get(&bare_app(&sessions(), routes).await, "/set", "").await;
    answer.assert_is_bare(500);
    let error = Session::extract(&TestRequest::default().to_http_request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMiddleware);
}

/// The error with which an inner middleware refuses a request after its handler is done.
#[derive(Debug)]
struct Refusal;

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl ResponseError for Refusal {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::Forbidden().append_header((SET_COOKIE, "a=1")).append_header((VARY, "Accept")).finish()
    }
}

/// Serves handlers inside a middleware that turns their responses into an error, inside the session
/// middleware.
fn refusing_app(sessions: &Sessions, error: fn() -> Error) -> impl Serving + use<> {
    async fn renew(session: Session) -> &'static str {
        session.renew();
        "renewed"
    }
    async fn leave(session: Session) -> &'static str {
        session.destroy();
        "left"
    }
    async fn plain() -> &'static str {
        "ok"
    }
    let refusing = web::scope("/refused")
        .route("/set", web::get().to(set))
        .route("/renew", web::get().to(renew))
        .route("/leave", web::get().to(leave))
        .route("/plain", web::get().to(plain))
        .wrap_fn(move |request, service| {
            let response = service.call(request);
            async move {
                response.await?;
                Err::<actix_web::dev::ServiceResponse, _>(error())
            }
        });
    init_service(App::new().wrap(SessionMiddleware::new(sessions.clone())).service(refusing).configure(routes))
}

#[actix_web::test]
async fn inner_error_carries_the_cookie() {
    let sessions = sessions();
    let app = refusing_app(&sessions, || Refusal.into()).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();

    let renewed = get(&app, "/refused/renew", &cookie).await;
    assert_eq!(renewed.status, 403);
    assert_eq!(renewed.all(SET_COOKIE)[0], "a=1");
    assert_eq!(renewed.all(VARY), ["Accept, Cookie"]);
    assert_eq!(get(&app, "/get", &cookie).await.body, "nobody");
    assert_eq!(get(&app, "/get", &renewed.cookie().unwrap()).await.body, "iris");

    let left = get(&app, "/refused/leave", &renewed.cookie().unwrap()).await;
    assert_eq!((left.status.as_u16(), left.cookie().as_deref()), (403, Some("__Host-id=")));
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn inner_error_ends_by_its_status() {
    // `Refusal` defines its response, and not its status.
    for error in [|| ErrorForbidden("no"), || Refusal.into()] {
        let app = refusing_app(&sessions(), error).await;
        let kept = get(&app, "/refused/set", "").await;
        assert_eq!(get(&app, "/get", &kept.cookie().unwrap()).await.body, "iris");
    }

    let app = refusing_app(&sessions(), || ErrorInternalServerError("broken")).await;
    let dropped = get(&app, "/refused/set", "").await;
    assert_eq!((dropped.status.as_u16(), dropped.cookie()), (500, None));
}

/// Regression: the middleware took the response out of the error, and the client got a bare 500.
#[actix_web::test]
async fn response_within_an_inner_error_is_sent() {
    fn redirect() -> Error {
        let response = HttpResponse::SeeOther().insert_header((LOCATION, "/login")).finish();
        InternalError::from_response("a stranger", response).into()
    }
    fn broken() -> Error {
        InternalError::from_response("broken", HttpResponse::InternalServerError().body("a page")).into()
    }
    let answer = get(&refusing_app(&sessions(), redirect).await, "/refused/set", "").await;
    assert_eq!((answer.status.as_u16(), answer.all(LOCATION)), (303, vec!["/login"]));
    assert!(answer.cookie().is_some());

    let answer = get(&refusing_app(&sessions(), broken).await, "/refused/set", "").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..], answer.cookie()), (500, &b"a page"[..], None));
}

#[actix_web::test]
async fn inner_errors_response_is_made_once() {
    thread_local! {
        static MADE: Cell<u32> = const { Cell::new(0) };
    }

    /// An error that would write to a log when it becomes a response.
    #[derive(Debug)]
    struct Logged;

    impl std::fmt::Display for Logged {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("logged")
        }
    }

    impl ResponseError for Logged {
        fn status_code(&self) -> StatusCode {
            StatusCode::SERVICE_UNAVAILABLE
        }

        fn error_response(&self) -> HttpResponse {
            MADE.set(MADE.get() + 1);
            HttpResponse::new(self.status_code())
        }
    }

    let answer = get(&refusing_app(&sessions(), || Logged.into()).await, "/refused/set", "").await;
    assert_eq!((answer.status.as_u16(), MADE.get()), (503, 1));
}

#[actix_web::test]
async fn inner_error_keeps_its_type() {
    let app = refusing_app(&sessions(), || Refusal.into()).await;
    let request = TestRequest::with_uri("/refused/set").to_request();
    let error = try_call_service(&app, request).await.map(drop).unwrap_err();
    assert!(error.as_error::<Refusal>().is_some());

    let answers = [error.error_response(), error.error_response()];
    let [first, second] = answers.each_ref().map(|answer| {
        let cookies: Vec<_> = answer.headers().get_all(SET_COOKIE).cloned().collect();
        assert_eq!(cookies.len(), 2);
        cookies
    });
    assert_eq!(first, second);
}

#[actix_web::test]
async fn error_without_a_session_is_unchanged() {
    let app = refusing_app(&sessions(), || Refusal.into()).await;
    let answer = get(&app, "/refused/plain", "").await;
    assert_eq!((answer.all(SET_COOKIE), answer.all(VARY)), (vec!["a=1"], vec!["Accept"]));
}

#[actix_web::test]
async fn early_inner_response_is_finished() {
    let guarded = App::new()
        .service(web::scope("").route("/set", web::get().to(set)).wrap(from_fn(
            async |session: Session, request, _next: actix_web::middleware::Next<_>| {
                session.set_flash("notice", "sign in first").map_err(SessionError::from)?;
                let request: actix_web::dev::ServiceRequest = request;
                Ok::<_, Error>(request.into_response(HttpResponse::SeeOther().finish()))
            },
        )))
        .wrap(SessionMiddleware::new(sessions()));
    let app = init_service(guarded).await;
    let answer = get(&app, "/set", "").await;
    assert_eq!(answer.status, 303);
    assert!(answer.cookie().is_some());
}

#[actix_web::test]
async fn interrupted_write_is_401_without_a_cookie() {
    async fn outlived(session: Session, sessions: web::Data<Sessions>) -> Result<HttpResponse, SessionError> {
        sessions.destroy_by_id(session.id().unwrap()).await?;
        session.set("name", "late")?;
        Ok(HttpResponse::Ok().body("saved"))
    }
    let sessions = sessions();
    let app = app(&sessions, |config| {
        routes(config);
        config.route("/outlived", web::get().to(outlived));
    })
    .await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    get(&app, "/outlived", &cookie).await.assert_is_bare(401);
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn session_error_is_a_bare_status() {
    async fn too_large(session: Session) -> Result<&'static str, SessionError> {
        session.set("name", &"x".repeat(1 << 20))?;
        Ok("saved")
    }
    let app = app(&sessions(), |config| {
        config.route("/", web::get().to(too_large));
    })
    .await;
    get(&app, "/", "").await.assert_is_bare(413);
}
