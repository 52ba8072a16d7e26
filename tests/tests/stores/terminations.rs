//! A demo is asked to end while clients write: it answers what is under way, and whatever it had
//! acknowledged is there for the next one.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::thread;

use sessions_tests::{Framework, Request};

use crate::expectations::wait_until;
use crate::ledger::Clients;
use crate::support::{Engine, FRAMEWORKS, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall, redis Redis]
    [
        what_was_acknowledged_before_a_termination_is_there,
        what_is_under_way_at_a_termination_is_answered_and_kept,
    ]
}

const TERMINATE: i32 = 15;

/// In the middle of 1,000 commits, in each framework, on one store.
fn what_was_acknowledged_before_a_termination_is_there(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let mut clients = Clients::new();
    for framework in FRAMEWORKS {
        let server = place.start(framework);
        let before = clients.acknowledged();
        clients.write_while(&server, |acknowledged| {
            wait_until(|| acknowledged.load(Ordering::SeqCst) >= before + 500);
            server.signal("TERM");
        });
        expect_end(framework, server.exit_status());
    }
    clients.check(&place.start(FRAMEWORKS[0]));
}

fn what_is_under_way_at_a_termination_is_answered_and_kept(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    for framework in FRAMEWORKS.into_iter().filter(|framework| framework.finishes()) {
        let server = place.start(framework);
        let mut ann = server.signed_in("ann");
        let (token, mut slow) = (ann.token(), server.connect());
        let request = Request::get("/put?k=slow&v=1&ms=400").cookie(server.cookie(&token));
        slow.send(&request.to_bytes()).expect("the server listens");
        // What comes later on another connection is answered, so this one has been read.
        (0..20).for_each(|number| drop(ann.put("quick", &number.to_string())));
        drop(ann);
        thread::scope(|scope| {
            let answer = scope.spawn(|| slow.receive("the slow request"));
            server.signal("TERM");
            let answer = answer.join().expect("the client does not panic").expect("there is an answer");
            answer.expect_text("ok").expect_no_cookie();
        });
        expect_end(framework, server.exit_status());
        let entries = place.start(framework).visitor_with(&token).entries();
        assert_eq!((entries["slow"].as_str(), entries["quick"].as_str()), ("1", "19"), "{framework}");
    }
}

#[track_caller]
fn expect_end(framework: Framework, status: ExitStatus) {
    let is_as_expected = if framework.finishes() { status.success() } else { status.signal() == Some(TERMINATE) };
    assert!(is_as_expected, "{framework} ended with {status}");
}
