//! A demo that keeps its sessions on a disk that fills up, and has room again.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use sessions_embedded::testing::SmallDisk;
use sessions_tests::{Framework, PATIENCE, Response, Server, Visitor};

use crate::expectations::{expect_unavailable, wait_for};
use crate::support::{Engine, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall]
    [a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing]
}

fn a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing(engine: Engine) {
    for framework in [Framework::Axum, Framework::Minihttp] {
        let Some(disk) = SmallDisk::mount() else { return };
        let place = Place::within(engine, disk.path());
        let server = place.start(framework);
        let mut told = Told::new(&server);
        for round in 0..2 {
            let ballast = disk.fill();
            told.write_until_refused(&server, round);
            told.expect(&server);
            told.log_out(&server, round);
            server.visitor().get("/plain").expect_text("ok");
            fs::remove_file(ballast).expect("the ballast can be removed");
            told.write_again(&server, round);
            told.expect(&server);
        }
        server.signal("KILL");
        server.wait_until_ended();
        told.expect(&place.start(framework));
    }
}

/// What a user was told to be saved.
struct Told {
    token: String,
    entries: BTreeMap<String, String>,
    /// The cookies of sessions that were acknowledged, and take up room.
    others: Vec<String>,
    /// The cookies of those that were signed out for sure.
    ended: Vec<String>,
}

impl Told {
    fn new(server: &Server) -> Self {
        let token = server.signed_in("ann").token();
        let mut told = Self { token, entries: BTreeMap::new(), others: Vec::new(), ended: Vec::new() };
        assert!(told.put(server, "first", "1") && (0..10).all(|_| told.add_other(server)), "there is room at first");
        told
    }

    /// Writes, and says whether that was acknowledged.
    #[track_caller]
    fn put(&mut self, server: &Server, key: &str, value: &str) -> bool {
        let is_kept = is_done(server.visitor_with(&self.token).get(&format!("/put?k={key}&v={value}")));
        if is_kept {
            self.entries.insert(key.to_owned(), value.to_owned());
        }
        is_kept
    }

    /// Makes a session that takes up room, and says whether that was acknowledged.
    #[track_caller]
    fn add_other(&mut self, server: &Server) -> bool {
        let mut other = server.visitor();
        let is_kept = is_done(other.get(&format!("/put?k=filler&v={}", "x".repeat(2_000))));
        assert_eq!(other.cookie().is_some(), is_kept, "who has a session has a cookie");
        self.others.extend(other.cookie().map(str::to_owned));
        is_kept
    }

    /// Takes up room until there is none, with writes to what is there in between.
    fn write_until_refused(&mut self, server: &Server, round: usize) {
        let mut number = 0;
        while self.add_other(server) {
            number += 1;
            assert!(number < 20_000, "the disk does not fill up");
            self.put(server, &format!("k{}", number % 3), &number.to_string());
        }
        // Whether there is room for so little depends on the engine; what is told does not.
        for key in 0..3 {
            self.put(server, &format!("k{key}"), &format!("full-{round}"));
        }
    }

    /// Signs somebody else out, which is either done or reported as failed.
    fn log_out(&mut self, server: &Server, round: usize) {
        let token = self.others.pop().expect("somebody was there before the disk was full");
        let mut other = server.visitor_with(&token);
        if is_done(other.get("/logout")) {
            self.ended.push(token);
        } else {
            assert_eq!(
                other.cookie(),
                Some(token.as_str()),
                "a logout that failed, in round {round}, keeps the cookie"
            );
            self.others.push(token);
        }
    }

    /// Writes as soon as the disk is seen to have room, and signs in.
    fn write_again(&mut self, server: &Server, round: usize) {
        let begun = Instant::now();
        while !self.put(server, "after", &round.to_string()) {
            assert!(begun.elapsed() < PATIENCE, "the store does not come back");
        }
        assert!(self.put(server, "k0", &format!("after-{round}")));
        server.signed_in("bob").expect_user("bob");
    }

    /// Expects all that was acknowledged and nothing that was refused, as soon as the store can be read.
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
        for token in self.others.iter().rev().take(20) {
            assert_eq!(at_last(token).entries()["filler"].len(), 2_000);
        }
        self.ended.iter().map(|token| at_last(token)).for_each(|mut visitor: Visitor<'_>| visitor.expect_anonymous());
    }
}

/// Returns whether a request was done; the only other answer is that the store is not available.
#[track_caller]
fn is_done(answer: Response) -> bool {
    let is_done = answer.status() == 200;
    if !is_done {
        expect_unavailable(answer);
    }
    is_done
}
