//! A demo with a store on the local disk is killed while clients write, and restarted.
//!
//! Everything that was acknowledged, with a response that a client has read, is still stored.
//!
//! `SESSIONS_KILLS` sets the number of kills per store; the default is 200.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use sessions_tests::Framework;

use crate::expectations::wait_until;
use crate::ledger::Clients;
use crate::support::{Engine, FRAMEWORKS, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall, sqlite Sqlite]
    [
        a_killed_demo_keeps_acknowledged_writes,
        acknowledged_writes_survive_a_kill,
    ]
}

fn a_killed_demo_keeps_acknowledged_writes(engine: Engine) {
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

/// Kills each framework's demo on one store, with the same clients.
fn acknowledged_writes_survive_a_kill(engine: Engine) {
    let kills = std::env::var("SESSIONS_KILLS").map_or(200, |times| times.parse().expect("SESSIONS_KILLS is a number"));
    let Some(place) = Place::new(engine) else { return };
    let mut clients = Clients::new();
    for round in 0..kills {
        let server = place.start(FRAMEWORKS[round % FRAMEWORKS.len()]);
        // The kill comes during the checks or after some writes, independent of the machine's
        // speed.
        let wanted = clients.acknowledged() + random(30);
        clients.write_while(&server, |acknowledged| {
            wait_until(|| acknowledged.load(Ordering::SeqCst) >= wanted);
            thread::sleep(Duration::from_micros(random(5_000) as u64));
            server.signal("KILL");
        });
        server.wait_until_ended();
    }
    clients.check(&place.start(FRAMEWORKS[0]));
}

/// Returns a random number below `most`.
fn random(most: usize) -> usize {
    RandomState::new().hash_one(0) as usize % most
}
