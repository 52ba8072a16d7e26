//! A demo whose disk fills up, and later has room again.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use sessions_disk::testing::SmallDisk;
use sessions_tests::{Framework, PATIENCE, Response, Server, Visitor};

use crate::expectations::{expect_unavailable, wait_for};
use crate::support::{Engine, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall, sqlite Sqlite]
    [a_full_disk_allows_logouts_and_loses_nothing, a_demo_with_coroutines_survives_a_full_disk]
}

fn a_full_disk_allows_logouts_and_loses_nothing(engine: Engine) {
    fill_a_disk(Framework::Axum, engine);
}

fn a_demo_with_coroutines_survives_a_full_disk(engine: Engine) {
    fill_a_disk(Framework::Minihttp, engine);
}

fn fill_a_disk(framework: Framework, engine: Engine) {
    let Some(disk) = SmallDisk::mount() else { return };
    let place = Place::within(engine, disk.path());
    let mut server = place.start(framework);
    let mut told = Told::new(&server);
    for round in 0..2 {
        (0..50).for_each(|_| assert!(add_anonymous(&server), "there is room at first"));
        let ballast = disk.fill();
        fill_with_visitors(engine, &server);
        told.sign_in_until_refused(&server);
        told.grow_until_refused(&server);
        told.sign_out(&server, 10);
        assert!(told.sign_in(&server), "there is room for one when ten have gone");
        told.expect(&server);
        if round == 1 {
            server.signal("KILL");
            server.wait_until_ended();
            server = place.start(framework);
            told.sign_out(&server, 10);
            told.expect(&server);
        }
        server.visitor().get("/plain").expect_text("ok");
        fs::remove_file(ballast).expect("the ballast can be removed");
        told.write_again(&server, round);
        told.expect(&server);
    }
}

/// Creates anonymous sessions, which make room for each other. SQLite evicts none and refuses them.
#[track_caller]
fn fill_with_visitors(engine: Engine, server: &Server) {
    if engine == Engine::Sqlite {
        assert!((0..5_000).any(|_| !add_anonymous(server)), "the disk does not fill up");
    } else {
        (0..100).for_each(|_| assert!(add_anonymous(server), "anonymous sessions make room for each other"));
    }
}

/// Creates a large anonymous session, and returns whether that was acknowledged.
#[track_caller]
fn add_anonymous(server: &Server) -> bool {
    let mut visitor = server.visitor();
    let is_kept = is_done(visitor.get(&format!("/put?k=filler&v={}", "x".repeat(2_000))));
    assert_eq!(visitor.cookie().is_some(), is_kept, "who has a session has a cookie");
    is_kept
}

/// Acknowledged changes.
struct Told {
    token: String,
    entries: BTreeMap<String, String>,
    /// Cookies of signed-in users, and their names.
    users: Vec<(String, String)>,
    /// Number of users who have signed in.
    logins: usize,
    /// Cookies of users who have signed out.
    ended: Vec<String>,
}

impl Told {
    fn new(server: &Server) -> Self {
        let token = server.signed_in("ann").token();
        let mut told = Self { token, entries: BTreeMap::new(), users: Vec::new(), logins: 0, ended: Vec::new() };
        assert!(told.put(server, "first", "1") && (0..30).all(|_| told.sign_in(server)), "there is room at first");
        told
    }

    /// Writes an entry, and returns whether that was acknowledged.
    #[track_caller]
    fn put(&mut self, server: &Server, key: &str, value: &str) -> bool {
        let is_kept = is_done(server.visitor_with(&self.token).get(&format!("/put?k={key}&v={value}")));
        if is_kept {
            self.entries.insert(key.to_owned(), value.to_owned());
        }
        is_kept
    }

    /// Signs a user in, and returns whether that was acknowledged.
    #[track_caller]
    fn sign_in(&mut self, server: &Server) -> bool {
        let mut user = server.visitor();
        // A user has at most 1,000 sessions. Long names fill the disk quickly.
        let name = format!("{}-{}", "user".repeat(200), self.logins / 500);
        let is_kept = is_done(user.get(&format!("/login?user={name}")));
        assert_eq!(user.cookie().is_some(), is_kept, "who is signed in has a cookie");
        self.logins += 1;
        self.users.extend(user.cookie().map(|cookie| (cookie.to_owned(), name)));
        is_kept
    }

    fn sign_in_until_refused(&mut self, server: &Server) {
        let refused = (0..20_000).any(|_| !self.sign_in(server));
        assert!(refused, "the disk does not fill up");
    }

    /// Grows records until a write is refused, and then writes a small value.
    fn grow_until_refused(&mut self, server: &Server) {
        let value = "y".repeat(20_000);
        let mut growing: Vec<_> = self.users.iter().map(|(token, _)| server.visitor_with(token)).collect();
        let refused = growing.iter_mut().any(|user| !is_done(user.get(&format!("/put?k=filler&v={value}"))));
        assert!(refused, "the disk does not fill up");
    }

    #[track_caller]
    fn sign_out(&mut self, server: &Server, count: usize) {
        for (token, _) in self.users.drain(..count) {
            server.visitor_with(&token).get("/logout").expect_ok();
            self.ended.push(token);
        }
    }

    /// Writes once the disk has room again, and signs in.
    fn write_again(&mut self, server: &Server, round: usize) {
        let begun = Instant::now();
        let value = "z".repeat(20_000);
        for key in ["one", "two"] {
            while !self.put(server, key, &value) {
                assert!(begun.elapsed() < PATIENCE, "the store does not recover");
            }
        }
        assert!(self.put(server, "after", &round.to_string()));
        let many = self.users.len() + 200;
        while self.users.len() < many {
            self.sign_in(server);
            assert!(begun.elapsed() < PATIENCE, "the store does not recover");
        }
    }

    /// Expects all that was acknowledged and nothing that was refused, once the store can be read.
    #[track_caller]
    fn expect(&self, server: &Server) {
        let at_last = |token: &str| {
            let mut visitor = server.visitor_with(token);
            wait_for(&mut visitor);
            visitor
        };
        let mut ann = at_last(&self.token);
        ann.expect_user("ann");
        assert_eq!(ann.entries(), self.entries);
        self.users.iter().step_by(10).for_each(|(token, name)| at_last(token).expect_user(name));
        self.ended.iter().map(|token| at_last(token)).for_each(|mut visitor: Visitor<'_>| visitor.expect_anonymous());
    }
}

/// Returns whether a request succeeded. The only other valid response is that the store is
/// unavailable.
#[track_caller]
fn is_done(answer: Response) -> bool {
    let is_done = answer.status() == 200;
    if !is_done {
        expect_unavailable(answer);
    }
    is_done
}
