//! Clients that write, sign in and sign out until the server ends, and keep account of what they
//! were told.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sessions_tests::{Request, Response, Server, Visitor};

const CLIENTS: usize = 6;

/// Clients of one store, whichever server they ask.
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

    /// Has all clients check what they were told, and write until `work` has ended the server. It
    /// is given the count of the writes that were acknowledged.
    pub(crate) fn write_while(&mut self, server: &Server, work: impl FnOnce(&AtomicUsize)) {
        thread::scope(|scope| {
            for ledger in &mut self.ledgers {
                scope.spawn(move || ledger.check_and_write(server));
            }
            work(&self.acknowledged);
        });
    }

    /// Expects that all is there that was acknowledged.
    #[track_caller]
    pub(crate) fn check(&self, server: &Server) {
        for ledger in &self.ledgers {
            assert!(ledger.check(server).is_continue(), "the server ended though nobody ended it");
        }
    }

    /// Counts the writes that were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// What a client was told: the answers that it has read, and nothing else.
#[derive(Debug)]
struct Ledger {
    user: String,
    /// The session that was signed in last, with what it was told.
    current: Option<Account>,
    /// The cookies that a sign-in or a sign-out has ended.
    ended: Vec<String>,
    /// Counts the writes of all clients.
    acknowledged: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Account {
    token: String,
    /// Whose session it is; nobody's before the first sign-in.
    user: Option<String>,
    /// How many of the keys `k0`, `k1` and so on were written for sure.
    keys: usize,
    /// How often `visits` was counted for sure.
    visits: u64,
    /// What `left` and `right` were last set to for sure, in one request.
    pair: u64,
    /// How many requests were sent whose answer did not come.
    unknown: u64,
}

/// Ends at the first request that gets no answer.
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

    /// Expects all that was acknowledged, as long as the server answers.
    fn check(&self, server: &Server) -> Going {
        if let Some(account) = &self.current {
            account.check(server)?;
        }
        // The newest are the ones that a kill could bring back.
        for token in self.ended.iter().rev().take(8) {
            let answer = ask(&mut server.visitor_with(token), "/whoami")?;
            let whoami = answer.json();
            assert!(whoami["id"].is_null() && whoami["user"].is_null(), "an ended session is back: {whoami}");
        }
        Going::Continue(())
    }

    /// Makes a session, signs in, writes and signs out.
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
        // A session holds a few hundred keys.
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
        // Without an answer it is unknown which cookie is good, so the client begins anew.
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

    /// Tells whether a count can be: what was acknowledged, and at most what was sent beside it.
    const fn allows(&self, visits: u64) -> bool {
        self.visits <= visits && visits <= self.visits + self.unknown
    }
}

/// Asks, unless the server has ended.
#[track_caller]
fn ask(visitor: &mut Visitor<'_>, target: &str) -> Going<Response> {
    send(visitor, Request::get(target))
}

/// Sends a request, unless the server has ended. An answer that is not HTTP is no end.
#[track_caller]
fn send(visitor: &mut Visitor<'_>, request: Request) -> Going<Response> {
    match visitor.try_ask(request) {
        Ok(answer) => Going::Continue(answer),
        Err(error) if error.kind() == ErrorKind::InvalidData => panic!("{error}"),
        Err(_) => Going::Break(()),
    }
}
