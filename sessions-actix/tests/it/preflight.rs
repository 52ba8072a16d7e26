//! CORS preflights: they carry no cookies, so each could begin a new session.

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::Error;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions, SessionsExt};

use crate::support::{Served, ask, bare_app, sessions};

/// A middleware that writes to the session of every request.
async fn count_visits(
    session: Session,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    session.increment("visits", 1).map_err(SessionError::from)?;
    next.call(request).await
}

fn cors() -> Cors {
    Cors::default().allowed_origin("https://app.test").allowed_methods([Method::POST])
}

async fn plain() -> &'static str {
    ""
}

fn preflight() -> TestRequest {
    let request = TestRequest::default().method(Method::OPTIONS).insert_header((ORIGIN, "https://app.test"));
    request.insert_header((ACCESS_CONTROL_REQUEST_METHOD, "POST"))
}

/// Sends a hundred preflights, and then a request that writes.
async fn assert_only_requests_begin_sessions(app: impl Served, sessions: &Sessions, preflights_answered: bool) {
    for _ in 0..100 {
        let answer = ask(&app, preflight()).await;
        assert_eq!((answer.status, answer.cookie()), (StatusCode::OK, None));
        assert_eq!(answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), preflights_answered);
    }
    assert_eq!(sessions.count().await.unwrap(), 0);
    assert!(ask(&app, TestRequest::post()).await.cookie().is_some());
    assert_eq!(sessions.count().await.unwrap(), 1);
}

#[actix_web::test]
async fn preflight_begins_no_session_inside_a_writer() {
    let sessions = sessions();
    let app = App::new().route("/", web::post().to(plain)).wrap(cors()).wrap(from_fn(count_visits));
    let app = init_service(app.wrap(SessionMiddleware::new(sessions.clone()))).await;
    assert_only_requests_begin_sessions(app, &sessions, true).await;
}

#[actix_web::test]
async fn preflight_begins_no_session_outside_a_writer() {
    let sessions = sessions();
    let app = App::new().route("/", web::post().to(plain)).wrap(from_fn(count_visits)).wrap(cors());
    let app = init_service(app.wrap(SessionMiddleware::new(sessions.clone()))).await;
    assert_only_requests_begin_sessions(app, &sessions, true).await;
}

#[actix_web::test]
async fn preflight_begins_no_session_without_cors() {
    let sessions = sessions();
    let app = App::new().route("/", web::to(plain)).wrap(from_fn(count_visits));
    let app = init_service(app.wrap(SessionMiddleware::new(sessions.clone()))).await;
    assert_only_requests_begin_sessions(app, &sessions, false).await;
}

#[actix_web::test]
async fn preflight_begins_no_session_explicitly() {
    async fn count(sessions: Data<Sessions>, request: HttpRequest) -> Result<HttpResponse, SessionError> {
        let session = sessions.start(&request).await?;
        session.increment("visits", 1)?;
        let mut response = HttpResponse::Ok().finish();
        sessions.finish(&session, &mut response).await?;
        Ok(response)
    }
    let sessions = sessions();
    let app = bare_app(&sessions, |config| {
        config.route("/", web::to(count));
    });
    assert_only_requests_begin_sessions(app.await, &sessions, false).await;
}
