//! A demo that keeps its sessions on the local disk is killed while clients write, and started
//! again: whatever it had acknowledged, by an answer that a client has read, is there.
//!
//! `SESSIONS_KILLS` says how often each is killed; 200 times is the default.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::thread;
use std::time::Duration;

use sessions_tests::Framework;

use crate::ledger::Clients;
use crate::support::{Engine, FRAMEWORKS, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall]
    [
        a_demo_that_is_killed_still_knows_its_visitors,
        what_was_acknowledged_before_a_kill_is_there,
    ]
}

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

/// Goes through the frameworks, on one store, with the same clients.
fn what_was_acknowledged_before_a_kill_is_there(engine: Engine) {
    let kills = std::env::var("SESSIONS_KILLS").map_or(200, |times| times.parse().expect("SESSIONS_KILLS is a number"));
    let Some(place) = Place::new(engine) else { return };
    let mut clients = Clients::new();
    for round in 0..kills {
        let server = place.start(FRAMEWORKS[round % FRAMEWORKS.len()]);
        clients.write_while(&server, |_| {
            // At a random moment: in the midst of the checks, of the first writes or of many.
            thread::sleep(random(Duration::from_millis(120)));
            server.signal("KILL");
        });
        server.wait_until_ended();
    }
    let acknowledged = clients.acknowledged();
    assert!(acknowledged > 10 * kills, "only {acknowledged} writes came before the kills");
    clients.check(&place.start(FRAMEWORKS[0]));
}

/// A time below `most`.
fn random(most: Duration) -> Duration {
    let drawn = u32::try_from(RandomState::new().hash_one(0) % 1_000).expect("it is below 1000");
    most * drawn / 1_000
}
