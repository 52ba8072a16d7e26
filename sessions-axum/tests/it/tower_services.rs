//! The layer around tower services that do not use axum.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::http::{Request, Response, header};
use sessions_axum::sessions_core::store::MemoryStore;
use sessions_axum::{SessionLayer, Sessions, SessionsExt};
use sessions_conformance::{FailingStore, Verb};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Browser, fail, manager_and_store};

/// A response body of no framework.
#[derive(Debug, Default, PartialEq)]
struct Body(&'static str);

/// A service that panics if called before it was ready, as the contract of [`Service`] allows. Its
/// clones are not ready.
#[derive(Default)]
struct Careful {
    polls: usize,
    is_ready: bool,
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<()>> for Careful {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.polls += 1;
        if self.polls.is_multiple_of(3) {
            self.is_ready = true;
            return Poll::Ready(Ok(()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        ready(Ok(Response::new(Body("called"))))
    }
}

#[tokio::test]
async fn ready_service_is_the_one_called() {
    let mut service = SessionLayer::new(manager_and_store().0).layer(Careful::default());
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(response.body(), &Body("called"));
    }
    let response = service.clone().oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.body(), &Body("called"));
}

#[tokio::test]
async fn readiness_error_is_passed_on() {
    #[derive(Clone)]
    struct Broken;
    impl Service<Request<()>> for Broken {
        type Response = Response<Body>;
        type Error = &'static str;
        type Future = Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Err("broken"))
        }

        fn call(&mut self, _request: Request<()>) -> Self::Future {
            ready(Err("called all the same"))
        }
    }
    let mut service = SessionLayer::new(manager_and_store().0).layer(Broken);
    assert_eq!(service.ready().await.err(), Some("broken"));
}

async fn login(sessions: Sessions, request: Request<()>) -> Result<Response<Body>, &'static str> {
    let session = sessions.start(&request).await.map_err(|_| "start")?;
    session.login("iris").unwrap();
    if request.uri() == "/fails" {
        session.destroy();
        return Err("the service's own error");
    }
    Ok(Response::new(Body("welcome")))
}

#[tokio::test]
async fn service_may_use_its_own_body() {
    let (sessions, store) = manager_and_store();
    let within = sessions.clone();
    let inner = service_fn(move |request| login(within.clone(), request));
    let mut service = SessionLayer::new(sessions.clone()).layer(inner);

    let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!(response.body(), &Body("welcome"));
    assert_eq!(sessions.sessions_of("iris").await.unwrap().len(), 1);

    fail(&store, &[Verb::Create]);
    let refused = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.body()), (503, &Body("")));
    assert!(!refused.headers().contains_key(header::SET_COOKIE));
    store.recover();

    let mut browser = Browser::default();
    browser.keep(&response);
    let request = browser.request("/fails").map(drop);
    let error = service.ready().await.unwrap().call(request).await.unwrap_err();
    assert_eq!(error, "the service's own error");
    assert_eq!(sessions.sessions_of("iris").await.unwrap().len(), 0);
}

const fn can_move<T: Send + 'static>(_: &T) {}

#[test]
fn services_and_futures_are_send() {
    let sessions = Sessions::builder().store(FailingStore::new(MemoryStore::default())).build().unwrap();
    let mut service = SessionLayer::new(sessions).layer(Careful { polls: 0, is_ready: true });
    can_move(&service);
    can_move(&service.call(Request::new(())));
}
