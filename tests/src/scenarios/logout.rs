//! Logout: final, even with other requests in flight.

use std::time::{Duration, Instant};

use crate::{Request, Server, each_together, together};

/// Duration of a slow request.
pub const SLOW: Duration = Duration::from_millis(500);

/// Signs out while a slow request is in flight.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_request_in_flight_cannot_undo_a_logout(server: &Server, times: usize) {
    let mut done = 0;
    // On a busy machine a slow request may end before the logout. Such a round does not count.
    for _ in 0..10 {
        let rounds = together(times - done, |index| logout_during_a_slow_request(server, index));
        done += rounds.iter().filter(|counts| **counts).count();
        if done == times {
            return;
        }
    }
    panic!("only {done} logouts were answered while the slow request was in flight");
}

/// Signs out while 15 tabs write.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn racing_requests_never_revive_a_session(server: &Server, rounds: usize) {
    for _ in 0..rounds {
        let mut visitor = server.signed_in("ann");
        visitor.put("before", "1");
        let mut tabs = visitor.tabs(16);
        let answers = each_together(&mut tabs, |index, tab| match index {
            0 => tab.get("/logout"),
            _ => tab.get(&format!("/put?k=k{index}&v=1&ms={}", index % 4)),
        });
        visitor.expect_anonymous();
        for (tab, answer) in tabs.iter_mut().zip(answers).skip(1) {
            let is_known = matches!(answer.status(), 200 | 401);
            assert!(is_known, "expected 200 or 401, but\n{answer}");
            if answer.set_cookies().is_empty() {
                tab.expect_anonymous();
            } else {
                assert!(!tab.entries().contains_key("before"), "the old entries came back:\n{answer}");
                assert_eq!(tab.whoami().user, None);
            }
        }
    }
}

/// Returns whether the logout was done while the slow request was in flight.
fn logout_during_a_slow_request(server: &Server, index: usize) -> bool {
    let mut visitor = server.signed_in(&format!("user-{index}"));
    visitor.put("before", "1");
    let mut old = visitor.twin();
    let mut slow = server.connect();
    let request = Request::get(&format!("/put?k=late&v=1&ms={}", SLOW.as_millis()));
    let request = server.authorize(request, &visitor.token());
    let due = Instant::now() + SLOW;
    slow.send(&request.to_bytes()).expect("the server reads the slow request");
    // By the time of this response, the slow request has been running for 100 ms and has loaded the
    // session.
    visitor.twin().get("/put?k=meanwhile&v=1&ms=100").expect_text("ok");
    visitor.get("/logout").expect_text("ok");
    let is_in_flight = Instant::now() < due;
    let late = slow.receive(&request.to_string()).expect("the slow request is answered");
    if is_in_flight {
        late.expect_status(401).expect_no_cookie();
    }
    old.expect_anonymous();
    is_in_flight
}
