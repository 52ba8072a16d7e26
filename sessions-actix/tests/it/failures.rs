//! Stores that fail, and stores that answer late.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use actix_web::error::ErrorForbidden;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse};
use sessions_actix::sessions_core::ErrorKind;
use sessions_actix::{OptionalSession, Session, SessionError, SessionMiddleware, Sessions, SessionsExt};
use sessions_conformance::Verb;

use crate::faulty::{Faults, faulty};
use crate::support::{Answer, Served, app, bare_app, caught, get, panic_of};

async fn set(session: Session) -> Result<HttpResponse, SessionError> {
    session.set("name", "iris")?;
    Ok(HttpResponse::Ok().insert_header((SET_COOKIE, "a=1")).body("set"))
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get("name")?.unwrap_or_else(|| "nobody".to_owned()))
}

async fn count(session: Session) -> Result<String, SessionError> {
    Ok(session.increment("count", 1)?.to_string())
}

async fn leave(session: Session) -> &'static str {
    session.destroy();
    "bye"
}

async fn leave_and_panic(session: Session) -> &'static str {
    session.destroy();
    panic!("on purpose")
}

async fn perhaps(OptionalSession(session): OptionalSession) -> Result<String, SessionError> {
    match session {
        Some(session) => read(session).await,
        None => Ok("no middleware".to_owned()),
    }
}

async fn kind(session: Result<Session, SessionError>) -> String {
    session.map_or_else(|error| format!("{:?}", error.kind()), |_| "loaded".to_owned())
}

async fn plain() -> &'static str {
    "ok"
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/set", web::get().to(set))
        .route("/get", web::get().to(read))
        .route("/count", web::get().to(count))
        .route("/leave", web::get().to(leave))
        .route("/leave_and_panic", web::get().to(leave_and_panic))
        .route("/perhaps", web::get().to(perhaps))
        .route("/kind", web::get().to(kind))
        .route("/plain", web::get().to(plain));
}

#[actix_web::test]
async fn outage_is_503_if_the_session_is_used() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();

    store.fail(Verb::Load);
    let answer = get(&app, "/get", &cookie).await;
    answer.assert_is_bare(503);
    assert_eq!(answer.all(RETRY_AFTER), ["1"]);
    assert_eq!(get(&app, "/plain", &cookie).await.body, "ok");

    store.recover();
    assert_eq!(get(&app, "/get", &cookie).await.body, "iris");
}

#[actix_web::test]
async fn optional_session_needs_a_middleware() {
    let (sessions, store) = faulty();
    let (wrapped, bare) = (app(&sessions, routes).await, bare_app(&sessions, routes).await);
    assert_eq!(get(&wrapped, "/perhaps", "").await.body, "nobody", "a new session is one too");
    let cookie = get(&wrapped, "/set", "").await.cookie().unwrap();
    assert_eq!(get(&wrapped, "/perhaps", &cookie).await.body, "iris");
    assert_eq!(get(&bare, "/perhaps", &cookie).await.body, "no middleware");

    store.fail(Verb::Load);
    get(&wrapped, "/perhaps", &cookie).await.assert_is_bare(503);
    assert_eq!(get(&bare, "/perhaps", &cookie).await.body, "no middleware");

    // A load that does not answer at once is awaited.
    store.recover();
    store.gate.close();
    let mut waiting = pin!(get(&wrapped, "/perhaps", &cookie));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    store.gate.open();
    assert_eq!(waiting.await.body, "iris");
}

#[actix_web::test]
async fn handler_may_handle_a_failed_load() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    assert_eq!(get(&app, "/kind", &cookie).await.body, "loaded");
    store.fail(Verb::Load);
    let answer = get(&app, "/kind", &cookie).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"StoreUnavailable"[..]));
    assert_eq!(get(&bare_app(&sessions, routes).await, "/kind", &cookie).await.body, "NoMiddleware");
}

#[actix_web::test]
async fn unsaved_success_is_never_claimed() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    store.fail(Verb::Create);
    get(&app, "/set", "").await.assert_is_bare(503);

    store.recover();
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    store.fail(Verb::Commit);
    get(&app, "/count", &cookie).await.assert_is_bare(503);
    store.fail(Verb::Destroy);
    get(&app, "/leave", &cookie).await.assert_is_bare(503);

    store.recover();
    assert_eq!(get(&app, "/get", &cookie).await.body, "iris");
}

#[actix_web::test]
async fn outer_middleware_sees_the_error() {
    let (sessions, store) = faulty();
    let app = App::new()
        .wrap(SessionMiddleware::new(sessions))
        .wrap(DefaultHeaders::new().add(("x-frame-options", "DENY")))
        .configure(routes);
    let app = init_service(app).await;
    store.fail(Verb::Create);
    let response = try_call_service(&app, TestRequest::with_uri("/set").to_request()).await.unwrap();
    assert_eq!(response.headers().get("x-frame-options").unwrap(), "DENY");
    let error = response.response().error().unwrap().as_error::<SessionError>().unwrap();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
}

#[actix_web::test]
async fn store_error_replaces_an_inner_error() {
    let (sessions, store) = faulty();
    let app = App::new()
        .service(web::scope("").route("/set", web::get().to(set)).wrap_fn(|request, service| {
            use actix_web::dev::Service;
            let response = service.call(request);
            async move {
                response.await?;
                Err::<actix_web::dev::ServiceResponse, _>(ErrorForbidden("no"))
            }
        }))
        .wrap(SessionMiddleware::new(sessions));
    let app = init_service(app).await;
    store.fail(Verb::Create);
    get(&app, "/set", "").await.assert_is_bare(503);
}

#[actix_web::test]
async fn panic_propagates_after_a_failed_logout() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    store.fail(Verb::Destroy);
    assert_eq!(panic_of(get(&app, "/leave_and_panic", &cookie)).await, "on purpose");
}

/// Requests a path while letting the store's calls through one at a time; returns how many there
/// were and the response.
async fn get_slowly(app: &impl Served, store: &Faults, path: &str, cookie: &str) -> (usize, Option<Answer>) {
    store.gate.close();
    let mut calls = 0;
    let mut response = pin!(caught(get(app, path, cookie)));
    let answer = poll_fn(|context| {
        loop {
            if let Poll::Ready(answer) = response.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            assert_eq!(store.gate.held(), 1, "nothing else is waited for");
            store.gate.let_one_through();
            calls += 1;
            assert!(calls < 100, "a request calls the store without end");
        }
    });
    let answer = answer.await.ok();
    store.gate.open();
    (calls, answer)
}

#[actix_web::test]
async fn response_waits_for_the_store() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let (calls, answer) = get_slowly(&app, &store, "/set", "").await;
    let cookie = answer.unwrap().cookie().unwrap();
    assert_eq!(calls, 1);

    let (calls, answer) = get_slowly(&app, &store, "/count", &cookie).await;
    assert_eq!((calls, &answer.unwrap().body[..]), (2, &b"1"[..]));
    let (calls, answer) = get_slowly(&app, &store, "/get", &cookie).await;
    assert_eq!((calls, &answer.unwrap().body[..]), (1, &b"iris"[..]));
    let (calls, _) = get_slowly(&app, &store, "/plain", &cookie).await;
    assert_eq!(calls, 0);

    store.fail_late(Verb::Commit);
    let (calls, answer) = get_slowly(&app, &store, "/count", &cookie).await;
    answer.unwrap().assert_is_bare(503);
    assert_eq!(calls, 2);
}

#[actix_web::test]
async fn panic_waits_for_the_logout() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    let (calls, answer) = get_slowly(&app, &store, "/leave_and_panic", &cookie).await;
    assert_eq!((calls, answer.is_none()), (2, true));
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn disconnected_commit_is_all_or_nothing() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    store.gate.close();
    {
        let mut response = pin!(get(&app, "/set", ""));
        assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(store.gate.held(), 1);
    }
    store.gate.open();
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn saved_cookie_is_sent_if_the_commit_fails() {
    async fn save_and_count(session: Session) -> Result<String, SessionError> {
        session.set("name", "iris")?;
        session.save().await?;
        Ok(session.increment("count", 1)?.to_string())
    }
    async fn finish(request: HttpRequest, sessions: web::Data<Sessions>) -> Result<HttpResponse, SessionError> {
        let session = sessions.start(&request).await?;
        session.set("name", "iris")?;
        session.save().await?;
        session.set("name", "rose")?;
        let mut response = HttpResponse::Ok().finish();
        sessions.finish(&session, &mut response).await?;
        Ok(response)
    }
    let (sessions, store) = faulty();
    let wrapped = app(&sessions, |config| {
        routes(config);
        config.route("/save_and_count", web::get().to(save_and_count));
    })
    .await;
    let bare = bare_app(&sessions, |config| {
        config.route("/finish", web::get().to(finish));
    })
    .await;
    store.fail(Verb::Commit);
    for answer in [get(&wrapped, "/save_and_count", "").await, get(&bare, "/finish", "").await] {
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (503, &b""[..]));
        assert_eq!(answer.all(CACHE_CONTROL), ["no-store"]);
        assert_eq!(get(&wrapped, "/get", &answer.cookie().unwrap()).await.body, "iris");
    }
}

#[actix_web::test]
async fn explicit_calls_return_their_error() {
    let (sessions, store) = faulty();
    let request = TestRequest::default().to_http_request();
    let session = sessions.start(&request).await.unwrap();
    session.set("name", "iris").unwrap();
    store.fail(Verb::Create);
    let mut response = HttpResponse::Ok().finish();
    let error = sessions.finish(&session, &mut response).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    assert!(response.headers().is_empty());
}

#[actix_web::test]
async fn explicit_call_fails_in_an_outage() {
    let (sessions, store) = faulty();
    let app = app(&sessions, routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    store.fail(Verb::Load);
    assert_eq!(start(&sessions, &cookie).await.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    store.recover();
    assert!(!start(&sessions, &cookie).await.unwrap().is_new());
}

async fn start(sessions: &Sessions, cookie: &str) -> Result<Session, SessionError> {
    sessions.start(&TestRequest::default().insert_header(("cookie", cookie)).to_http_request()).await
}
