//! A demo is terminated while clients write.
//!
//! It finishes pending requests, and everything that it acknowledged is still stored at the next
//! start.

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
        acknowledged_writes_survive_a_termination,
        pending_requests_finish_at_a_termination,
    ]
}

const TERMINATE: i32 = 15;

/// Terminates each framework's demo during 1,000 commits on one store.
fn acknowledged_writes_survive_a_termination(engine: Engine) {
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

fn pending_requests_finish_at_a_termination(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    for framework in FRAMEWORKS.into_iter().filter(|framework| framework.finishes_pending_requests()) {
        let server = place.start(framework);
        let mut ann = server.signed_in("ann");
        let (token, mut slow) = (ann.token(), server.connect());
        let request = Request::get("/put?k=slow&v=1&ms=400").cookie(server.cookie(&token));
        slow.send(&request.to_bytes()).expect("the server listens");
        // A later request on another connection was answered, so the server has read this one.
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
    let is_as_expected =
        if framework.finishes_pending_requests() { status.success() } else { status.signal() == Some(TERMINATE) };
    assert!(is_as_expected, "{framework} ended with {status}");
}
