//! Nested middlewares, and explicit calls around and inside them.

use actix_web::dev::{Service, ServiceResponse};
use actix_web::error::ErrorForbidden;
use actix_web::http::header::{CACHE_CONTROL, SET_COOKIE};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, HttpResponse, web};
use sessions_actix::sessions_core::Event;
use sessions_actix::{
    OptionalSession, OptionalSignedIn, Session, SessionError, SessionMiddleware, Sessions, SessionsExt, SignedIn,
};
use sessions_conformance::Verb;

use crate::faulty::faulty;
use crate::support::{Answer, app, get, listen, sessions};

fn named(name: &str) -> Sessions {
    Sessions::builder().cookie_name(name).build().unwrap()
}

async fn set(session: Session) -> Result<&'static str, SessionError> {
    session.set("name", "iris")?;
    Ok("set")
}

/// Returns the names of the cookies that a response sets.
fn names(answer: &Answer) -> Vec<&str> {
    let cookies = answer.all(SET_COOKIE);
    cookies.iter().map(|cookie| cookie.split_once('=').unwrap().0).collect()
}

#[actix_web::test]
async fn wrapping_twice_commits_once() {
    let sessions = sessions();
    let events = listen(&sessions);
    let app = App::new()
        .wrap(SessionMiddleware::new(sessions.clone()))
        .wrap(SessionMiddleware::new(sessions.clone()))
        .route("/", web::get().to(set));
    let answer = get(&init_service(app).await, "/", "").await;
    assert!(answer.cookie().is_some());
    assert!(matches!(events.lock().unwrap()[..], [Event::Created { .. }]));
}

#[actix_web::test]
async fn handler_gets_the_innermost_session() {
    let (one, other) = (named("__Host-one"), named("__Host-other"));
    let app = App::new()
        .wrap(SessionMiddleware::new(one.clone()))
        .wrap(SessionMiddleware::new(other.clone()))
        .route("/", web::get().to(set));
    assert_eq!(names(&get(&init_service(app).await, "/", "").await), ["__Host-one"]);

    let app = App::new()
        .wrap(SessionMiddleware::new(one.clone()))
        .wrap(SessionMiddleware::new(other))
        .wrap(SessionMiddleware::new(one.clone()))
        .route("/", web::get().to(set));
    let events = listen(&one);
    assert_eq!(names(&get(&init_service(app).await, "/", "").await), ["__Host-one"]);
    assert_eq!(events.lock().unwrap().len(), 1);
}

#[actix_web::test]
async fn outer_session_is_finished_by_its_middleware() {
    let (inner, outer) = (named("__Host-inner"), named("__Host-outer"));
    async fn both(
        session: Session,
        request: HttpRequest,
        outer: web::Data<Sessions>,
    ) -> Result<&'static str, SessionError> {
        session.set("name", "iris")?;
        outer.start(&request).await?.set("name", "iris")?;
        Ok("set")
    }
    let app = App::new()
        .app_data(web::Data::new(outer.clone()))
        .wrap(SessionMiddleware::new(inner))
        .wrap(SessionMiddleware::new(outer))
        .route("/", web::get().to(both));
    assert_eq!(names(&get(&init_service(app).await, "/", "").await), ["__Host-inner", "__Host-outer"]);
}

/// Regression: the inner session's new token was lost with the response, and its visitor signed
/// out.
#[actix_web::test]
async fn failed_outer_commit_keeps_the_inner_cookie() {
    async fn both(
        session: Session,
        request: HttpRequest,
        outer: web::Data<Sessions>,
    ) -> Result<HttpResponse, SessionError> {
        session.login("iris")?;
        outer.start(&request).await?.set("name", "iris")?;
        Ok(HttpResponse::Ok().insert_header((SET_COOKIE, "a=1")).insert_header((CACHE_CONTROL, "private")).finish())
    }
    async fn whoami(session: Session) -> String {
        session.principal().unwrap_or_default()
    }
    let ((outer, store), inner) = (faulty(), named("__Host-inner"));
    let failing = web::scope("/failing").route("/both", web::get().to(both)).wrap_fn(|request, service| {
        let response = service.call(request);
        async move {
            response.await?;
            Err::<ServiceResponse, _>(ErrorForbidden("no"))
        }
    });
    let app = App::new()
        .app_data(web::Data::new(outer.clone()))
        .service(failing)
        .route("/both", web::get().to(both))
        .route("/whoami", web::get().to(whoami))
        .wrap(SessionMiddleware::new(inner))
        .wrap(SessionMiddleware::new(outer));
    let app = init_service(app).await;
    store.fail(Verb::Create);
    for path in ["/both", "/failing/both"] {
        let answer = get(&app, path, "").await;
        assert_eq!((answer.status.as_u16(), names(&answer)), (503, vec!["__Host-inner"]), "{path}");
        assert_eq!(answer.all(CACHE_CONTROL), ["no-store"], "{path}");
        let (cookie, _) = answer.all(SET_COOKIE)[0].split_once(';').unwrap();
        assert_eq!(get(&app, "/whoami", cookie).await.body, "iris", "{path}");
    }
}

#[actix_web::test]
async fn other_managers_call_has_its_own_session() {
    let other = named("__Host-other");
    async fn both(
        session: Session,
        request: HttpRequest,
        other: web::Data<Sessions>,
    ) -> Result<HttpResponse, SessionError> {
        let own = other.start(&request).await?;
        own.set("name", "own")?;
        assert!(session.is_empty());
        let mut response = HttpResponse::Ok().finish();
        other.finish(&own, &mut response).await?;
        Ok(response)
    }
    let app = App::new()
        .app_data(web::Data::new(other))
        .wrap(SessionMiddleware::new(sessions()))
        .route("/", web::get().to(both));
    assert_eq!(names(&get(&init_service(app).await, "/", "").await), ["__Host-other"]);
}

#[actix_web::test]
async fn middleware_finishes_an_outer_session() {
    let sessions = sessions();
    let outer = sessions.clone();
    let app = App::new()
        .wrap(SessionMiddleware::new(sessions.clone()))
        .wrap(from_fn(move |request: actix_web::dev::ServiceRequest, next: Next<_>| {
            let sessions = outer.clone();
            async move {
                assert!(sessions.start(request.request()).await?.is_new());
                next.call(request).await
            }
        }))
        .route("/", web::get().to(set));
    assert!(get(&init_service(app).await, "/", "").await.cookie().is_some());
    assert_eq!(sessions.count().await.unwrap(), 1);
}

/// Regression: extractors got the session of an explicit call, which nobody finished, and lost what
/// was written to it.
#[actix_web::test]
async fn explicit_start_gives_extractors_no_session() {
    async fn optional(OptionalSession(session): OptionalSession) -> String {
        session.is_some().to_string()
    }
    async fn admit(_: SignedIn) -> &'static str {
        "admitted"
    }
    async fn admit_or_not(_: OptionalSignedIn) -> &'static str {
        "admitted or not"
    }
    let sessions = sessions();
    let app = App::new()
        .wrap(from_fn(move |request: actix_web::dev::ServiceRequest, next: Next<_>| {
            let sessions = sessions.clone();
            async move {
                sessions.start(request.request()).await?.login("iris").map_err(SessionError::from)?;
                next.call(request).await
            }
        }))
        .route("/", web::get().to(set))
        .route("/optional", web::get().to(optional))
        .route("/signed-in", web::get().to(admit))
        .route("/optional-signed-in", web::get().to(admit_or_not));
    let app = init_service(app).await;
    for path in ["/", "/signed-in", "/optional-signed-in"] {
        assert_eq!(get(&app, path, "").await.status.as_u16(), 500, "{path}");
    }
    assert_eq!(get(&app, "/optional", "").await.body, "false");
}

#[actix_web::test]
async fn middleware_skips_an_explicit_finish() {
    async fn sign_in(request: HttpRequest, sessions: web::Data<Sessions>) -> Result<HttpResponse, SessionError> {
        let session = sessions.start(&request).await?;
        session.login("iris").unwrap();
        let mut response = HttpResponse::Ok().finish();
        sessions.finish(&session, &mut response).await?;
        Ok(response)
    }
    async fn sign_out(request: HttpRequest, sessions: web::Data<Sessions>) -> Result<HttpResponse, SessionError> {
        let mut response = HttpResponse::Ok().finish();
        sessions.destroy(&request, &mut response).await?;
        Ok(response)
    }
    let sessions = sessions();
    let events = listen(&sessions);
    let app = app(&sessions, |config| {
        config.route("/in", web::get().to(sign_in)).route("/out", web::get().to(sign_out));
    })
    .await;
    let cookie = get(&app, "/in", "").await.cookie().unwrap();
    get(&app, "/out", &cookie).await.assert_removes_cookie();
    assert!(matches!(
        events.lock().unwrap()[..],
        [Event::Created { .. }, Event::SignedIn { .. }, Event::Destroyed { .. }]
    ));
}
