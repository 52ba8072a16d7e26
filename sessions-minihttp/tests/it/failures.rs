//! Services and stores that fail.

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{fmt, io};

use sessions_minihttp::{BoxError, Request, Response, Sessions, block_on};

use crate::support::{Answer, Client, fragile, get, serve, service, sessions};

const SECRET: &str = "secret-of-the-service";

/// An error as applications define them.
#[derive(Debug)]
struct OwnError<E>(E);

impl<E> fmt::Display for OwnError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET)
    }
}

impl<E: Error + 'static> Error for OwnError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn routes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    response.header("X-Answer: whole").body("answer");
    let path = request.path();
    if path == "/plain" {
        return Ok(());
    }
    let session = match path {
        "/io" => request.session().map_err(io::Error::from)?,
        "/own" => request.session().map_err(OwnError)?,
        "/own-io" => request.session().map_err(|error| OwnError(io::Error::from(error)))?,
        _ => request.session()?,
    };
    match path {
        "/set" => session.set("n", &1)?,
        "/len" => response.body_vec(session.len().to_string().into_bytes()),
        "/err" => {
            session.set("lost", &1)?;
            return Err(SECRET.into());
        }
        "/panic" => {
            session.set("lost", &1)?;
            panic!("{SECRET}");
        }
        "/logout-err" => {
            session.destroy();
            return Err(io::Error::other(SECRET).into());
        }
        "/logout-panic" => {
            session.destroy();
            panic!("{SECRET}");
        }
        "/renew-err" => {
            session.renew();
            return Err(SECRET.into());
        }
        "/immutable" => {
            session.set_immutable("plan", &2)?;
            session.set("plan", &3)?;
        }
        "/large" => session.set("n", &"x".repeat(100_000))?,
        "/end-under-way" => {
            let id = session.id().ok_or("no session")?;
            block_on(request.sessions().destroy_by_id(id))?;
            session.set("n", &4)?;
        }
        _ => {}
    }
    Ok(())
}

/// Asserts that a response is a bare status.
fn assert_bare(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{}", answer.head);
    assert_eq!((answer.one("x-answer"), answer.one("cache-control")), (None, Some("no-store")));
    assert_eq!(answer.one("retry-after"), (status == 503).then_some("1"));
    assert!(!answer.head.contains(SECRET));
}

fn client_with_session(sessions: Sessions) -> (Client, String) {
    let mut client = Client::new(serve(sessions, routes));
    let cookie = client.get("/set", "").cookie().to_owned();
    (client, cookie)
}

#[test]
fn failing_service_reveals_and_keeps_nothing() {
    let (mut client, cookie) = client_with_session(sessions());
    for path in ["/err", "/panic"] {
        let answer = client.get(path, &cookie);
        assert_bare(&answer, 500);
        assert_eq!(answer.one("set-cookie"), None);
        assert_eq!(client.get("/len", &cookie).body, "1", "on the same connection");
        let answer = client.get(path, "");
        assert_bare(&answer, 500);
        assert_eq!(answer.one("set-cookie"), None);
    }
}

#[test]
fn logout_survives_a_failing_service() {
    for path in ["/logout-err", "/logout-panic"] {
        let sessions = sessions();
        let (mut client, cookie) = client_with_session(sessions.clone());
        let answer = client.get(path, &cookie);
        assert_bare(&answer, 500);
        assert_eq!(answer.cookie(), "id=");
        assert_eq!(client.get("/len", &cookie).body, "0");
        assert_eq!(block_on(sessions.count()).unwrap(), 0);
    }
}

#[test]
fn renewal_survives_a_failing_service() {
    let (mut client, cookie) = client_with_session(sessions());
    let answer = client.get("/renew-err", &cookie);
    assert_bare(&answer, 500);
    assert_eq!(client.get("/len", answer.cookie()).body, "1");
    assert_eq!(client.get("/len", &cookie).body, "0");
}

#[test]
fn session_error_has_its_own_status() {
    let (mut client, cookie) = client_with_session(sessions());
    assert_bare(&client.get("/immutable", &cookie), 500);
    assert_bare(&client.get("/large", &cookie), 413);
    assert_eq!(client.get("/len", &cookie).body, "1");
    let interrupted = client.get("/end-under-way", &cookie);
    assert_bare(&interrupted, 401);
    assert_eq!(interrupted.one("set-cookie"), None, "the browser may hold the cookie of a newer login by now");
}

#[test]
fn failed_load_fails_only_its_routes() {
    let (sessions, store) = fragile();
    let (mut client, cookie) = client_with_session(sessions);
    store.loads_fail.store(true, Ordering::SeqCst);
    for path in ["/len", "/io", "/own", "/own-io", "/set", "/logout-err"] {
        let answer = client.get(path, &cookie);
        assert_bare(&answer, 503);
        assert_eq!((answer.one("set-cookie"), answer.one("vary")), (None, Some("Cookie")));
    }
    let plain = client.get("/plain", &cookie);
    assert_eq!((&*plain.body, plain.one("vary")), ("answer", None));
    store.loads_fail.store(false, Ordering::SeqCst);
    assert_eq!(client.get("/len", &cookie).body, "1");
}

#[test]
fn failed_write_replaces_the_response() {
    let (sessions, store) = fragile();
    let (mut client, cookie) = client_with_session(sessions);
    store.writes_fail.store(true, Ordering::SeqCst);
    for (path, cookie) in [("/set", ""), ("/logout-err", cookie.as_str())] {
        let answer = client.get(path, cookie);
        assert_bare(&answer, 503);
        assert_eq!(answer.one("set-cookie"), None);
    }
    assert_eq!(client.get("/read-only", "").body, "answer", "there was nothing to write");
    store.writes_fail.store(false, Ordering::SeqCst);
    assert_eq!(client.get("/len", &cookie).body, "1");
}

/// What the connection has not sent yet is not lost either.
#[test]
fn panicking_store_fails_only_its_request() {
    let (sessions, store) = fragile();
    let (mut client, cookie) = client_with_session(sessions);
    store.writes_panic.store(true, Ordering::SeqCst);
    let requests = [get("/len", &cookie), get("/set", ""), get("/logout-err", &cookie), get("/len", &cookie)];
    client.send(requests.concat().as_bytes());
    assert_eq!(client.receive().unwrap().body, "1");
    for _ in 0..2 {
        let answer = client.receive().unwrap();
        assert_bare(&answer, 500);
        assert_eq!(answer.one("set-cookie"), None);
    }
    assert_eq!(client.receive().unwrap().body, "1");
}

#[test]
fn saved_cookie_is_sent_if_the_commit_fails() {
    let (sessions, store) = fragile();
    let service = {
        let store = Arc::clone(&store);
        service(move |request: Request<'_>, response: &mut Response| {
            let session = request.session()?;
            if request.path() == "/len" {
                response.body_vec(session.len().to_string().into_bytes());
                return Ok(());
            }
            session.set("saved", &1)?;
            block_on(session.save())?;
            session.set("lost", &2)?;
            store.writes_fail.store(true, Ordering::SeqCst);
            Ok(())
        })
    };
    let mut client = Client::new(serve(sessions, service));
    let answer = client.get("/", "");
    assert_bare(&answer, 503);
    assert_eq!(client.get("/len", answer.cookie()).body, "1");
}

#[test]
fn pipelined_failure_affects_no_others() {
    let (mut client, cookie) = client_with_session(sessions());
    let paths = ["/len", "/panic", "/len", "/err", "/set", "/len"];
    client.send(paths.map(|path| get(path, &cookie)).concat().as_bytes());
    let statuses = paths.map(|_| client.receive().unwrap().status);
    assert_eq!(statuses, [200, 500, 200, 500, 200, 200]);
}

#[test]
fn only_a_body_error_is_the_fault_of_the_client() {
    let service = service(|request: Request<'_>, _: &mut Response| {
        let path = request.path();
        let error = request.body().read_to_end(&mut Vec::new()).expect_err("the body is cut off");
        match path {
            "/plain" => Err(error.into()),
            "/own" => Err(OwnError(error).into()),
            "/io" => Err(io::Error::other(OwnError(error)).into()),
            // It did without the body, and failed later.
            "/later" => Err(SECRET.into()),
            _ => Err(io::Error::from(error.kind()).into()),
        }
    });
    let address = serve(sessions(), service);
    for (path, status) in [("/plain", 400), ("/own", 400), ("/io", 400), ("/later", 500), ("/later-io", 500)] {
        let mut client = Client::new(address);
        client.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\ncut off").as_bytes());
        client.end();
        assert_bare(&client.receive().unwrap(), status);
        client.assert_ended();
    }
}
