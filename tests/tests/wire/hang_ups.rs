//! Clients that disconnect during their request.

use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::{Framework, HangUp, PATIENCE, Request, Server, Visitor, in_every_framework};

in_every_framework! {
    a_hang_up_does_not_stop_a_logout,
    a_hang_up_drops_the_write_with_its_handler,
}

/// Duration of the requests of these clients.
const SLOW: Duration = Duration::from_millis(1_500);

/// Time that must remain when the client disconnects, so that the server can notice in time.
const LEFT: Duration = Duration::from_millis(1_000);

/// Regression: a handler was dropped together with its `destroy`, so that a client that
/// disconnected stayed signed in.
fn a_hang_up_does_not_stop_a_logout(framework: Framework) {
    let server = Server::start(framework);
    for hang_up in [HangUp::Close, HangUp::Reset] {
        let mut visitor = server.signed_in("ann");
        hang_up_during("/logout?ms=1500", hang_up, &server, &visitor);
        wait_until(&mut visitor, |visitor| visitor.whoami().user.is_none());
        visitor.expect_anonymous();
    }
}

fn a_hang_up_drops_the_write_with_its_handler(framework: Framework) {
    let server = Server::start(framework);
    for hang_up in [HangUp::Close, HangUp::Reset] {
        let mut visitor = server.visitor();
        visitor.put("before", "1");
        hang_up_during("/put?k=late&v=1&ms=1500", hang_up, &server, &visitor);
        if !framework.drops_handlers(hang_up) {
            wait_until(&mut visitor, |visitor| visitor.entries().contains_key("late"));
            continue;
        }
        // By the time of this response, the other request would have written.
        visitor.get("/put?k=after&v=1&ms=2000").expect_text("ok");
        let keys: Vec<String> = visitor.entries().into_keys().collect();
        assert_eq!(keys, ["after", "before", "meanwhile"], "{hang_up:?}");
    }
}

/// Sends a slow request with the visitor's cookie, and disconnects while the server handles it.
#[track_caller]
fn hang_up_during(target: &str, hang_up: HangUp, server: &Server, visitor: &Visitor<'_>) {
    let slow = Request::get(target).cookie(server.cookie(&visitor.token())).to_bytes();
    let sent = match hang_up {
        HangUp::Close => slow,
        // The system resets a connection that is closed with unread bytes: here the response to a
        // first request.
        HangUp::Reset => [Request::get("/plain").to_bytes(), slow].concat(),
    };
    // On a busy machine, the request may be nearly over before its client disconnects. Such a round
    // does not count.
    for _ in 0..10 {
        let mut connection = server.connect();
        let due = Instant::now() + SLOW;
        connection.send(&sent).expect("the server reads the requests");
        // By the time of this response, the slow request has been running for 100 ms.
        visitor.twin().get("/put?k=meanwhile&v=1&ms=100").expect_text("ok");
        let left = due.saturating_duration_since(Instant::now());
        drop(connection);
        if left >= LEFT {
            return;
        }
    }
    panic!("no client disconnected in time");
}

#[track_caller]
fn wait_until(visitor: &mut Visitor<'_>, is_so: impl Fn(&mut Visitor<'_>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so(visitor) {
        assert!(Instant::now() < deadline, "the request of the disconnected client had no effect");
        thread::sleep(Duration::from_millis(5));
    }
}
