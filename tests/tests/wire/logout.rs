//! Logout: final, even with other requests in flight.

use std::time::{Duration, Instant};

use sessions_tests::scenarios::logout::{self, SLOW};
use sessions_tests::{Framework, Request, Server, in_every_framework};

in_every_framework! {
    a_cookie_is_dead_after_the_logout,
    a_logout_ends_one_session_of_the_user,
    a_slow_logout_waits_and_ends_the_session,
    a_request_in_flight_cannot_undo_a_logout,
    a_request_in_flight_cannot_undo_the_logout_of_others,
    a_login_during_a_slow_request_survives_its_failure,
    racing_requests_never_revive_a_session,
}

fn a_cookie_is_dead_after_the_logout(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    visitor.put("cart", "3 books");
    let mut replay = visitor.twin();
    visitor.get("/logout").expect_text("ok");
    replay.expect_anonymous();
    // A new session that begins with the dead cookie has no data of the old one.
    let dead = replay.token();
    replay.put("city", "Thessaloniki");
    assert_ne!(replay.token(), dead);
    assert_eq!(replay.entries(), [("city".to_owned(), "Thessaloniki".to_owned())].into());
    assert_eq!(replay.whoami().user, None);
}

fn a_logout_ends_one_session_of_the_user(framework: Framework) {
    let server = Server::start(framework);
    let (mut phone, mut desk) = (server.signed_in("ann"), server.signed_in("ann"));
    phone.get("/logout").expect_text("ok");
    desk.expect_user("ann");
}

fn a_slow_logout_waits_and_ends_the_session(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let mut replay = visitor.twin();
    let asked = Instant::now();
    visitor.get("/logout?ms=150").expect_text("ok");
    assert!(asked.elapsed() >= Duration::from_millis(150), "answered after {:?}", asked.elapsed());
    assert_eq!(visitor.cookie(), None);
    replay.expect_anonymous();
}

fn a_request_in_flight_cannot_undo_a_logout(framework: Framework) {
    logout::a_request_in_flight_cannot_undo_a_logout(&Server::start(framework), 100);
}

fn a_request_in_flight_cannot_undo_the_logout_of_others(framework: Framework) {
    let server = Server::start(framework);
    let (mut phone, mut desk) = (server.signed_in("ann"), server.signed_in("ann"));
    let mut slow = server.connect();
    let request = Request::get("/put?k=late&v=1&ms=500").cookie(server.cookie(&phone.token()));
    let due = Instant::now() + SLOW;
    slow.send(&request.to_bytes()).expect("the server reads the slow request");
    desk.get("/put?k=meanwhile&v=1&ms=100").expect_text("ok");
    desk.get("/logout_others").expect_ok();
    let is_in_flight = Instant::now() < due;
    let late = slow.receive(&request.to_string()).expect("the slow request is answered");
    if is_in_flight {
        late.expect_status(401).expect_no_cookie();
    }
    phone.expect_anonymous();
    desk.expect_user("ann");
}

fn a_login_during_a_slow_request_survives_its_failure(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let mut slow = server.connect();
    let request = Request::get("/put?k=late&v=1&ms=500").cookie(server.cookie(&visitor.token()));
    let due = Instant::now() + SLOW;
    slow.send(&request.to_bytes()).expect("the server reads the slow request");
    visitor.twin().get("/put?k=meanwhile&v=1&ms=100").expect_text("ok");
    visitor.get("/logout").expect_text("ok");
    visitor.login("bob");
    let is_in_flight = Instant::now() < due;
    let late = slow.receive(&request.to_string()).expect("the slow request is answered");
    if is_in_flight {
        // A removal would delete the cookie of the newer login.
        late.expect_status(401).expect_no_cookie();
    }
    visitor.expect_user("bob");
    assert_eq!(visitor.entries(), [].into());
}

fn racing_requests_never_revive_a_session(framework: Framework) {
    logout::racing_requests_never_revive_a_session(&Server::start(framework), 20);
}
