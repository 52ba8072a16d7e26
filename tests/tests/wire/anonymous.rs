//! Visitors who never write: they cost no session, no cookie and no memory.

use sessions_tests::{Framework, Request, Server, in_every_framework, random_token};

in_every_framework! {
    a_hundred_thousand_readers_get_no_cookie,
    ending_or_clearing_nothing_creates_nothing,
}

/// Number of requests that are sent before their responses are read.
const PIPELINED: usize = 50;

fn a_hundred_thousand_readers_get_no_cookie(framework: Framework) {
    let server = Server::start(framework);
    let with_cookie = |value: &str| Request::get("/get").cookie(server.cookie(value));
    let kinds: [&dyn Fn() -> Request; 4] =
        [&|| Request::get("/plain"), &|| Request::get("/get"), &|| with_cookie(&random_token()), &|| {
            with_cookie(&random_token()[1..])
        }];
    kinds.iter().for_each(|request| send(&server, 3_000, request));
    let before = server.resident_kib();
    kinds.iter().for_each(|request| send(&server, 34_000, request));
    if let (Some(before), Some(after)) = (before, server.resident_kib()) {
        let grown = after.saturating_sub(before);
        assert!(grown < 16 << 10, "136,000 requests without a session took {grown} KiB");
    }
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    visitor.get("/get").expect_name("iris");
}

/// Sends the requests and expects 200 without a cookie for each.
#[track_caller]
fn send(server: &Server, count: usize, request: &dyn Fn() -> Request) {
    let mut connection = server.connect();
    for _ in 0..count.div_ceil(PIPELINED) {
        if !connection.is_open() {
            connection = server.connect();
        }
        let bytes: Vec<u8> = (0..PIPELINED).flat_map(|_| request().to_bytes()).collect();
        connection.send(&bytes).expect("the server reads the requests");
        for _ in 0..PIPELINED {
            let answer = connection.receive("GET, pipelined").expect("every request is answered");
            answer.expect_ok().expect_no_cookie();
        }
    }
}

fn ending_or_clearing_nothing_creates_nothing(framework: Framework) {
    let server = Server::start(framework);
    for route in ["/logout", "/destroy", "/destroy/", "/clear", "/clear/", "/delete", "/flash/clear", "/logout_others"]
    {
        send(&server, 500, &|| Request::get(route));
    }
}
