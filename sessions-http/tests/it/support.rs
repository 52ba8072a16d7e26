//! Shared test support: a controllable store, a middleware without a framework, a browser.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::header::{CACHE_CONTROL, COOKIE, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, Request, Response, StatusCode};
use sessions_conformance::{CountingStore, FailingStore, Failure, Gate, SlowStore, Verb};
use sessions_core::Sessions;
use sessions_core::store::{MemoryStore, StoreErrorKind};
use sessions_http::{ResponseFuture, SessionError, open, session};

pub(crate) type Answer = Result<Response<String>, SessionError>;

type Failing = FailingStore<SlowStore<MemoryStore>>;

/// A memory store that counts its calls, can be made to fail, and answers late while its gate is
/// closed.
pub(crate) struct TestStore {
    counting: CountingStore<Failing>,
    gate: Gate,
}

/// How a store behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    AtOnce,
    Later,
    FailsToLoad,
    FailsToWrite,
}

const WRITES: [Verb; 3] = [Verb::Create, Verb::Commit, Verb::Destroy];

impl TestStore {
    pub(crate) fn new() -> Self {
        let gate = Gate::opened();
        let slow = SlowStore::new(MemoryStore::default(), gate.clone());
        Self { counting: CountingStore::new(FailingStore::new(slow)), gate }
    }

    pub(crate) fn set(&self, mood: Mood) {
        let failing = self.counting.inner();
        let failure = Failure::before(StoreErrorKind::Unavailable);
        failing.recover();
        self.gate.open();
        match mood {
            Mood::AtOnce => {}
            Mood::Later => self.gate.close(),
            Mood::FailsToLoad => failing.fail(Verb::Load, failure),
            Mood::FailsToWrite => WRITES.into_iter().for_each(|verb| failing.fail(verb, failure)),
        }
    }

    /// Returns the number of loads and writes since the last call.
    pub(crate) fn calls(&self) -> (u64, u64) {
        let writes = WRITES.into_iter().map(|verb| self.counting.calls_of(verb)).sum();
        let calls = (self.counting.calls_of(Verb::Load), writes);
        self.counting.reset();
        calls
    }

    /// Returns how many calls wait at the gate.
    pub(crate) fn held(&self) -> usize {
        self.gate.held()
    }

    pub(crate) fn let_one_through(&self) {
        self.gate.let_one_through();
    }

    /// Creates a manager with this store.
    pub(crate) fn manager(&self, cookie: &str) -> Sessions {
        let builder = Sessions::builder().cookie_name(cookie).store(self.counting.clone());
        builder.sweep_every(None).build().unwrap()
    }

    /// Polls a future to completion, letting the calls that wait at the gate through one at a time.
    pub(crate) fn drive<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let begun = Instant::now();
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
            if self.gate.held() > 0 {
                self.gate.let_one_through();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the future waits for nothing at the gate");
        }
    }
}

pub(crate) fn manager_and_store() -> (Sessions, TestStore) {
    let store = TestStore::new();
    (store.manager("__Host-id"), store)
}

/// Yields once to whoever polls.
pub(crate) async fn pending_once() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Serves one request as a middleware does.
pub(crate) async fn serve<F, E>(
    sessions: &Sessions,
    mut request: Request<()>,
    handler: impl FnOnce(Request<()>) -> F,
) -> Result<Response<String>, E>
where
    F: Future<Output = Result<Response<String>, E>>,
{
    let exchange = open(sessions, &mut request);
    ResponseFuture::new(handler(request), exchange).await
}

/// Creates a request with the cookies that an earlier response set.
pub(crate) fn request_after<B>(response: &Response<B>) -> Request<()> {
    let mut request = Request::new(());
    for cookie in set_cookies(response.headers()) {
        let (pair, _) = cookie.split_once(';').unwrap();
        request.headers_mut().append(COOKIE, pair.parse().unwrap());
    }
    request
}

pub(crate) fn set_cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
}

/// Signs iris in and returns the response, whose cookie later requests carry.
pub(crate) async fn sign_in(sessions: &Sessions) -> Response<String> {
    let handler = async |request: Request<()>| {
        session(&request).await?.login("iris")?;
        Answer::Ok(Response::default())
    };
    serve(sessions, Request::new(()), handler).await.unwrap()
}

pub(crate) fn assert_bare(response: &Response<String>, status: StatusCode) {
    assert_eq!((response.status(), response.body().as_str()), (status, ""));
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let retry_after = response.headers().get(RETRY_AFTER);
    assert_eq!(retry_after.is_some(), status == StatusCode::SERVICE_UNAVAILABLE);
}
