//! Streams of events that repeatedly load their session from a store that servers share.

use std::time::Instant;

use sessions_tests::{Framework, Options, PATIENCE, Visitor, in_frameworks_that_stream};
use test_servers::{Options as Redis, Server};

in_frameworks_that_stream! {
    a_stream_shows_what_another_server_writes,
    a_stream_outlives_an_outage,
    a_stream_loads_each_second_until_its_client_leaves,
}

fn a_stream_shows_what_another_server_writes(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Server::start();
    let [server, other] = [framework, Framework::Minihttp].map(|each| Options::new(each).store(&redis.url()).start());
    let visitor = server.signed_in("ann");
    let mut elsewhere = other.visitor_with(&visitor.token());
    let mut events = visitor.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("0"));
    elsewhere.get("/incr?k=visits&by=7").expect_text("7");
    assert_eq!(events.next().as_deref(), Some("7"));
    elsewhere.get("/logout").expect_ok();
    assert_eq!(events.next(), None);
}

/// An outage signs nobody out.
fn a_stream_outlives_an_outage(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let mut redis = Redis::new().durable().start();
    let server = Options::new(framework).store(&redis.url()).start();
    let mut visitor = server.signed_in("ann");
    let mut events = visitor.follow("/visits");
    assert_eq!(events.next().as_deref(), Some("0"));
    redis.kill();
    events.wait_for_comment("try again");
    redis.restart();
    events.wait_for_comment("no change");
    visitor.get("/incr?k=visits").expect_text("1");
    assert_eq!(events.next().as_deref(), Some("1"));
    visitor.get("/logout").expect_ok();
    assert_eq!(events.next(), None);
}

fn a_stream_loads_each_second_until_its_client_leaves(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Server::start();
    let server = Options::new(framework).store(&redis.url()).start();
    let mut events = server.signed_in("ann").follow("/visits");
    assert_eq!(events.next().as_deref(), Some("0"));
    let loads = loads_during(&redis, || (0..3).for_each(|_| events.wait_for_comment("no change")));
    // On a busy machine, the next load may come before the count ends.
    assert!((3..=4).contains(&loads), "{loads} loads in three seconds");
    drop(events);
    let mut eve = server.signed_in("eve");
    let deadline = Instant::now() + PATIENCE;
    while loads_in_two_seconds(&redis, &mut eve) > 1 {
        assert!(Instant::now() < deadline, "the session is loaded for a client that has left");
    }
}

/// Returns the number of loads during a slow request, including its own.
fn loads_in_two_seconds(redis: &Server, visitor: &mut Visitor<'_>) -> usize {
    loads_during(redis, || drop(visitor.get("/put?k=slow&v=1&ms=2000").expect_ok()))
}

fn loads_during(redis: &Server, work: impl FnOnce()) -> usize {
    let commands = redis.commands_during(work);
    commands.iter().filter(|words| words[0].eq_ignore_ascii_case("GET")).count()
}
