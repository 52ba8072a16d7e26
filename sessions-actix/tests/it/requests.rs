//! From a request's headers to its session, and back to the response headers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use actix_web::test::TestRequest;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use sessions_actix::{Session, SessionError, Sessions};

use crate::support::{app, ask, get, sessions};

async fn set(session: Session) -> Result<&'static str, SessionError> {
    session.set("name", "iris")?;
    Ok("set")
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get("name")?.unwrap_or_else(|| "nobody".to_owned()))
}

async fn plain() -> &'static str {
    "ok"
}

fn routes(config: &mut ServiceConfig) {
    config.route("/set", web::get().to(set)).route("/get", web::get().to(read)).route("/plain", web::get().to(plain));
}

#[actix_web::test]
async fn next_request_sees_what_was_set() {
    let app = app(&sessions(), routes).await;
    let first = get(&app, "/set", "").await;
    assert_eq!(first.body, "set");
    assert_eq!(first.all(CACHE_CONTROL), ["no-store"]);

    let second = get(&app, "/get", &first.cookie().unwrap()).await;
    assert_eq!(second.body, "iris");
    assert_eq!(second.cookie(), None);
}

#[actix_web::test]
async fn unused_session_changes_nothing() {
    let app = app(&sessions(), routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    for path in ["/plain", "/nowhere"] {
        let answer = get(&app, path, &cookie).await;
        for field in [SET_COOKIE, VARY, CACHE_CONTROL] {
            assert_eq!(answer.all(field), [""; 0], "{path}");
        }
    }
}

#[actix_web::test]
async fn read_only_route_varies_by_cookie() {
    let sessions = sessions();
    let app = app(&sessions, routes).await;
    let answer = get(&app, "/get", "").await;
    assert_eq!(answer.body, "nobody");
    assert_eq!(answer.all(VARY), ["Cookie"]);
    assert_eq!(answer.all(SET_COOKIE), [""; 0]);
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn handler_headers_are_merged_or_replaced() {
    async fn decorated(session: Session) -> Result<impl Responder, SessionError> {
        session.set("name", "iris")?;
        Ok(HttpResponse::Ok()
            .append_header((SET_COOKIE, "a=1"))
            .append_header((SET_COOKIE, "__Host-id=planted; Path=/"))
            .append_header((SET_COOKIE, "b=2"))
            .append_header((VARY, "Accept"))
            .append_header((VARY, "Origin"))
            .append_header((CACHE_CONTROL, "public, max-age=60"))
            .finish())
    }
    let app = app(&sessions(), |config| {
        config.route("/", web::get().to(decorated));
    })
    .await;
    let answer = get(&app, "/", "").await;
    let cookies = answer.all(SET_COOKIE);
    assert_eq!(cookies[..2], ["a=1", "b=2"]);
    assert_eq!(cookies.len(), 3);
    assert_eq!(answer.cookie().unwrap().len(), "__Host-id=".len() + 43);
    assert_eq!(answer.all(VARY), ["Accept, Origin, Cookie"]);
    assert_eq!(answer.all(CACHE_CONTROL), ["no-store"]);
}

#[actix_web::test]
async fn cookie_is_found_in_any_header() {
    let app = app(&sessions(), routes).await;
    let cookie = get(&app, "/set", "").await.cookie().unwrap();
    let fields: [&[u8]; 3] = [b"a=1; \xff\xfe; =x; %zz", cookie.as_bytes(), b";;="];
    for turn in 0..fields.len() {
        let mut request = TestRequest::with_uri("/get");
        for field in fields.iter().cycle().skip(turn).take(fields.len()) {
            request = request.append_header((COOKIE, *field));
        }
        assert_eq!(ask(&app, request).await.body, "iris", "from field {turn} on");
    }
}

#[actix_web::test]
async fn extractors_share_one_session() {
    async fn twice(one: Session, other: Session) -> Result<String, SessionError> {
        one.set("name", "iris")?;
        read(other).await
    }
    let app = app(&sessions(), |config| {
        config.route("/", web::get().to(twice));
    })
    .await;
    assert_eq!(get(&app, "/", "").await.body, "iris");
}

#[actix_web::test]
async fn token_is_hidden_in_debug_output() {
    let app = app(&sessions(), routes).await;
    let answer = get(&app, "/set", "").await;
    let cookie = answer.cookie().unwrap();
    let shown = format!("{:?}", answer.headers);
    assert!(shown.contains("set-cookie"));
    assert!(!shown.contains(cookie.strip_prefix("__Host-id=").unwrap()));
}

#[actix_web::test]
async fn middleware_covers_scopes() {
    async fn named(session: Session, name: web::Path<String>) -> Result<String, SessionError> {
        session.set("name", &*name)?;
        read(session).await
    }
    let routes = |config: &mut ServiceConfig| {
        config.service(web::scope("/users").service(web::resource("/{name}").route(web::get().to(named))));
    };
    assert_eq!(get(&app(&sessions(), routes).await, "/users/iris", "").await.body, "iris");
}

/// The body of a stream that counts the sessions, then writes to its own.
struct Counting(Option<(Session, Sessions)>);

impl MessageBody for Counting {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Some((session, sessions)) = self.0.take() else { return Poll::Ready(None) };
        session.set("streamed", &true).unwrap();
        let mut work = std::pin::pin!(async move {
            let count = sessions.count().await.unwrap();
            session.save().await.unwrap();
            Bytes::from(count.to_string())
        });
        work.as_mut().poll(context).map(|text| Some(Ok(text)))
    }
}

#[actix_web::test]
async fn stream_can_save_again() {
    async fn stream(session: Session, sessions: web::Data<Sessions>) -> Result<HttpResponse<Counting>, SessionError> {
        session.set("name", "iris")?;
        Ok(HttpResponse::with_body(actix_web::http::StatusCode::OK, Counting(Some((session, (**sessions).clone())))))
    }
    async fn streamed(session: Session) -> Result<String, SessionError> {
        Ok(format!("{:?}", session.get::<bool>("streamed")?))
    }
    let sessions = sessions();
    let app = app(&sessions, |config| {
        config.route("/stream", web::get().to(stream)).route("/streamed", web::get().to(streamed));
    })
    .await;
    let answer = get(&app, "/stream", "").await;
    assert_eq!(answer.body, "1");
    assert_eq!(get(&app, "/streamed", &answer.cookie().unwrap()).await.body, "Some(true)");
}
