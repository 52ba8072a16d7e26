//! Two servers over one map, and requests to them whose calls pass in every order.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_core::testing::ManualClock;
use sessions_core::{Clock, ErrorKind, Session, Sessions, SessionsBuilder};
use sessions_remote::{Background, Options, RemoteStore};
use sessions_store::SessionId;
use tokio::runtime::{Builder, Runtime};

use crate::gates::{Gates, Order};
use crate::map_engine::{Map, MapEngine};

/// What a handler does. What it returns is what the visitor sees.
pub(crate) type Deed = fn(&Session) -> Option<String>;

/// The cookie that a request sends.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    Nothing,
    Token(String),
    /// The first cookie that another request gets. The request begins when that one has ended.
    First,
}

/// A request of a run.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) name: &'static str,
    pub(crate) server: usize,
    pub(crate) sent: Sent,
    pub(crate) deed: Deed,
}

/// A response, as its client gets it.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) seen: Option<String>,
    pub(crate) error: Option<ErrorKind>,
    pub(crate) set_cookie: Option<String>,
    /// Whom a handle that outlives the response shows as signed in then.
    pub(crate) principal_after: Option<String>,
}

impl Response {
    /// Returns the cookie that the response sets, as a browser sends it.
    pub(crate) fn cookie(&self) -> Option<String> {
        let pair = self.set_cookie.as_ref().filter(|text| !text.contains("Max-Age=0"))?.split(';').next();
        pair.map(str::to_owned)
    }
}

/// A deadline that no test reaches.
const NEVER: Duration = Duration::from_secs(60 * 60);
/// Time for what ends if nothing is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two servers, each with a manager and a store of its own, over one map.
pub(crate) struct Servers {
    map: Map,
    clock: Arc<ManualClock>,
    gates: Arc<Gates>,
    sessions: [Sessions; 2],
    /// How much time passes before each call, and before each request.
    tick: Duration,
    /// Declared last: the stores' timers live on it.
    runtime: Runtime,
}

impl Servers {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(options: impl Fn(SessionsBuilder) -> SessionsBuilder) -> Self {
        let (map, gates, clock) = (Map::default(), Arc::<Gates>::default(), Arc::<ManualClock>::default());
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let entered = runtime.enter();
        let sessions = [(); 2].map(|()| {
            let engine = MapEngine { gates: Some(Arc::clone(&gates)), ..MapEngine::over(&map) };
            let deadlines = Options::default().load_deadline(NEVER).commit_deadline(NEVER);
            let store = RemoteStore::with_background(engine, deadlines, Background::current().unwrap());
            let builder = Sessions::builder().store(store).clock(Arc::clone(&clock)).sweep_every(None);
            options(builder.sessions_per_principal(None)).build().unwrap()
        });
        drop(entered);
        Self { map, clock, gates, sessions, tick: Duration::from_millis(1), runtime }
    }

    /// Lets no time pass during a run.
    pub(crate) fn stop_time(&mut self) {
        self.tick = Duration::ZERO;
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Makes one request, while no other one is under way.
    pub(crate) fn visit(&self, server: usize, cookie: Option<&str>, deed: Deed) -> Response {
        block_on(answer(&self.sessions[server], cookie, deed, false))
    }

    /// Returns the ids of the sessions that are stored.
    pub(crate) fn stored(&self) -> Vec<SessionId> {
        self.map.lock().unwrap().keys().copied().collect()
    }

    /// Looks what would happen, and undoes it.
    pub(crate) fn look<T>(&self, what_if: impl FnOnce() -> T) -> T {
        let (map, now) = (self.map.lock().unwrap().clone(), self.clock.now());
        let seen = what_if();
        *self.map.lock().unwrap() = map;
        self.clock.set(now);
        seen
    }

    /// Makes the requests side by side in every order in which their calls can pass, and checks the
    /// responses of each. The handlers drop their sessions in one half of the orders, and keep them
    /// until the response in the other.
    ///
    /// Returns the number of orders.
    pub(crate) fn explore(&self, requests: &[Request], check: impl Fn(&[Response])) -> usize {
        [false, true].map(|keeps| self.explore_half(requests, keeps, &check)).iter().sum()
    }

    /// Explores one half of the orders.
    pub(crate) fn explore_half(&self, requests: &[Request], keeps: bool, check: impl Fn(&[Response])) -> usize {
        let mut order = Order::default();
        for orders in 1.. {
            self.look(|| check(&self.run(requests, keeps, &mut order)));
            if !order.advance() {
                return orders;
            }
        }
        unreachable!("there are not so many orders")
    }

    /// Makes the requests side by side in one order.
    fn run(&self, requests: &[Request], keeps: bool, order: &mut Order) -> Vec<Response> {
        let first_cookie = FirstCookie::default();
        let mut running: Vec<_> =
            requests.iter().map(|request| self.start(request, keeps, first_cookie.clone())).collect();
        self.gates.shut();
        let begun = Instant::now();
        loop {
            self.settle(requests, &mut running, &first_cookie);
            let waiting = self.gates.count();
            if waiting == 0 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "the requests call their stores without end");
            self.clock.advance(self.tick);
            self.gates.let_pass(order.choose(waiting));
        }
        self.gates.open();
        running.into_iter().map(|running| running.response.expect("a request waits, and not at a gate")).collect()
    }

    fn start<'a>(&'a self, request: &'a Request, keeps: bool, first_cookie: FirstCookie) -> Running<'a> {
        let future = Box::pin(async move {
            self.clock.advance(self.tick);
            let cookie = match &request.sent {
                Sent::Nothing => None,
                Sent::Token(token) => Some(token.clone()),
                Sent::First => Some(poll_fn(|context| first_cookie.poll(context)).await),
            };
            answer(&self.sessions[request.server], cookie.as_deref(), request.deed, keeps).await
        });
        Running { future, woken: Arc::new(Woken(AtomicBool::new(true))), response: None }
    }

    /// Polls what was woken, until everything waits: requests, and what the stores do in the
    /// background.
    fn settle(&self, requests: &[Request], running: &mut [Running<'_>], first_cookie: &FirstCookie) {
        let begun = Instant::now();
        loop {
            for (request, running) in requests.iter().zip(&mut *running) {
                self.gates.name_caller(request.name);
                if running.poll()
                    && let Some(cookie) = running.response.as_ref().and_then(Response::cookie)
                {
                    first_cookie.set(cookie);
                }
            }
            if self.runtime.metrics().num_alive_tasks() > 0 {
                self.gates.name_caller("in the background");
                // Comes back once no task can go on.
                self.runtime.block_on(tokio::task::yield_now());
            }
            if !running.iter().any(Running::is_woken) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "a request wakes itself without end");
        }
    }
}

/// A request under way.
struct Running<'a> {
    future: Pin<Box<dyn Future<Output = Response> + 'a>>,
    woken: Arc<Woken>,
    response: Option<Response>,
}

impl Running<'_> {
    /// Polls the request if it was woken. Returns whether it has ended now.
    fn poll(&mut self) -> bool {
        if !self.is_woken() {
            return false;
        }
        self.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(response) => self.response = Some(response),
            Poll::Pending => {}
        }
        self.response.is_some()
    }

    fn is_woken(&self) -> bool {
        self.response.is_none() && self.woken.0.load(Ordering::SeqCst)
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The first cookie that a request of a run gets.
#[derive(Clone, Default)]
struct FirstCookie(Rc<RefCell<(Option<String>, Option<Waker>)>>);

impl FirstCookie {
    fn set(&self, cookie: String) {
        let (first, waiting) = &mut *self.0.borrow_mut();
        first.get_or_insert(cookie);
        waiting.take().into_iter().for_each(Waker::wake);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<String> {
        let (first, waiting) = &mut *self.0.borrow_mut();
        *waiting = Some(context.waker().clone());
        first.clone().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Answers a request as an adapter does.
async fn answer(sessions: &Sessions, cookie: Option<&str>, deed: Deed, keeps: bool) -> Response {
    let exchange = sessions.open();
    let session = match exchange.session(cookie.map(str::as_bytes)).await {
        Ok(session) => session,
        Err(error) => return Response { error: Some(error.kind()), ..Response::default() },
    };
    let seen = deed(&session);
    let kept = keeps.then_some(session);
    let (error, mut headers) = match exchange.end(200).await {
        Ok(headers) => (None, headers),
        Err(refused) => {
            let (error, headers) = refused.into_parts();
            (Some(error.kind()), headers)
        }
    };
    let principal_after = kept.and_then(|session| session.principal());
    Response { seen, error, set_cookie: headers.take_set_cookie(), principal_after }
}
