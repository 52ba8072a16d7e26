//! Request heads: many headers, many bytes, and slow clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sessions_minihttp::{BoxError, Request, Response, WithSessions};

use crate::support::{Client, get, run, serve, sessions, wait_until};

const LARGEST: usize = 64 * 1024;

/// Responds with the number of headers, and counts visits in a session.
fn routes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let count = request.headers().len();
    request.session()?.increment("n", 1)?;
    if request.path() == "/read" {
        std::io::copy(&mut request.body(), &mut std::io::sink())?;
    }
    response.body_vec(count.to_string().into_bytes());
    Ok(())
}

fn client() -> Client {
    Client::new(serve(sessions(), routes))
}

/// Returns a request with this many headers, the last of which is the cookie.
fn with_fields(count: usize, cookie: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: test\r\n{}Cookie: {cookie}\r\n\r\n", "X: 1\r\n".repeat(count - 2))
}

/// Returns a request whose head has this size.
fn of_size(size: usize) -> String {
    let rest = get("/", "a=");
    rest.replace("a=", &format!("a={}", "x".repeat(size - rest.len())))
}

#[test]
fn absolute_target_has_the_path_of_a_relative_one() {
    let mut client = Client::new(serve(sessions(), |request: Request<'_>, response: &mut Response| {
        response.body_vec(format!("{} {:?}", request.path(), request.query()).into_bytes());
        Ok(())
    }));
    for (target, path) in [
        ("/a", "/a None"),
        ("/a?", "/a Some(\"\")"),
        ("/a?b?c", "/a Some(\"b?c\")"),
        ("http://test/a?b=http://c/", "/a Some(\"b=http://c/\")"),
        ("http://test", "/ None"),
        ("http://test?b", "/ Some(\"b\")"),
        ("/a/http://test/b", "/a/http://test/b None"),
    ] {
        let answer = client.ask(&get(target, ""));
        assert_eq!((answer.status, answer.body.as_str()), (200, path), "{target}");
    }
}

#[test]
fn request_may_have_100_headers() {
    let mut client = client();
    let cookie = client.get("/", "").cookie().to_owned();
    for count in [2, 16, 17, 50, 100] {
        let answer = client.ask(&with_fields(count, &cookie));
        assert_eq!((answer.status, answer.body.as_str()), (200, count.to_string().as_str()));
        assert_eq!(answer.all("set-cookie").len(), 0, "the session is found behind {count} fields");
    }
    client.send((with_fields(101, &cookie) + &get("/", "")).as_bytes());
    let answer = client.receive().unwrap();
    assert_eq!((answer.status, answer.one("connection")), (431, Some("close")));
    client.assert_ended();
}

#[test]
fn head_may_have_64_kib() {
    let mut client = client();
    for size in [LARGEST - 1, LARGEST] {
        client.send((of_size(size) + &get("/", "")).as_bytes());
        assert_eq!(client.receive().unwrap().status, 200, "{size}");
        assert_eq!(client.receive().unwrap().status, 200, "the next one is found");
    }
    for piece in [1000, 4096, LARGEST] {
        of_size(LARGEST).as_bytes().chunks(piece).for_each(|piece| client.send(piece));
        assert_eq!(client.receive().unwrap().status, 200, "{piece}");
    }
}

#[test]
fn larger_head_is_refused() {
    for size in [LARGEST + 1, 2 * LARGEST, 10 * LARGEST] {
        let mut client = client();
        client.send(of_size(size).as_bytes());
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.one("connection")), (431, Some("close")), "{size}");
        client.assert_ended();
    }
}

#[test]
fn head_may_arrive_byte_by_byte() {
    let mut client = client();
    let request = "\r\n".to_owned() + &get("/", "a=b") + &get("/", "");
    for byte in request.as_bytes().chunks(1) {
        client.send(byte);
    }
    assert_eq!(client.receive().unwrap().body, "2");
    assert_eq!(client.receive().unwrap().body, "1");
}

/// Serves with timeouts so short that a test can wait for them.
fn impatient(head: Duration, idle: Duration) -> Client {
    Client::new(run(WithSessions::new(sessions(), routes).header_timeout(head).connection_timeout(idle)))
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn slow_head_is_refused() {
    let mut client = impatient(SHORT, LONG);
    assert_eq!(client.get("/", "").status, 200);
    let start = Instant::now();
    // Each byte arrives long before any timeout between two bytes would fire.
    for byte in get("/", "").as_bytes().chunks(1).take(30) {
        client.send(byte);
        std::thread::sleep(SHORT / 10);
    }
    let answer = client.receive().unwrap();
    assert_eq!((answer.status, answer.one("connection")), (408, Some("close")));
    client.assert_ended();
    assert!(start.elapsed() >= SHORT / 2);
}

#[test]
fn header_timeout_begins_with_its_first_byte() {
    let limit = Duration::from_millis(800);
    let mut client = impatient(limit, LONG);
    for _ in 0..2 {
        let request = get("/", "");
        let (first, last) = request.split_at(10);
        client.send(first.as_bytes());
        // A pause, so that they arrive separately.
        std::thread::sleep(limit / 20);
        client.send(last.as_bytes());
        assert_eq!(client.receive().unwrap().status, 200);
        std::thread::sleep(limit);
    }
}

#[test]
fn idle_connection_is_closed_silently() {
    let mut client = impatient(LONG, SHORT);
    assert_eq!(client.get("/", "").status, 200);
    client.assert_ended();
    Client::new(client.peer()).assert_ended();
    // Old clients send a line break after a form. It is not the beginning of a request, which would
    // get a 408.
    for line_break in ["\r", "\r\n"] {
        let mut client = Client::new(client.peer());
        client.send((get("/", "") + line_break).as_bytes());
        assert_eq!(client.receive().unwrap().status, 200);
        client.assert_ended();
    }
}

#[test]
fn stalled_body_times_out() {
    for (path, status, connection) in [("/read", 408, Some("close")), ("/", 200, None)] {
        let mut client = impatient(LONG, SHORT);
        client.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nbod").as_bytes());
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.one("connection")), (status, connection), "{path}");
        assert_eq!(
            answer.all("set-cookie").len(),
            usize::from(status == 200),
            "what a failed request wrote is dropped"
        );
        client.assert_ended();
    }
}

#[test]
fn slow_unread_body_ends_the_connection() {
    let mut client = impatient(LONG, SHORT);
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 30\r\n\r\n");
    assert_eq!(client.receive().unwrap().status, 200, "it does not wait for the body");
    // Each byte arrives long before any timeout between two bytes would fire.
    for _ in 0..29 {
        client.send(b"x");
        std::thread::sleep(SHORT / 10);
    }
    client.assert_ended();
}

#[test]
fn client_that_reads_nothing_times_out() {
    let (alive, calls) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    let service = {
        let (alive, calls) = (Arc::clone(&alive), Arc::clone(&calls));
        move |_: Request<'_>, response: &mut Response| -> Result<(), BoxError> {
            let _held = &alive;
            calls.fetch_add(1, Ordering::SeqCst);
            response.body_vec(vec![b'x'; 50_000_000]);
            Ok(())
        }
    };
    let address = run(WithSessions::new(sessions(), service).header_timeout(SHORT).connection_timeout(SHORT));
    let unconnected = Arc::strong_count(&alive);
    let mut client = Client::new(address);
    client.send(get("/", "").as_bytes());
    wait_until("the request has come", || calls.load(Ordering::SeqCst) == 1);
    wait_until("the connection has ended", || Arc::strong_count(&alive) == unconnected);
}

#[test]
fn zero_timeout_is_refused() {
    for (head, idle) in [(Duration::ZERO, LONG), (LONG, Duration::ZERO), (Duration::from_micros(999), LONG)] {
        let server = WithSessions::new(sessions(), routes).header_timeout(head).connection_timeout(idle);
        assert_eq!(server.start("127.0.0.1:0").unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    }
}
