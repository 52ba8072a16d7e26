//! Request bodies, read and unread, and responses without a body.

use std::io::{Read, Write};
use std::net::TcpStream;

use sessions_minihttp::{BoxError, Request, Response, block_on};

use crate::support::{Client, get, serve, service, sessions};

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
fn body_is_read_after_the_session() {
    let mut client = client();
    let text = "a b%ü".repeat(20_000);
    let answer = client.ask(&sized("/read", &text));
    assert!(answer.cookie().starts_with("id="));
    assert_eq!(answer.body, text);
}

/// Compiles only if what is read of the head does not borrow the request, which `body` consumes.
#[test]
fn head_is_usable_after_the_body() {
    let service = service(|request: Request<'_>, response: &mut Response| {
        let (sessions, method, path, query) = (request.sessions(), request.method(), request.path(), request.query());
        let fields = request.headers();
        let mut text = String::new();
        request.body().read_to_string(&mut text)?;
        let (count, fields) = (block_on(sessions.count())?, fields.len());
        response.body_vec(format!("{method} {path} {query:?} {fields} {count} {text}").into_bytes());
        Ok(())
    });
    let answer = Client::new(serve(sessions(), service)).ask(&sized("/a?b", "text"));
    assert_eq!(answer.body, "POST /a Some(\"b\") 2 0 text");
}

#[test]
fn unread_body_is_not_the_next_request() {
    let mut client = client();
    let smuggled = get("/read", "");
    for (path, answer) in [("/read", smuggled.as_str()), ("/part", "GET"), ("/", "unread"), ("/panic", "")] {
        client.send((sized(path, &smuggled) + &get("/", "")).as_bytes());
        assert_eq!(client.receive().unwrap().body, answer, "{path}");
        assert_eq!(client.receive().unwrap().body, "unread", "{path}");
    }
}

#[test]
fn late_body_is_awaited() {
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

/// The client may wait for the response before it sends the rest, and never send it after a 413.
#[test]
fn response_does_not_wait_for_the_body() {
    let mut client = client();
    let chunks = "Transfer-Encoding: chunked\r\n";
    // What comes late looks like a request, but is not one.
    let body = get("/part", "");
    let long = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (head, tail) in [
        (post("/", &format!("Content-Length: {}\r\n", body.len()), ""), body.clone()),
        (post("/", &format!("Content-Length: {}\r\n", body.len() + 3), "abc"), body),
        (post("/", chunks, ""), long.clone()),
        (post("/", chunks, "3\r\nabc\r\n"), long.clone()),
        (post("/", chunks, &long[..1]), long[1..].to_owned()),
        (post("/", chunks, &long[..9]), long[9..].to_owned()),
        (post("/", chunks, &long[..long.len() - 1]), "\n".to_owned()),
        (post("/part", chunks, &long[..9]), long[9..].to_owned()),
        (post("/panic", chunks, &long[..9]), long[9..].to_owned()),
    ] {
        client.send(head.as_bytes());
        let answer = client.receive().unwrap_or_else(|| panic!("there is no response to {head:?}"));
        assert_eq!(answer.one("connection"), None, "{head:?}");
        client.send((tail + &get("/", "")).as_bytes());
        assert_eq!(client.receive().unwrap().body, "unread", "{head:?}");
    }
    assert_eq!(client.get("/", "").body, "unread", "there was no response in between");
}

#[test]
fn response_that_closes_does_not_reset_the_body() {
    let mut client = client();
    let fields = "Connection: close\r\nContent-Length: 200000\r\n";
    client.send(post("/", fields, "").as_bytes());
    let answer = client.receive().unwrap();
    assert_eq!((answer.body.as_str(), answer.one("connection")), ("unread", Some("close")));
    client.send("x".repeat(200_000).as_bytes());
    client.assert_ended();
}

#[test]
fn responses_to_received_requests_are_written_at_once() {
    let mut stream = TcpStream::connect(serve(sessions(), routes)).unwrap();
    let requests = [sized("/", "a body"), chunked("/", "a body", 3), get("/", ""), sized("/part", "a body")];
    stream.write_all(requests.concat().as_bytes()).unwrap();
    let mut received = [0; 8192];
    let count = stream.read(&mut received).unwrap();
    let responses = std::str::from_utf8(&received[..count]).unwrap();
    assert_eq!(responses.matches("HTTP/1.1 200 Ok").count(), requests.len(), "{responses}");
}

#[test]
fn head_response_has_a_cookie_but_no_body() {
    let mut client = client();
    let request = get("/", "").replace("GET", "HEAD");
    client.send(request.repeat(2).as_bytes());
    for _ in 0..2 {
        let answer = client.receive_headers().unwrap();
        assert_eq!((answer.status, answer.one("content-length")), (200, Some("6")));
        assert!(answer.cookie().starts_with("id="));
    }
    assert_eq!(client.get("/", "").body, "unread", "there was no body in between");
}

#[test]
fn bodiless_status_has_no_body() {
    let service = service(|request: Request<'_>, response: &mut Response| {
        let status = request.path()[1..].parse()?;
        response.status_code(status, "").body("body");
        Ok(())
    });
    let mut client = Client::new(serve(sessions(), service));
    for (status, length) in [(204, None), (304, None), (205, Some("0"))] {
        let answer = client.get(&format!("/{status}"), "");
        assert_eq!((answer.status, answer.one("content-length")), (status, length));
    }
    assert_eq!(client.get("/200", "").body, "body");
}

#[test]
fn next_request_follows_any_body() {
    let mut client = client();
    for length in (15_000..40_000).step_by(250) {
        let text = "x".repeat(length);
        for path in ["/", "/read"] {
            let requests = sized(path, &text) + &sized("/read", "next");
            let (first, last) = requests.split_at(requests.len() - 50);
            client.send(first.as_bytes());
            assert_eq!(client.receive().unwrap().status, 200, "{length}");
            client.send(last.as_bytes());
            assert_eq!(client.receive().unwrap().body, "next", "{length}");
        }
    }
}

/// Returns a request with a body in chunks of this size.
fn chunked(path: &str, body: &str, size: usize) -> String {
    let chunks: String = body.as_bytes().chunks(size).fold(String::new(), |chunks, chunk| {
        let extension = if chunks.is_empty() { ";ext" } else { "" };
        chunks + &format!("{:x}{extension}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap())
    });
    post(path, "Transfer-Encoding: chunked\r\n", &(chunks + "0\r\nTrailer: 1\r\n\r\n"))
}

#[test]
fn body_may_be_chunked() {
    let mut client = client();
    let text = "0123456789".repeat(10_000);
    for size in [1, 1000, 100_000] {
        assert_eq!(client.ask(&chunked("/read", &text, size)).body, text, "{size}");
    }
    for (path, answer) in [("/part", "012"), ("/", "unread"), ("/panic", "")] {
        client.send((chunked(path, &text, 1000) + &get("/", "")).as_bytes());
        assert_eq!(client.receive().unwrap().body, answer, "{path}");
        assert_eq!(client.receive().unwrap().body, "unread", "{path}");
    }
}

#[test]
fn chunks_may_arrive_in_pieces() {
    let mut client = client();
    for piece in [1, 2, 7] {
        let request = chunked("/read", "0123456789", 3) + &get("/", "");
        for bytes in request.as_bytes().chunks(piece) {
            client.send(bytes);
        }
        assert_eq!(client.receive().unwrap().body, "0123456789", "{piece}");
        assert_eq!(client.receive().unwrap().body, "unread", "{piece}");
    }
}

#[test]
fn malformed_chunk_drops_the_writes() {
    let sessions = sessions();
    let address = serve(sessions.clone(), routes);
    for (path, status, count) in [("/read", 400, 0), ("/part", 400, 0), ("/", 200, 1)] {
        let mut client = Client::new(address);
        let smuggled = "x\r\n".to_owned() + &get("/", "");
        client.send(post(path, "Transfer-Encoding: chunked\r\n", &smuggled).as_bytes());
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.one("connection")), (status, Some("close")), "{path}");
        assert_eq!(block_on(sessions.count()).unwrap(), count, "{path}");
        client.assert_ended();
    }
}

#[test]
fn expectant_client_gets_a_100() {
    let mut client = client();
    let expecting = |path, length| post(path, &format!("Expect: 100-continue\r\nContent-Length: {length}\r\n"), "");
    client.send((get("/", "") + &expecting("/read", 4)).as_bytes());
    assert_eq!(client.receive().unwrap().body, "unread", "what came before is answered first");
    assert_eq!(client.receive_headers().unwrap().status, 100);
    client.send(b"body");
    assert_eq!(client.receive().unwrap().body, "body");

    client.send((expecting("/read", 4) + "body").as_bytes());
    assert_eq!(client.receive().unwrap().body, "body", "a client that has begun is not asked");
    for (path, body) in [("/read", "body"), ("/", "unread")] {
        client.send((expecting(path, 4) + "bo").as_bytes());
        assert_eq!(Client::new(client.peer()).get("/", "").body, "unread", "others are served meanwhile");
        client.send(b"dy");
        assert_eq!(client.receive().unwrap().body, body, "{path}");
    }

    client.send(expecting("/", 4).as_bytes());
    let answer = client.receive().unwrap();
    assert_eq!((answer.body.as_str(), answer.one("connection")), ("unread", Some("close")));
    client.assert_ended();
}

#[test]
fn response_arrives_before_a_large_unread_body() {
    // A body of known length need not even have arrived.
    for (fields, sent) in [("Content-Length: 300000\r\n", 10), ("Transfer-Encoding: chunked\r\n", 300_000)] {
        let mut client = client();
        client.send(post("/", fields, "493e0\r\n").as_bytes());
        client.send("x".repeat(sent - 7).as_bytes());
        let answer = client.receive().unwrap();
        assert_eq!((answer.body.as_str(), answer.one("connection")), ("unread", Some("close")));
        client.assert_ended();
    }
}

#[test]
fn disconnect_in_the_body_drops_the_writes() {
    let sessions = sessions();
    let mut client = Client::new(serve(sessions.clone(), routes));
    client.send(sized("/read", "a body").trim_end_matches("body").as_bytes());
    client.end();
    let answer = client.receive().unwrap();
    assert_eq!((answer.status, answer.one("set-cookie")), (400, None));
    client.assert_ended();
    assert_eq!(block_on(sessions.count()).unwrap(), 0);
}
