//! Bodies, read and unread, and answers without one.

use std::io::Read;

use sessions_minihttp::{BoxError, Request, Response};

use crate::support::{Client, get, serve, sessions};

fn routes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let session = request.session()?;
    session.increment("n", 1)?;
    match request.path() {
        "/read" => {
            let mut text = String::new();
            request.body().read_to_string(&mut text)?;
            response.body_vec(text.into_bytes());
        }
        "/part" => {
            let mut text = String::new();
            request.body().take(3).read_to_string(&mut text)?;
            response.body_vec(text.into_bytes());
        }
        "/panic" => {
            let mut body = request.body();
            body.read_exact(&mut [0])?;
            panic!("with a body half read");
        }
        _ => response.body("unread"),
    }
    Ok(())
}

fn client() -> Client {
    Client::new(serve(sessions(), routes))
}

fn post(path: &str, fields: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n{body}")
}

fn sized(path: &str, body: &str) -> String {
    post(path, &format!("Content-Length: {}\r\n", body.len()), body)
}

#[test]
fn a_body_is_read_after_the_session_was_started() {
    let mut client = client();
    let text = "a b%ü".repeat(20_000);
    let answer = client.ask(&sized("/read", &text));
    assert!(answer.cookie().starts_with("id="));
    assert_eq!(answer.body, text);
}

#[test]
fn what_is_left_of_a_body_is_not_the_next_request() {
    let mut client = client();
    let smuggled = get("/read", "");
    for (path, answer) in [("/read", smuggled.as_str()), ("/part", "GET"), ("/", "unread"), ("/panic", "")] {
        client.send((sized(path, &smuggled) + &get("/", "")).as_bytes());
        assert_eq!(client.receive().unwrap().body, answer, "{path}");
        assert_eq!(client.receive().unwrap().body, "unread", "{path}");
    }
}

#[test]
fn a_body_that_comes_late_is_waited_for() {
    let mut client = client();
    for path in ["/read", "/part", "/", "/panic"] {
        let request = sized(path, "late body");
        let (head, tail) = request.split_at(request.len() - 7);
        client.send(head.as_bytes());
        assert_eq!(Client::new(client.peer()).get("/", "").body, "unread", "others are served meanwhile");
        client.send(tail.as_bytes());
        assert!(client.receive().is_some());
        assert_eq!(client.get("/", "").body, "unread");
    }
}

#[test]
fn a_body_of_unknown_length_ends_the_connection() {
    let lengths =
        ["Content-Length: x\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n", "Transfer-Encoding: chunked\r\n"];
    for fields in lengths {
        for path in ["/read", "/"] {
            let mut client = client();
            client.send(post(path, fields, &get("/", "")).as_bytes());
            assert!(client.receive().is_none(), "{fields}");
            assert_eq!(Client::new(client.peer()).get("/", "").status, 200);
        }
    }
}

#[test]
fn head_is_answered_without_a_body_and_with_the_cookie() {
    let mut client = client();
    let request = get("/", "").replace("GET", "HEAD");
    client.send(request.repeat(2).as_bytes());
    for _ in 0..2 {
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert!(answer.cookie().starts_with("id="));
    }
    assert_eq!(client.get("/", "").body, "unread");
}
