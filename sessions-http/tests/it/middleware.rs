//! The middleware on requests that succeed.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use sessions_core::{Session, Sessions};
use sessions_http::{ResponseFuture, SessionError, SessionsExt, open, session};

use crate::support::{Mood, TestStore, manager_and_store, request_after, serve, set_cookies};

type Answer = Result<Response<String>, SessionError>;

async fn set_name(request: Request<()>) -> Answer {
    session(&request).await?.set("name", "iris")?;
    Ok(Response::new("set".to_owned()))
}

async fn get_name(request: Request<()>) -> Answer {
    let name = session(&request).await?.get::<String>("name")?;
    Ok(Response::new(name.unwrap_or_default()))
}

/// A middleware loads the session and moves its request on, as a boxed future that outlives it.
#[tokio::test]
async fn loading_does_not_borrow_the_request() {
    type Loading = Pin<Box<dyn Future<Output = Result<Session, SessionError>> + Send>>;

    fn load(request: Request<()>) -> (Loading, Request<()>) {
        (Box::pin(session(&request)), request)
    }
    let (sessions, _) = manager_and_store();
    let handler = async |request| {
        let (loading, request) = load(request);
        loading.await?.set("name", "rose")?;
        get_name(request).await
    };
    assert_eq!(serve(&sessions, Request::new(()), handler).await.unwrap().body(), "rose");
}

#[test]
fn compiler_warns_of_what_saves_nothing() {
    let (sessions, _) = manager_and_store();
    #[expect(unused_must_use, reason = "nobody ends the exchange")]
    open(&sessions, &mut Request::new(()));
    #[expect(unused_must_use, reason = "nobody polls the future")]
    ResponseFuture::new(std::future::ready(Answer::Ok(Response::default())), None);
}

#[tokio::test]
async fn unused_session_costs_nothing() {
    let (sessions, store) = manager_and_store();
    let first = serve(&sessions, Request::new(()), set_name).await.unwrap();
    store.calls();
    let plain = async |_request| Answer::Ok(Response::new("plain".to_owned()));
    let response = serve(&sessions, request_after(&first), plain).await.unwrap();
    assert_eq!(response.headers(), &HeaderMap::new());
    assert_eq!(store.calls(), (0, 0));
}

#[test]
fn next_request_sees_what_was_written() {
    for mood in [Mood::AtOnce, Mood::Later] {
        let (sessions, store) = manager_and_store();
        store.set(mood);
        let first = store.drive(serve(&sessions, Request::new(()), set_name)).unwrap();
        assert_eq!(set_cookies(first.headers()).len(), 1);
        assert_eq!(store.calls(), (0, 1));
        let second = store.drive(serve(&sessions, request_after(&first), get_name)).unwrap();
        assert_eq!(second.body(), "iris");
        assert_eq!(second.headers()[VARY], "Cookie");
        assert!(!second.headers().contains_key(SET_COOKIE));
        assert_eq!(store.calls(), (1, 0));
    }
}

#[test]
fn headers_wait_for_the_store() {
    let (sessions, store) = manager_and_store();
    store.set(Mood::Later);
    let mut serving = pin!(serve(&sessions, Request::new(()), set_name));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(serving.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(store.calls(), (0, 1));
    assert_eq!(set_cookies(store.drive(serving).unwrap().headers()).len(), 1);
}

#[tokio::test]
async fn handler_headers_are_kept_except_namesakes() {
    let (sessions, _) = manager_and_store();
    let handler = async |request| {
        let mut response = set_name(request).await?;
        let headers = response.headers_mut();
        headers.append(SET_COOKIE, HeaderValue::from_static("theme=dark"));
        headers.append(SET_COOKIE, HeaderValue::from_static("__Host-id=planted"));
        headers.append(SET_COOKIE, HeaderValue::from_static("lang=is"));
        headers.append(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        headers.append(VARY, HeaderValue::from_static("Accept"));
        headers.append(VARY, HeaderValue::from_static("Accept-Language"));
        Ok::<_, SessionError>(response)
    };
    let response = serve(&sessions, Request::new(()), handler).await.unwrap();
    let cookies = set_cookies(response.headers());
    assert_eq!(cookies[..2], ["theme=dark", "lang=is"]);
    assert!(cookies.len() == 3 && cookies[2].starts_with("__Host-id=") && !cookies[2].contains("planted"));
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
    assert_eq!(vary, ["Accept, Accept-Language, Cookie"]);
}

#[tokio::test]
async fn cookie_removes_headers_for_shared_caches() {
    let (sessions, _) = manager_and_store();
    let handler = async |request| {
        let mut response = set_name(request).await?;
        for name in ["cdn-cache-control", "surrogate-control", "expires", "etag"] {
            response.headers_mut().append(name, HeaderValue::from_static("60"));
            response.headers_mut().append(name, HeaderValue::from_static("600"));
        }
        Ok::<_, SessionError>(response)
    };
    let response = serve(&sessions, Request::new(()), handler).await.unwrap();
    let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "etag", "set-cookie", "vary"]);
}

#[test]
fn debug_output_shows_only_the_stage() {
    let (sessions, store) = manager_and_store();
    store.set(Mood::Later);
    let mut request = Request::new(());
    let exchange = open(&sessions, &mut request);
    let mut response = pin!(ResponseFuture::new(set_name(request), exchange));
    assert_eq!(format!("{response:?}"), "ResponseFuture(handling)");
    assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(format!("{response:?}"), "ResponseFuture(committing)");
}

#[tokio::test]
async fn cookie_is_found_among_many_headers() {
    let (sessions, _) = manager_and_store();
    let first = serve(&sessions, Request::new(()), set_name).await.unwrap();
    let ours = request_after(&first).headers()[COOKIE].clone();
    for position in [0, 25, 50] {
        let mut request = Request::new(());
        let mut fields = vec![HeaderValue::from_bytes(b"a=\xff;; b").unwrap(); 50];
        fields.insert(position, ours.clone());
        request.headers_mut().extend(fields.into_iter().map(|value| (COOKIE, value)));
        assert_eq!(serve(&sessions, request, get_name).await.unwrap().body(), "iris", "at {position}");
    }
}

#[tokio::test]
async fn one_request_has_one_session() {
    let (sessions, store) = manager_and_store();
    let first = serve(&sessions, Request::new(()), set_name).await.unwrap();
    store.calls();
    let handler = async |request: Request<()>| {
        let (parts, ()) = request.into_parts();
        session(&parts).await?.set("name", "dahlia")?;
        let name = session(&parts).await?.get::<String>("name")?;
        Ok::<_, SessionError>(Response::new(name.unwrap_or_default()))
    };
    let response = serve(&sessions, request_after(&first), handler).await.unwrap();
    assert_eq!(response.body(), "dahlia");
    assert_eq!(store.calls(), (1, 1));
}

#[tokio::test]
async fn nested_middlewares_commit_once() {
    let (sessions, store) = manager_and_store();
    let between = async |request: Request<()>| {
        session(&request).await?.set("name", "iris")?;
        serve(&sessions, request, get_name).await
    };
    let response = serve(&sessions, Request::new(()), between).await.unwrap();
    assert_eq!((response.body().as_str(), set_cookies(response.headers()).len()), ("iris", 1));
    assert_eq!(store.calls(), (0, 1));
}

async fn set(session: &Session, name: &str) -> Result<(), SessionError> {
    Ok(session.set("name", name)?)
}

fn two_managers() -> (Sessions, Sessions) {
    (TestStore::new().manager("outer"), TestStore::new().manager("inner"))
}

#[tokio::test]
async fn inner_manager_is_extracted_and_both_commit() {
    let (outer, inner) = two_managers();
    let handler = async |request: Request<()>| {
        set(&session(&request).await?, "within").await?;
        set(&outer.start(&request).await?, "without").await?;
        Answer::Ok(Response::default())
    };
    let within = async |request| serve(&inner, request, handler).await;
    let response = serve(&outer, Request::new(()), within).await.unwrap();
    let names: Vec<_> = set_cookies(response.headers()).into_iter().map(|cookie| &cookie[..6]).collect();
    assert_eq!(names, ["inner=", "outer="]);

    let request = request_after(&response);
    assert_eq!(inner.start(&request).await.unwrap().get::<String>("name").unwrap().as_deref(), Some("within"));
    assert_eq!(outer.start(&request).await.unwrap().get::<String>("name").unwrap().as_deref(), Some("without"));
}

#[tokio::test]
async fn middleware_finds_its_manager_beyond_another() {
    let (outer, inner) = two_managers();
    let innermost = async |request| {
        serve(&outer, request, async |request| {
            set(&outer.start(&request).await?, "iris").await?;
            Answer::Ok(Response::default())
        })
        .await
    };
    let within = async |request| serve(&inner, request, innermost).await;
    let response = serve(&outer, Request::new(()), within).await.unwrap();
    assert_eq!(set_cookies(response.headers()).len(), 1);
    assert_eq!(outer.count().await.unwrap(), 1);
}

#[tokio::test]
async fn explicit_finish_leaves_the_middleware_nothing() {
    let (sessions, store) = manager_and_store();
    let handler = async |request: Request<()>| {
        let session = sessions.start(&request).await?;
        session.set("name", "iris")?;
        let mut response = Response::default();
        sessions.finish(&session, &mut response).await?;
        Answer::Ok(response)
    };
    let response = serve(&sessions, Request::new(()), handler).await.unwrap();
    assert_eq!(set_cookies(response.headers()).len(), 1);
    assert_eq!(response.headers().get_all(VARY).iter().count(), 1);
    assert_eq!(store.calls(), (0, 1));
}
