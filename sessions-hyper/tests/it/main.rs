//! The wrapper and the explicit calls in hyper's services.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod dropped;
mod gates;
mod http2;

use std::convert::Infallible;
use std::io::Cursor;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, COOKIE, RETRY_AFTER, SET_COOKIE};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use sessions_conformance::{FailingStore, Failure, Verb};
use sessions_hyper::sessions_core::ErrorKind;
use sessions_hyper::sessions_core::store::{MemoryStore, StoreErrorKind};
use sessions_hyper::{
    DestroyReason, Event, Login, OutagePolicy, RejectReason, SessionError, SessionService, Sessions, SessionsExt,
    session,
};

type Body = Full<Bytes>;
type TestStore = FailingStore<MemoryStore>;

fn manager_and_store() -> (Sessions, TestStore) {
    let store = FailingStore::new(MemoryStore::default());
    let builder = Sessions::builder().store(store.clone()).sweep_every(None);
    (builder.build().unwrap(), store)
}

fn fail(store: &TestStore, verb: Verb) {
    store.fail(verb, Failure::before(StoreErrorKind::Unavailable));
}

async fn answer<B>(request: &Request<B>) -> Result<Response<Body>, SessionError> {
    let session = session(request).await?;
    match request.uri().path() {
        "/login" => session.login("iris")?,
        "/logout" => session.destroy(),
        "/write" => session.set("written", &true)?,
        "/panic/write" => {
            session.set("written", &true)?;
            panic!("asked to panic");
        }
        "/panic/logout" => {
            session.destroy();
            panic!("asked to panic");
        }
        _ => {}
    }
    let principal = session.principal().unwrap_or_default();
    Ok(Response::new(Bytes::from(principal).into()))
}

async fn handle<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    Ok(answer(&request).await.unwrap_or_else(SessionError::into_response))
}

/// Creates a request with the cookies that an earlier response set.
fn request(path: &str, after: Option<&Response<Body>>) -> Request<Body> {
    let mut request = Request::get(path);
    for cookie in after.iter().flat_map(|response| response.headers().get_all(SET_COOKIE)) {
        let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
        request = request.header(COOKIE, pair);
    }
    request.body(Body::default()).unwrap()
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn wrapper_saves_what_handlers_write() {
    let service = SessionService::new(manager_and_store().0, service_fn(handle));
    let signed_in = service.call(request("/login", None)).await.unwrap();
    assert_eq!(signed_in.headers().get_all(SET_COOKIE).iter().count(), 1);
    assert_eq!(signed_in.headers()[CACHE_CONTROL], "no-store");

    let other_connection = service.clone();
    let whoami = other_connection.call(request("/whoami", Some(&signed_in))).await.unwrap();
    assert_eq!(body(whoami).await, "iris");

    let signed_out = service.call(request("/logout", Some(&signed_in))).await.unwrap();
    assert!(signed_out.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    let whoami = service.call(request("/whoami", Some(&signed_in))).await.unwrap();
    assert_eq!(body(whoami).await, "");
}

#[tokio::test]
async fn handler_without_the_wrapper_is_500() {
    let error = session(&Request::new(Body::default())).await.unwrap_err();
    assert!(error.kind() == ErrorKind::NoMiddleware && error.to_string().contains("SessionService"), "{error}");
    let response = handle(Request::new(Body::default())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body(response).await, "");
}

#[tokio::test]
async fn nested_wrappers_set_one_cookie() {
    let (sessions, _) = manager_and_store();
    let inner = SessionService::new(sessions.clone(), service_fn(handle));
    let service = SessionService::new(sessions.clone(), inner);
    let response = service.call(request("/login", None)).await.unwrap();
    assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 1);
    assert_eq!(sessions.count().await.unwrap(), 1);
}

/// Regression: the inner session's new token was lost with the response, and its visitor signed
/// out.
#[tokio::test]
async fn failed_outer_commit_keeps_the_inner_cookie() {
    let (outer, store) = manager_and_store();
    let inner = Sessions::builder().cookie_name("__Host-inner").build().unwrap();
    let manager = outer.clone();
    let handler = service_fn(move |request| {
        let outer = manager.clone();
        async move {
            if request.uri().path() == "/login" {
                outer.start(&request).await?.set("name", "iris")?;
            }
            answer(&request).await
        }
    });
    let service = SessionService::new(outer, SessionService::new(inner, handler));
    fail(&store, Verb::Create);
    let response = service.call(request("/login", None)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let whoami = service.call(request("/whoami", Some(&response))).await.unwrap();
    assert_eq!(body(whoami).await, "iris");
}

#[tokio::test]
async fn outage_is_503_without_a_cookie() {
    let (sessions, store) = manager_and_store();
    let service = SessionService::new(sessions, service_fn(handle));
    let signed_in = service.call(request("/login", None)).await.unwrap();
    let cases = [
        (Verb::Create, "/login", None),
        (Verb::Commit, "/write", Some(&signed_in)),
        (Verb::Load, "/", Some(&signed_in)),
    ];
    for (verb, path, after) in cases {
        fail(&store, verb);
        let response = service.call(request(path, after)).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{verb:?}");
        assert_eq!(response.headers()[RETRY_AFTER], "1", "{verb:?}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{verb:?}");
        assert!(!response.headers().contains_key(SET_COOKIE), "{verb:?}");
        assert_eq!(body(response).await, "", "{verb:?}");
        store.recover();
    }
}

#[tokio::test]
async fn logout_survives_a_failing_service() {
    async fn fails(request: Request<Body>) -> Result<Response<Body>, SessionError> {
        let session = session(&request).await?;
        session.destroy();
        session.set("written", &true)?;
        session.set_immutable("plan", "free")?;
        session.set("plan", "paid")?;
        Ok(Response::default())
    }
    let (sessions, _) = manager_and_store();
    let signed_in = SessionService::new(sessions.clone(), service_fn(handle)).call(request("/login", None)).await;
    let service = SessionService::new(sessions.clone(), service_fn(fails));
    let error = service.call(request("/", Some(&signed_in.unwrap()))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Immutable);
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[tokio::test]
async fn panic_propagates_after_the_logout() {
    let (sessions, _) = manager_and_store();
    let service = SessionService::new(sessions.clone(), service_fn(handle));
    let signed_in = service.call(request("/login", None)).await.unwrap();
    for (path, after, left) in [("/panic/write", None, 1), ("/panic/logout", Some(&signed_in), 0)] {
        let answering = tokio::spawn(service.call(request(path, after)));
        assert!(answering.await.unwrap_err().is_panic(), "{path}");
        assert_eq!(sessions.count().await.unwrap(), left, "{path}");
    }
}

#[tokio::test]
async fn explicit_calls_start_and_finish_sessions() {
    let (sessions, store) = manager_and_store();
    let session = sessions.start(&request("/", None)).await.unwrap();
    session.login("iris").unwrap();
    let mut signed_in = Response::new(Body::default());
    sessions.finish(&session, &mut signed_in).await.unwrap();

    // Within a wrapper of the same manager, it is the wrapper's session.
    let service = SessionService::new(sessions.clone(), service_fn(handle));
    let whoami = service.call(request("/whoami", Some(&signed_in))).await.unwrap();
    assert_eq!(body(whoami).await, "iris");

    fail(&store, Verb::Destroy);
    let mut signed_out = Response::new(Body::default());
    let error = sessions.destroy(&request("/", Some(&signed_in)), &mut signed_out).await.unwrap_err();
    let response: Response<Body> = error.into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    store.recover();
    sessions.destroy(&request("/", Some(&signed_in)), &mut signed_out).await.unwrap();
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[tokio::test]
async fn process_has_a_manager() {
    let session = sessions_hyper::global::start(&request("/", None)).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = Response::new(Body::default());
    sessions_hyper::global::finish(&session, &mut response).await.unwrap();
    let session = sessions_hyper::global::start(&request("/", Some(&response))).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap().as_deref(), Some("iris"));
}

#[tokio::test]
async fn bodies_need_not_be_send() {
    let service = SessionService::new(manager_and_store().0, service_fn(handle));
    let (parts, _) = request("/login", None).into_parts();
    let body = Full::new(Cursor::new(Rc::from(*b"a body that is not `Send`")));
    let response = service.call(Request::from_parts(parts, body as Full<Cursor<Rc<[u8]>>>)).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
}

/// Options and listeners take types that are at the crate's root.
#[tokio::test]
async fn listeners_get_reasons() {
    let (rejected, ended) = (Arc::<OnceLock<RejectReason>>::default(), Arc::<OnceLock<DestroyReason>>::default());
    let (of_request, of_session) = (Arc::clone(&rejected), Arc::clone(&ended));
    let builder = Sessions::builder().outage(OutagePolicy::Anonymous).on_event(move |event| {
        if let Event::Rejected { reason, .. } = event {
            of_request.set(*reason).unwrap();
        }
    });
    let sessions = builder.build().unwrap();
    sessions.on_destroy(move |_, reason| of_session.set(reason).unwrap());
    let request = Request::get("/").header(COOKIE, "__Host-id=x").body(()).unwrap();
    assert!(sessions.start(&request).await.unwrap().is_new());
    drop(sessions.issue(Login::new("iris")).await.unwrap());
    sessions.destroy_principal("iris").await.unwrap();
    assert_eq!((rejected.get(), ended.get()), (Some(&RejectReason::Malformed), Some(&DestroyReason::Revoked)));
}
