//! The counter of visits, which a page displays from a stream of events.

use std::time::{Duration, Instant};

use sessions_tests::{Framework, Nginx, Request, Response, Server, in_every_framework, in_frameworks_that_stream};

in_every_framework! {
    a_stranger_gets_no_stream,
    a_stream_begins_with_the_count,
    a_head_request_gets_no_stream,
}

in_frameworks_that_stream! {
    a_stream_follows_other_connections,
    a_logout_in_another_tab_ends_the_stream,
    a_logout_on_another_device_ends_the_stream,
    a_login_ends_the_stream_of_the_old_token,
    a_stream_passes_nginx_at_once,
    a_shutdown_ends_open_streams,
}

/// Maximum time for a demo with an open stream to end. actix-web would drop the stream after 30
/// seconds.
const PROMPT: Duration = Duration::from_secs(10);

fn a_stranger_gets_no_stream(framework: Framework) {
    let server = Server::start(framework);
    server.visitor().get("/visits").expect_status(204).expect_no_cookie();
    let mut visitor = server.signed_in("ann");
    let mut follower = visitor.twin();
    visitor.get("/logout").expect_ok();
    follower.get("/visits").expect_status(204).expect_no_cookie();
}

fn a_stream_begins_with_the_count(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    visitor.get("/incr?k=visits&by=3").expect_text("3");
    if framework.streams_bodies() {
        let mut events = visitor.follow("/visits");
        expect_head(events.head());
        assert_eq!(events.next().as_deref(), Some("3"));
    } else {
        let answer = visitor.get("/visits").expect_no_cookie();
        expect_head(&answer);
        assert_eq!(answer.text(), "retry: 1000\ndata: 3\n\n");
    }
}

#[track_caller]
fn expect_head(answer: &Response) {
    assert_eq!((answer.status(), answer.field("Content-Type")), (200, Some("text/event-stream")), "{answer}");
    assert_eq!((answer.list("Vary"), answer.list("Cache-Control")), (vec!["cookie".into()], vec!["no-store".into()]));
    assert!(answer.set_cookies().is_empty(), "{answer}");
}

fn a_head_request_gets_no_stream(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let answer = visitor.ask(Request::new("HEAD", "/visits"));
    expect_head(&answer);
    // The response has ended, so its connection is free.
    visitor.expect_user("ann");
}

fn a_stream_follows_other_connections(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.put("a", "1");
    let mut events = visitor.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("0"));
    for count in ["1", "2"] {
        visitor.get("/incr?k=visits").expect_text(count);
        assert_eq!(events.next().as_deref(), Some(count));
    }
    // A change of another entry raises no event.
    visitor.put("a", "2");
    events.wait_for_comment("no change");
    visitor.get("/clear").expect_ok();
    assert_eq!(events.next().as_deref(), Some("0"));
}

fn a_logout_in_another_tab_ends_the_stream(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let mut events = visitor.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("0"));
    visitor.get("/logout").expect_ok();
    assert_eq!(events.next(), None);
}

fn a_logout_on_another_device_ends_the_stream(framework: Framework) {
    let server = Server::start(framework);
    let (mut phone, mut laptop) = (server.signed_in("ann"), server.signed_in("ann"));
    let mut events = phone.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("0"));
    laptop.get("/logout_others").expect_ok();
    assert_eq!(events.next(), None);
    phone.get("/visits").expect_status(204).expect_no_cookie();
}

fn a_login_ends_the_stream_of_the_old_token(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/incr?k=visits").expect_text("1");
    let mut events = visitor.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("1"));
    visitor.login("ann");
    assert_eq!(events.next(), None);
    let mut events = visitor.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("1"));
    visitor.get("/incr?k=visits").expect_text("2");
    assert_eq!(events.next().as_deref(), Some("2"));
}

fn a_stream_passes_nginx_at_once(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::buffering(&server) else { return };
    let mut visitor = server.signed_in("ann");
    let mut events = visitor.follow_over(nginx.connect(), "/visits");
    for count in ["0", "1"] {
        assert_eq!(events.next().as_deref(), Some(count));
        visitor.get("/incr?k=visits").expect_ok();
    }
}

fn a_shutdown_ends_open_streams(framework: Framework) {
    let server = Server::start(framework);
    let visitor = server.signed_in("ann");
    let mut streams = [visitor.follow("/visits"), visitor.follow("/visits")];
    for events in &mut streams {
        assert_eq!(events.next().as_deref(), Some("0"));
    }
    let signalled = Instant::now();
    server.signal("TERM");
    for events in &mut streams {
        assert_eq!(events.next(), None);
    }
    // The clients keep their connections, as browsers do.
    let status = server.exit_status();
    assert!(status.success() && signalled.elapsed() < PROMPT, "{status} after {:?}", signalled.elapsed());
}
