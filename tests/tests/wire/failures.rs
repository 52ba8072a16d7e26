//! Failing requests: they change nothing, reveal nothing and break nothing.

use sessions_tests::{Framework, Request, Response, Server, Visitor, in_every_framework, query, together};

in_every_framework! {
    a_failed_request_stores_nothing,
    a_panic_stores_nothing,
    many_panics_leave_the_server_working,
    a_lack_of_descriptors_ends_no_server,
    a_hang_up_leaves_the_session_intact,
    a_truncated_request_does_no_harm,
    garbage_instead_of_a_request_does_no_harm,
    a_write_beyond_the_size_changes_nothing,
    a_write_beyond_the_key_limit_is_refused,
    a_body_that_is_no_json_object_is_refused,
    a_refusal_names_the_mistake,
}

/// Expects a body that reveals no internals.
#[track_caller]
fn expect_bare(answer: &Response) {
    let text = answer.text().to_lowercase();
    for word in ["panic", ".rs", "unwrap", "sessions_", "store", "secret", "token"] {
        assert!(!text.contains(word), "the body contains {word:?}:\n{answer}");
    }
    assert!(text.len() < 200, "the body is long:\n{answer}");
}

fn a_failed_request_stores_nothing(framework: Framework) {
    let server = Server::start(framework);
    let answer = server.visitor().get("/fail").expect_status(500).expect_no_cookie();
    expect_bare(&answer);
    let mut visitor = server.signed_in("ann");
    visitor.put("kept", "1");
    let before = visitor.entries();
    visitor.get("/fail").expect_status(500).expect_no_cookie();
    assert_eq!(visitor.entries(), before);
    visitor.expect_user("ann");
}

/// Triggers a panic and expects the framework's way to report it.
#[track_caller]
fn panic_at(server: &Server, request: &Request) {
    match server.try_ask(request) {
        Ok(answer) => {
            assert!(server.framework().responds_to_panics(), "expected a closed connection, but\n{answer}");
            let answer = answer.expect_status(500).expect_no_cookie();
            expect_bare(&answer);
        }
        Err(error) => assert!(!server.framework().responds_to_panics(), "expected a 500, but {error}"),
    }
}

fn a_panic_stores_nothing(framework: Framework) {
    let server = Server::start(framework);
    panic_at(&server, &Request::get("/panic"));
    let mut visitor = server.signed_in("ann");
    visitor.put("kept", "1");
    let before = visitor.entries();
    panic_at(&server, &Request::get("/panic").cookie(server.cookie(&visitor.token())));
    assert_eq!(visitor.entries(), before);
    visitor.expect_user("ann");
    visitor.put("after", "1");
}

fn many_panics_leave_the_server_working(framework: Framework) {
    let server = Server::start(framework);
    let visitor = server.signed_in("ann");
    let panicking = Request::get("/panic").cookie(server.cookie(&visitor.token()));
    together(8, |_| (0..25).for_each(|_| panic_at(&server, &panicking)));
    together(8, |index| {
        let mut tab = visitor.twin();
        tab.expect_user("ann");
        tab.put(&index.to_string(), "1");
        server.visitor().get("/set").expect_ok();
    });
}

/// Accepting a connection fails then, and goes on later.
fn a_lack_of_descriptors_ends_no_server(framework: Framework) {
    let server = Server::start(framework);
    // Starting opens files, too, and has ended when a request is answered.
    server.ask(&Request::get("/plain")).expect_ok();
    if !server.limit_open_files(0) {
        return;
    }
    let mut waiting = server.connect();
    assert!(server.limit_open_files(1024));
    waiting.exchange(&Request::get("/plain")).expect("the connection is accepted later").expect_ok();
    server.ask(&Request::get("/plain")).expect_ok();
}

fn a_hang_up_leaves_the_session_intact(framework: Framework) {
    let server = Server::start(framework);
    together(40, |round| {
        let mut visitor = server.visitor();
        visitor.put("before", "1");
        let request = Request::get(&format!("/put?k=half&v=1&ms={}", round % 20));
        let mut connection = server.connect();
        let request = request.cookie(server.cookie(&visitor.token()));
        connection.send(&request.to_bytes()).expect("the server reads the request");
        connection.hang_up();
        // By the time of this response, the other request could have ended.
        visitor.get("/put?k=after&v=1&ms=100").expect_text("ok");
        let mut entries = visitor.entries();
        if let Some(value) = entries.remove("half") {
            assert_eq!(value, "1");
        }
        let whole = ["after", "before"].map(|key| (key.to_owned(), "1".to_owned()));
        assert_eq!(entries, whole.into());
    });
}

fn a_truncated_request_does_no_harm(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let before = visitor.entries();
    let field = server.cookie(&visitor.token());
    let whole = Request::post_json("/set/", r#"{"half":"1"}"#).cookie(field).to_bytes();
    for length in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&whole[..length]).expect("the server reads the request");
        connection.hang_up();
    }
    visitor.expect_user("ann");
    assert_eq!(visitor.entries(), before);
}

fn garbage_instead_of_a_request_does_no_harm(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let requests: [&[u8]; 7] = [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /set HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /set HTTP/1.1\r\nHost: localhost\r\nCookie\r\n\r\n",
        b"GET /set HTTP/1.1\r\nHost: localhost\r\n: __Host-id=x\r\n\r\n",
        b"GET /set HTTP/1.1\r\nHost: localhost\r\nCookie: \xff\x00\xff\r\n\r\n",
    ];
    for request in requests {
        let mut connection = server.connect();
        // A server that has read enough may close the connection at any time.
        let _ = connection.send(request);
        connection.hang_up();
        visitor.expect_user("ann");
    }
}

fn a_write_beyond_the_size_changes_nothing(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let large = "x".repeat(30_000);
    let put = |key: &str| query("/put", &[("k", key), ("v", &large)]);
    visitor.put("first", &large);
    visitor.put("second", &large);
    let before = visitor.entries();
    let refused = visitor.get(&put("third")).expect_failure().expect_no_cookie();
    expect_bare(&refused);
    assert_eq!(visitor.entries(), before);
    let body = serde_json::json!({ "huge": "x".repeat(70_000) }).to_string();
    visitor.post("/set/", &body).expect_failure().expect_no_cookie();
    server.visitor().post("/set/", &body).expect_failure().expect_no_cookie();
    assert_eq!(visitor.entries(), before);
    visitor.expect_user("ann");
    // Only the size was refused: the session accepts other writes.
    visitor.put("third", "small");
    assert_eq!(visitor.entries()["third"], "small");
}

fn a_write_beyond_the_key_limit_is_refused(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.post("/set/", &keys(0..200)).expect_ok();
    let before = visitor.entries();
    assert_eq!(before.len(), 200);
    visitor.post("/set/", &keys(100..400)).expect_failure().expect_no_cookie();
    assert_eq!(visitor.entries(), before);
    write_again(&mut visitor);
}

fn keys(range: std::ops::Range<usize>) -> String {
    let entries: Vec<String> = range.map(|index| format!("\"k{index}\":\"v\"")).collect();
    format!("{{{}}}", entries.join(","))
}

fn write_again(visitor: &mut Visitor<'_>) {
    visitor.put("k1", "changed");
    assert_eq!(visitor.entries()["k1"], "changed");
}

fn a_body_that_is_no_json_object_is_refused(framework: Framework) {
    let server = Server::start(framework);
    for body in ["", "{", "[1,2]", "null", "\"text\"", "{\"a\":1", "\u{feff}{}"] {
        let answer = server.visitor().post("/set/", body).expect_no_cookie();
        assert!((400..500).contains(&answer.status()), "expected 4xx for {body:?}, but\n{answer}");
    }
}

fn a_refusal_names_the_mistake(framework: Framework) {
    let server = Server::start(framework);
    for (route, status, reason) in [
        ("/login", 400, "user is missing; try /login?user=ann"),
        ("/incr?k=n&by=x", 400, "by is not an integer"),
        ("/nowhere", 404, "not found; / lists the routes"),
        ("/fail", 500, "failed as requested"),
    ] {
        let answer = server.visitor().get(route).expect_status(status).expect_no_cookie();
        assert_eq!(answer.text(), reason, "{answer}");
    }
}
