//! A browser, and a store that can be made to fail.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, Response, StatusCode};
use sessions_axum::Sessions;
use sessions_axum::sessions_core::store::{MemoryStore, StoreErrorKind};
use sessions_conformance::{FailingStore, Failure, Verb};
use tower::ServiceExt;

pub(crate) type TestStore = FailingStore<MemoryStore>;

pub(crate) fn manager_and_store() -> (Sessions, TestStore) {
    let store = FailingStore::new(MemoryStore::default());
    (manager("__Host-id", &store), store)
}

pub(crate) fn manager(cookie: &str, store: &TestStore) -> Sessions {
    Sessions::builder().cookie_name(cookie).store(store.clone()).sweep_every(None).build().unwrap()
}

pub(crate) fn fail(store: &TestStore, verbs: &[Verb]) {
    for verb in verbs {
        store.fail(*verb, Failure::before(StoreErrorKind::Unavailable));
    }
}

/// A client that keeps its cookies as a browser would.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: Vec<String>,
}

impl Browser {
    pub(crate) async fn get(&mut self, app: &Router, path: &str) -> Answer {
        let response = app.clone().oneshot(self.request(path)).await.unwrap();
        self.keep(&response);
        Answer::of(response).await
    }

    pub(crate) fn request(&self, path: &str) -> Request<Body> {
        let mut request = Request::get(path);
        for cookie in &self.cookies {
            request = request.header(COOKIE, cookie);
        }
        request.body(Body::empty()).unwrap()
    }

    pub(crate) fn keep<B>(&mut self, response: &Response<B>) {
        for cookie in set_cookies(response) {
            let (pair, _) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|old| !old.starts_with(&format!("{name}=")));
            if !value.is_empty() {
                self.cookies.push(pair.to_owned());
            }
        }
    }

    pub(crate) fn has_cookies(&self) -> bool {
        !self.cookies.is_empty()
    }
}

pub(crate) fn set_cookies<B>(response: &Response<B>) -> Vec<&str> {
    response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
}

/// A response as the browser gets it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    pub(crate) set_cookies: usize,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (status, set_cookies) = (response.status(), set_cookies(&response).len());
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        Self { status, body: String::from_utf8(body.to_vec()).unwrap(), set_cookies }
    }
}
