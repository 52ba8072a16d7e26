//! A demo that keeps its sessions on the local disk is killed while clients write, and started again: whatever it had acknowledged,
//! by an answer that a client has read, is there.
//!
//! `SESSIONS_KILLS` says how often each is killed; ten times is the default.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use sessions_tests::{Framework, Request, Response, Server, Visitor};

use crate::support::{Engine, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall]
    [
        a_demo_that_is_killed_still_knows_its_visitors,
        what_was_acknowledged_before_a_kill_is_there,
        what_was_acknowledged_before_a_termination_is_there,
    ]
}

const CLIENTS: usize = 6;

fn a_demo_that_is_killed_still_knows_its_visitors(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let server = place.start(Framework::Axum);
    let mut ann = server.signed_in("ann");
    ann.put("cart", "3 books");
    ann.get("/flash/set?k=notice&v=saved").expect_ok();
    let mut gone = server.signed_in("bob");
    let (token, id, ended) = (ann.token(), ann.id(), gone.token());
    gone.get("/logout").expect_ok();
    server.signal("KILL");
    server.wait_until_ended();
    let server = place.start(Framework::Axum);
    let mut ann = server.visitor_with(&token);
    ann.expect_user("ann");
    assert_eq!((ann.id(), ann.entries()), (id, [("cart".to_owned(), "3 books".to_owned())].into()));
    ann.get("/flash/get?k=notice").expect_text("saved");
    server.visitor_with(&ended).expect_anonymous();
}

fn what_was_acknowledged_before_a_kill_is_there(engine: Engine) {
    let kills = std::env::var("SESSIONS_KILLS").map_or(10, |times| times.parse().expect("SESSIONS_KILLS is a number"));
    end_again_and_again(engine, "KILL", kills);
}

fn what_was_acknowledged_before_a_termination_is_there(engine: Engine) {
    end_again_and_again(engine, "TERM", 4);
}

/// Goes through the frameworks, on one store, with the same clients.
fn end_again_and_again(engine: Engine, signal: &str, times: usize) {
    let Some(place) = Place::new(engine) else { return };
    let frameworks = [Framework::Axum, Framework::Actix, Framework::Hyper, Framework::Minihttp];
    let mut ledgers: Vec<Ledger> = (0..CLIENTS).map(Ledger::new).collect();
    let mut acknowledged = 0;
    for round in 0..times {
        let server = place.start(frameworks[round % frameworks.len()]);
        thread::scope(|scope| {
            for ledger in &mut ledgers {
                let server = &server;
                scope.spawn(move || ledger.check_and_write(server));
            }
            // At a random moment: in the midst of the checks, of the first writes or of many.
            thread::sleep(random(Duration::from_millis(400)));
            server.signal(signal);
        });
        server.wait_until_ended();
        acknowledged = ledgers.iter().map(|ledger| ledger.acknowledged).sum();
    }
    assert!(acknowledged > times * CLIENTS, "only {acknowledged} writes came before the ends");
    let server = place.start(frameworks[0]);
    for ledger in &ledgers {
        let checked = ledger.check(&server);
        assert!(checked.is_continue(), "the server ended though nobody ended it");
    }
}

/// A time below `most`.
fn random(most: Duration) -> Duration {
    let drawn = u32::try_from(RandomState::new().hash_one(0) % 1_000).expect("it is below 1000");
    most * drawn / 1_000
}

/// What a client was told: the answers that it has read, and nothing else.
#[derive(Debug)]
struct Ledger {
    user: String,
    /// The session that was signed in last, with what it was told.
    current: Option<Account>,
    /// The cookies that a sign-in or a sign-out has ended.
    ended: Vec<String>,
    acknowledged: usize,
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
    fn new(number: usize) -> Self {
        Self { user: format!("user-{number}"), current: None, ended: Vec::new(), acknowledged: 0 }
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
        self.acknowledged += 1;
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
        self.acknowledged += 3;
        Going::Continue(())
    }

    fn login(&mut self, visitor: &mut Visitor<'_>) -> Going {
        let account = self.current.take().expect("there is a session to sign in to");
        // Without an answer it is unknown which cookie is good, so the client begins anew.
        ask(visitor, &format!("/login?user={}", self.user))?.expect_text("ok");
        self.ended.push(account.token);
        self.current = Some(Account { token: visitor.token(), user: Some(self.user.clone()), ..account });
        self.acknowledged += 1;
        Going::Continue(())
    }

    fn logout(&mut self, visitor: &mut Visitor<'_>) -> Going {
        let account = self.current.take().expect("there is a session to sign out of");
        ask(visitor, "/logout")?.expect_text("ok");
        self.ended.push(account.token);
        self.acknowledged += 1;
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
