//! Malformed requests, and requests whose end is ambiguous.

use sessions_minihttp::{BoxError, Request, Response};

use crate::support::{Client, get, serve, sessions};

fn routes(_: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    response.body("served");
    Ok(())
}

/// Sends a request followed by another, and asserts that neither is served.
fn assert_refused(client: &mut Client, request: &str, status: u16) {
    client.send((get("/", "") + request + &get("/smuggled", "")).as_bytes());
    assert_eq!(client.receive().unwrap().body, "served", "what came before is answered: {request:?}");
    let answer = client.receive().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{request:?}");
    assert_eq!(answer.one("connection"), Some("close"), "{request:?}");
    assert_eq!(answer.all("set-cookie").len(), 0);
    client.assert_ended();
}

#[test]
fn ambiguous_request_end_is_refused() {
    let address = serve(sessions(), routes);
    let table = [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 5, 5\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: x\r\n", 400),
        ("Content-Length: 99999999999999999999\r\n", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding:\r\n", 400),
        ("Transfer-Encoding: \x0bchunked\r\n", 400),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding\r\n : chunked\r\n", 400),
        ("X: 1\r\n Transfer-Encoding: chunked\r\n", 400),
        ("X: 1\rTransfer-Encoding: chunked\r\n", 400),
        ("X: 1\nTransfer-Encoding: chunked\r\n", 400),
        ("X: 1\0\r\n", 400),
        ("Host: other\r\n", 400),
        ("Transfer-Encoding: gzip\r\n", 501),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding: identity\r\n", 501),
    ];
    for (fields, status) in table {
        let request = format!("POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
        assert_refused(&mut Client::new(address), &request, status);
    }
}

#[test]
fn malformed_request_line_is_refused() {
    let address = serve(sessions(), routes);
    let table = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET /\r\nHost: test\r\n\r\n", 400),
        ("GET / a HTTP/1.1\r\nHost: test\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: test\n\n", 400),
        ("GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{7f}", 400),
    ];
    for (request, status) in table {
        assert_refused(&mut Client::new(address), request, status);
    }
}

#[test]
fn refusal_is_a_complete_response() {
    let mut client = Client::new(serve(sessions(), routes));
    client.send(b"GET / HTTP/3.0\r\n\r\n");
    let answer = client.receive().unwrap();
    assert!(answer.head.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\nDate: "), "{}", answer.head);
    assert_eq!(answer.one("cache-control"), Some("no-store"));
    assert_eq!(answer.one("content-length"), Some("0"));
}
