//! A browser with one cookie, and stores that misbehave.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use pollster::block_on;
use sessions_core::adapter::{
    CommitError, RequestHeader, RequestHeaders, ResponseHeader, ResponseHeaders, SessionHeaders,
};
use sessions_core::store::{MemoryStore, Store, StoreError, StoreErrorKind};
use sessions_core::testing::ManualClock;
use sessions_core::{Error, Event, RejectReason, Session, SessionId, Sessions, SessionsBuilder, Timestamp};
use sessions_store::{Changes, Created, Cursor, Page, Record, Refusal, StoreFuture};

/// A manager with a manual clock, a probed store and recorded events.
pub(crate) struct Fixture {
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Probe>,
    pub(crate) events: Arc<std::sync::Mutex<Vec<Event>>>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Creates a fixture whose store answers late, like one across a network.
    pub(crate) fn late() -> Self {
        let fixture = Self::new();
        fixture.store.late.store(true, Ordering::SeqCst);
        fixture
    }

    pub(crate) fn with(options: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(Probe::default());
        let events = Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let builder = Sessions::builder()
            .store(Arc::clone(&store) as Arc<dyn Store>)
            .clock(Arc::clone(&clock))
            .sweep_every(None)
            .on_event(move |event| heard.lock().unwrap().push(event.clone()));
        Self { sessions: options(builder).build().unwrap(), clock, store, events }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { sessions: self.sessions.clone(), cookie: None }
    }

    /// Begins a call that the store has carried out but not answered yet.
    pub(crate) fn begin<F: Future>(&self, call: impl FnOnce() -> F) -> Pin<Box<F>> {
        self.store.late.store(true, Ordering::SeqCst);
        let mut call = Box::pin(call());
        assert!(poll(call.as_mut()).is_pending());
        call
    }

    pub(crate) fn count(&self) -> u64 {
        block_on(self.sessions.count()).unwrap()
    }

    pub(crate) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// Returns the rejected tokens. Nothing else may have happened.
    pub(crate) fn take_rejections(&self) -> Vec<(Option<SessionId>, RejectReason)> {
        let rejection = |event| match event {
            Event::Rejected { id, reason, .. } => (id, reason),
            other => panic!("{other:?}"),
        };
        self.take_events().into_iter().map(rejection).collect()
    }
}

/// A request without a body.
#[derive(Clone)]
pub(crate) struct Fake {
    method: &'static str,
    target: &'static str,
    authority: Option<&'static str>,
    headers: Vec<(RequestHeader, String)>,
}

impl Fake {
    pub(crate) const fn new(method: &'static str, target: &'static str) -> Self {
        Self { method, target, authority: None, headers: Vec::new() }
    }

    pub(crate) const fn get(target: &'static str) -> Self {
        Self::new("GET", target)
    }

    /// Gives the target an authority, as HTTP/2 does.
    pub(crate) const fn at(mut self, authority: &'static str) -> Self {
        self.authority = Some(authority);
        self
    }

    pub(crate) fn with(mut self, headers: &[(RequestHeader, &str)]) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }
}

impl RequestHeaders for Fake {
    fn method(&self) -> &str {
        self.method
    }

    fn target(&self) -> &str {
        self.target
    }

    fn authority(&self) -> Option<&str> {
        self.authority
    }

    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(name, _)| *name == header).map(|(_, value)| value.as_bytes())
    }
}

/// A client that keeps its cookie as a browser would.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) sessions: Sessions,
    /// The cookie as a name-value pair.
    pub(crate) cookie: Option<String>,
}

/// The headers of a response.
#[derive(Default)]
struct Headers(Vec<(&'static str, String)>);

impl ResponseHeaders for Headers {
    fn add(&mut self, header: ResponseHeader, value: Cow<'static, str>) -> bool {
        let has_others = self.0.iter().any(|(name, _)| *name == header.name());
        self.0.push((header.name(), value.into_owned()));
        has_others
    }

    fn retain(&mut self, header: ResponseHeader, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        self.0.retain(|(name, value)| *name != header.name() || keeps(value.as_bytes()));
    }

    fn remove_if(&mut self, condition: &mut dyn FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| !condition(name));
    }
}

/// Returns the names and values of the headers, as an adapter writes them.
pub(crate) fn written(headers: SessionHeaders) -> Vec<(&'static str, String)> {
    let mut written = Headers::default();
    headers.write_to(&mut written);
    written.0
}

/// Returns whether the response needs `Vary: Cookie`.
pub(crate) fn varies(headers: SessionHeaders) -> bool {
    written(headers).contains(&("vary", "Cookie".to_owned()))
}

/// The result of a request.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    pub(crate) result: R,
    pub(crate) set_cookie: Option<String>,
    pub(crate) varies: bool,
}

impl Browser {
    pub(crate) fn start(&self) -> Session {
        self.try_start().unwrap()
    }

    pub(crate) fn try_start(&self) -> Result<Session, Error> {
        let cookies = self.cookie.iter().map(String::as_bytes);
        block_on(self.sessions.open().session(cookies))
    }

    /// Finishes a request as an adapter does for a response with this status, and keeps its cookie.
    pub(crate) fn finish(&mut self, session: &Session, status: u16) -> Result<Answer<()>, CommitError> {
        let mut headers = block_on(session.exchange().end(status))?;
        let set_cookie = headers.take_set_cookie();
        if let Some(text) = &set_cookie {
            self.keep(text);
        }
        Ok(Answer { result: (), set_cookie, varies: varies(headers) })
    }

    pub(crate) fn keep(&mut self, set_cookie: &str) {
        let pair = set_cookie.split(';').next().unwrap();
        self.cookie = (!set_cookie.contains("Max-Age=0")).then(|| pair.to_owned());
    }

    /// Runs a whole request.
    pub(crate) fn visit<R>(&mut self, handler: impl FnOnce(&Session) -> R) -> Answer<R> {
        let session = self.start();
        let result = handler(&session);
        let Answer { set_cookie, varies, .. } = self.finish(&session, 200).unwrap();
        Answer { result, set_cookie, varies }
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<String> {
        self.visit(|session| session.lenient(key).text()).result
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.visit(|session| session.set(key, value).unwrap());
    }

    pub(crate) fn user(&mut self) -> Option<String> {
        self.visit(Session::principal).result
    }
}

/// A memory store whose calls are counted and can be made to fail.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    inner: Arc<MemoryStore>,
    pub(crate) down: AtomicBool,
    pub(crate) write_down: AtomicBool,
    pub(crate) read_down: AtomicBool,
    /// Number of creates that get no answer.
    pub(crate) lost_creates: AtomicUsize,
    pub(crate) unreadable: AtomicBool,
    /// Gives every record a newer format.
    pub(crate) newer: AtomicBool,
    /// Answers every load with this record, whatever the id.
    pub(crate) mixed_up: std::sync::Mutex<Option<Record>>,
    pub(crate) panics: AtomicBool,
    /// Delays every answer to the second poll.
    pub(crate) late: AtomicBool,
    /// Answers a commit with the record at the time of the answer, as a store that batches commits
    /// does.
    pub(crate) batches: AtomicBool,
    pub(crate) loads: AtomicUsize,
    pub(crate) writes: AtomicUsize,
}

impl Probe {
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.loads.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
    }

    fn answer<T: Send + 'static>(&self, answer: StoreFuture<T>) -> StoreFuture<T> {
        if !self.late.load(Ordering::SeqCst) {
            return answer;
        }
        let mut waited = false;
        StoreFuture::new(async move {
            std::future::poll_fn(move |context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            answer.await
        })
    }

    fn read<T: Send + 'static>(&self, call: impl FnOnce() -> StoreFuture<T>) -> StoreFuture<T> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.unreadable.load(Ordering::SeqCst) {
            return self.answer(StoreFuture::ready(Err(StoreError::new("probe", StoreErrorKind::Unreadable))));
        }
        if self.newer.load(Ordering::SeqCst) {
            return self.answer(StoreFuture::ready(Err(StoreError::new("probe", StoreErrorKind::NewerFormat))));
        }
        let is_down = self.down.load(Ordering::SeqCst) || self.read_down.load(Ordering::SeqCst);
        self.answer(if is_down { failed() } else { call() })
    }

    fn write<T: Send + 'static>(&self, call: impl FnOnce() -> StoreFuture<T>) -> StoreFuture<T> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "a store's panic");
        let is_down = self.down.load(Ordering::SeqCst) || self.write_down.load(Ordering::SeqCst);
        self.answer(if is_down { failed() } else { call() })
    }
}

fn failed<T>() -> StoreFuture<T> {
    StoreFuture::ready(Err(StoreError::new("probe", StoreErrorKind::Unavailable).caused_by("the connection is lost")))
}

impl Store for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }
    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
        let mixed_up = self.mixed_up.lock().unwrap().clone();
        self.read(|| match mixed_up {
            Some(record) => StoreFuture::ready(Ok(Some(record))),
            None => self.inner.load(id, now),
        })
    }
    fn create(&self, record: &Record) -> StoreFuture<Created> {
        if self.lost_creates.load(Ordering::SeqCst) > 0 {
            self.lost_creates.fetch_sub(1, Ordering::SeqCst);
            return self.write(|| StoreFuture::ready(Ok(Created::Unanswered)));
        }
        self.write(|| self.inner.create(record))
    }
    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        let (store, id, now) = (Arc::clone(&self.inner), base.id(), changes.now());
        let batches = self.batches.load(Ordering::SeqCst);
        let answer = self.write(|| self.inner.commit(base, changes));
        if !batches {
            return answer;
        }
        StoreFuture::new(async move {
            match answer.await? {
                Ok(record) => Ok(Ok(store.load(id, now).await?.unwrap_or(record))),
                refused => Ok(refused),
            }
        })
    }
    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.write(|| self.inner.destroy(id))
    }
    fn destroy_all(&self) -> StoreFuture<u64> {
        self.write(|| self.inner.destroy_all())
    }
    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        self.read(|| self.inner.of_principal(principal, now))
    }
    fn count_of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<u64> {
        self.read(|| self.inner.count_of_principal(principal, now))
    }
    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        self.write(|| self.inner.destroy_of_principal(principal, except))
    }
    fn count(&self) -> StoreFuture<u64> {
        self.inner.count()
    }
    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.read(|| self.inner.scan(from, limit, now))
    }
    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        self.write(|| self.inner.sweep(limit, now))
    }
}

/// Polls a future once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns all orders of the steps of some requests, which each take `steps`.
pub(crate) fn orders(requests: usize, steps: usize) -> Vec<Vec<usize>> {
    fn extend(left: &mut [usize], order: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
        if left.iter().all(|steps| *steps == 0) {
            return orders.push(order.clone());
        }
        for request in 0..left.len() {
            if left[request] > 0 {
                left[request] -= 1;
                order.push(request);
                extend(left, order, orders);
                order.pop();
                left[request] += 1;
            }
        }
    }
    let mut orders = Vec::new();
    extend(&mut vec![steps; requests], &mut Vec::new(), &mut orders);
    orders
}

/// Returns a well-formed token that was never issued.
pub(crate) fn made_up_token(seed: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = seed as u64;
    let mut text: String = (0..42)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(ALPHABET[(state >> 58) as usize])
        })
        .collect();
    text.push('A');
    text
}
