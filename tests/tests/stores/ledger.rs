//! Clients that write, sign in and sign out until the server ends, and record acknowledged writes.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sessions_tests::{Request, Response, Server, Visitor};

const CLIENTS: usize = 6;

/// Clients of one store, on any server.
#[derive(Debug)]
pub(crate) struct Clients {
    ledgers: Vec<Ledger>,
    acknowledged: Arc<AtomicUsize>,
}

impl Clients {
    pub(crate) fn new() -> Self {
        let acknowledged = Arc::default();
        let ledgers = (0..CLIENTS).map(|number| Ledger::new(number, &acknowledged)).collect();
        Self { ledgers, acknowledged }
    }

    /// Makes all clients check their ledgers and write until `work` has ended the server.
    ///
    /// `work` is given the number of acknowledged writes.
    pub(crate) fn write_while(&mut self, server: &Server, work: impl FnOnce(&AtomicUsize)) {
        thread::scope(|scope| {
            for ledger in &mut self.ledgers {
                scope.spawn(move || ledger.check_and_write(server));
            }
            work(&self.acknowledged);
        });
    }

    /// Expects everything that was acknowledged.
    #[track_caller]
    pub(crate) fn check(&self, server: &Server) {
        for ledger in &self.ledgers {
            assert!(ledger.check(server).is_continue(), "the server ended unexpectedly");
        }
    }

    /// Returns the number of acknowledged writes.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// The state that the responses to a client imply.
#[derive(Debug)]
struct Ledger {
    user: String,
    /// The latest session with a login.
    current: Option<Account>,
    /// Cookies that a login or a logout has ended.
    ended: Vec<String>,
    /// Number of acknowledged writes of all clients.
    acknowledged: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Account {
    token: String,
    /// User of the session; none before the first login.
    user: Option<String>,
    /// Number of the keys `k0`, `k1` and so on whose write was acknowledged.
    keys: usize,
    /// Number of acknowledged increments of `visits`.
    visits: u64,
    /// Last acknowledged value of `left` and `right`, which one request sets together.
    pair: u64,
    /// Number of requests without a response.
    unknown: u64,
}

/// Stops at the first request without a response.
type Going<T = ()> = ControlFlow<(), T>;

impl Ledger {
    fn new(number: usize, acknowledged: &Arc<AtomicUsize>) -> Self {
        let acknowledged = Arc::clone(acknowledged);
        Self { user: format!("user-{number}"), current: None, ended: Vec::new(), acknowledged }
    }

    fn acknowledge(&self, writes: usize) {
        self.acknowledged.fetch_add(writes, Ordering::SeqCst);
    }

    fn check_and_write(&mut self, server: &Server) {
        let mut going = self.check(server);
        while going.is_continue() {
            going = self.live(server);
        }
    }

    /// Expects everything that was acknowledged, as long as the server responds.
    fn check(&self, server: &Server) -> Going {
        if let Some(account) = &self.current {
            account.check(server)?;
        }
        // A kill could bring back the newest of them.
        for token in self.ended.iter().rev().take(8) {
            let answer = ask(&mut server.visitor_with(token), "/whoami")?;
            let whoami = answer.json();
            assert!(whoami["id"].is_null() && whoami["user"].is_null(), "an ended session is back: {whoami}");
        }
        Going::Continue(())
    }

    /// Creates a session, signs in, writes and signs out.
    fn live(&mut self, server: &Server) -> Going {
        let mut visitor = match &self.current {
            Some(account) => server.visitor_with(&account.token),
            None => self.begin(server)?,
        };
        for _ in 0..8 {
            self.write(&mut visitor)?;
        }
        self.login(&mut visitor)?;
        for _ in 0..8 {
            self.write(&mut visitor)?;
        }
        self.logout(&mut visitor)
    }

    fn begin<'a>(&mut self, server: &'a Server) -> Going<Visitor<'a>> {
        let mut visitor = server.visitor();
        ask(&mut visitor, "/put?k=k0&v=0")?.expect_text("ok");
        self.current = Some(Account { token: visitor.token(), user: None, keys: 1, visits: 0, pair: 0, unknown: 0 });
        self.acknowledge(1);
        Going::Continue(visitor)
    }

    fn write(&mut self, visitor: &mut Visitor<'_>) -> Going {
        let account = self.current.as_mut().expect("there is a session to write to");
        account.unknown += 1;
        // The number of keys per session is limited.
        let key = account.keys % 100;
        ask(visitor, &format!("/put?k=k{key}&v={key}"))?.expect_text("ok").expect_no_cookie();
        account.keys += 1;
        let visits = ask(visitor, "/incr?k=visits")?.expect_no_cookie().text();
        account.visits += 1;
        account.unknown -= 1;
        let visits: u64 = visits.parse().expect("a count is a number");
        assert!(account.allows(visits), "{visits} visits, but {account:?}");
        let pair = format!(r#"{{"left":"{visits}","right":"{visits}"}}"#);
        send(visitor, Request::post_json("/set/", &pair))?.expect_ok().expect_no_cookie();
        account.pair = visits;
        self.acknowledge(3);
        Going::Continue(())
    }

    fn login(&mut self, visitor: &mut Visitor<'_>) -> Going {
        let account = self.current.take().expect("there is a session to sign in to");
        // Without a response, either cookie may be valid, so the client begins another session.
        ask(visitor, &format!("/login?user={}", self.user))?.expect_text("ok");
        self.ended.push(account.token);
        self.current = Some(Account { token: visitor.token(), user: Some(self.user.clone()), ..account });
        self.acknowledge(1);
        Going::Continue(())
    }

    fn logout(&mut self, visitor: &mut Visitor<'_>) -> Going {
        let account = self.current.take().expect("there is a session to sign out of");
        ask(visitor, "/logout")?.expect_text("ok");
        self.ended.push(account.token);
        self.acknowledge(1);
        Going::Continue(())
    }
}

impl Account {
    fn check(&self, server: &Server) -> Going {
        let mut visitor = server.visitor_with(&self.token);
        let whoami = ask(&mut visitor, "/whoami")?.json();
        assert_eq!(whoami["user"].as_str(), self.user.as_deref(), "the sign-in of {self:?} is lost");
        let entries = ask(&mut visitor, "/get/")?.entries();
        for key in 0..self.keys.min(100) {
            let value = entries.get(&format!("k{key}"));
            assert_eq!(value, Some(&key.to_string()), "a write of {self:?} is lost");
        }
        let number = |key: &str| entries.get(key).map_or(0, |text| text.parse().expect("a count is a number"));
        let (visits, left, right) = (number("visits"), number("left"), number("right"));
        assert!(self.allows(visits), "{visits} visits, but {self:?}");
        assert!(left == right && left >= self.pair, "{left} and {right} were written at once, but {self:?}");
        Going::Continue(())
    }

    /// Returns whether a count is possible: at least what was acknowledged, at most what was sent.
    const fn allows(&self, visits: u64) -> bool {
        self.visits <= visits && visits <= self.visits + self.unknown
    }
}

/// Sends a GET, unless the server has ended.
#[track_caller]
fn ask(visitor: &mut Visitor<'_>, target: &str) -> Going<Response> {
    send(visitor, Request::get(target))
}

/// Sends a request, unless the server has ended. A response that is not HTTP does not count as an
/// end.
#[track_caller]
fn send(visitor: &mut Visitor<'_>, request: Request) -> Going<Response> {
    match visitor.try_ask(request) {
        Ok(answer) => Going::Continue(answer),
        Err(error) if error.kind() == ErrorKind::InvalidData => panic!("{error}"),
        Err(_) => Going::Break(()),
    }
}
