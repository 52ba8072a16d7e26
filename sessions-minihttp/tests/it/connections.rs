//! Persistent, closed and numerous connections.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions, block_on};

use crate::support::{Client, get, serve, service, sessions, wait_until};

fn routes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    if request.path() == "/close" {
        response.header("Connection: close");
    }
    response.body("ok");
    Ok(())
}

/// Returns a request with this `Connection` header.
fn request(version: &str, connection: &str) -> String {
    format!("GET / HTTP/{version}\r\nHost: test\r\nConnection: {connection}\r\n\r\n")
}

/// Each server would get a part of the connections.
#[test]
fn port_of_another_server_is_not_shared() {
    let address = serve(sessions(), routes);
    let second = WithSessions::new(sessions(), routes).start(address);
    assert_eq!(second.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn connection_stays_open_if_both_want_it() {
    let address = serve(sessions(), routes);
    let table = [
        ("1.1", "keep-alive", None),
        ("1.1", "", None),
        ("1.1", "close", Some("close")),
        ("1.1", "keep-alive, Close", Some("close")),
        ("1.0", "keep-alive", Some("keep-alive")),
        ("1.0", "", Some("close")),
    ];
    for (version, connection, announced) in table {
        let mut client = Client::new(address);
        client.send(request(version, connection).repeat(2).as_bytes());
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.one("connection")), (200, announced), "HTTP/{version} {connection}");
        if announced == Some("close") {
            client.assert_ended();
        } else {
            assert_eq!(client.receive().unwrap().status, 200);
        }
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let mut client = Client::new(serve(sessions(), routes));
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.receive().unwrap().body, "ok");
    client.assert_ended();
}

#[test]
fn service_may_close_its_connection() {
    let mut client = Client::new(serve(sessions(), routes));
    client.send((get("/close", "") + &get("/", "")).as_bytes());
    let answer = client.receive().unwrap();
    assert_eq!((answer.body.as_str(), answer.one("connection")), ("ok", Some("close")));
    client.assert_ended();
}

/// Closing a connection with unread bytes resets it, and the client may lose the response.
#[test]
fn bytes_after_the_last_request_reset_nothing() {
    let (began, begins) = may::sync::mpsc::channel();
    let (answer, answers) = may::sync::mpsc::channel();
    let (began, answers) = (Arc::new(Mutex::new(began)), Arc::new(Mutex::new(answers)));
    let service = service(move |request: Request<'_>, response: &mut Response| {
        began.lock().unwrap().send(())?;
        answers.lock().unwrap().recv()?;
        routes(request, response)
    });
    let address = serve(sessions(), service);
    // A pipelined request, and the line break that old clients send after a form.
    for (first, rest) in [(get("/close", ""), get("/", "")), (request("1.1", "close"), "\r\n".to_owned())] {
        let mut client = Client::new(address);
        client.send(first.as_bytes());
        begins.recv().unwrap();
        client.send(rest.as_bytes());
        answer.send(()).unwrap();
        assert_eq!(client.receive().unwrap().body, "ok");
        client.assert_ended();
    }
}

/// The end of the stream may arrive with the last request, before or after it was read.
#[test]
fn half_closed_client_is_answered() {
    let address = serve(sessions(), routes);
    for _ in 0..200 {
        let mut client = Client::new(address);
        client.send(get("/", "").as_bytes());
        assert_eq!(client.receive().unwrap().body, "ok");
        client.send(get("/", "").repeat(3).as_bytes());
        client.end();
        for _ in 0..3 {
            assert_eq!(client.receive().unwrap().body, "ok");
        }
        client.assert_ended();
    }
}

#[test]
fn many_pipelined_requests_are_answered() {
    let body = "x".repeat(1000);
    let service = service(move |request: Request<'_>, response: &mut Response| {
        response.body_vec(format!("{} {body}", request.path()).into_bytes());
        Ok(())
    });
    let mut client = Client::new(serve(sessions(), service));
    let mut other = client.try_clone();
    let sender = std::thread::spawn(move || {
        let requests: String = (0..5000).map(|n| get(&format!("/{n}"), "")).collect();
        other.send(requests.as_bytes());
    });
    for n in 0..5000 {
        assert!(client.receive().unwrap().body.starts_with(&format!("/{n} ")));
    }
    sender.join().unwrap();
}

#[test]
fn large_response_arrives_whole() {
    let large = "0123456789".repeat(1_000_000);
    let expected = large.clone();
    let service = service(move |request: Request<'_>, response: &mut Response| {
        match request.path() {
            "/large" => response.body_vec(large.clone().into_bytes()),
            _ => response.body_mut().extend_from_slice(&large.as_bytes()[..20_000]),
        }
        Ok(())
    });
    let mut client = Client::new(serve(sessions(), service));
    client.send((get("/", "") + &get("/large", "") + &get("/", "")).as_bytes());
    let lengths = [20_000, expected.len(), 20_000];
    for length in lengths {
        assert!(client.receive().unwrap().body == expected[..length], "{length}");
    }
}

#[test]
fn many_connections_are_served_at_once() {
    let service = service(|request: Request<'_>, response: &mut Response| {
        let count = request.session()?.increment("n", 1)?;
        response.body_vec(count.to_string().into_bytes());
        Ok(())
    });
    let sessions: Sessions = sessions();
    let address = serve(sessions.clone(), service);
    let mut clients: Vec<_> = (0..300).map(|_| (Client::new(address), String::new())).collect();
    // Incomplete heads must not block other connections.
    let mut halves: Vec<_> = (0..300).map(|_| Client::new(address)).collect();
    halves.iter_mut().for_each(|client| client.send(b"GET / HTTP/1.1\r\nHost"));
    for count in 1..=3 {
        clients.iter_mut().for_each(|(client, cookie)| client.send(get("/", cookie).as_bytes()));
        for (client, cookie) in &mut clients {
            let answer = client.receive().unwrap();
            assert_eq!(answer.body, count.to_string());
            if count == 1 {
                answer.cookie().clone_into(cookie);
            }
        }
    }
    halves.iter_mut().for_each(|client| client.send(b": test\r\n\r\n"));
    halves.iter_mut().for_each(|client| assert_eq!(client.receive().unwrap().body, "1"));
    assert_eq!(block_on(sessions.count()).unwrap(), 600);
}

#[test]
fn service_survives_a_disconnect() {
    let sessions = sessions();
    let service = service(|request: Request<'_>, _: &mut Response| {
        let session = request.session()?;
        may::coroutine::sleep(std::time::Duration::from_millis(50));
        session.set("n", &1)?;
        Ok(())
    });
    let address = serve(sessions.clone(), service);
    let mut client = Client::new(address);
    client.send(get("/", "").as_bytes());
    drop(client);
    wait_until("what it wrote is saved", || block_on(sessions.count()).unwrap() == 1);
}
