//! Programs written for may_minihttp.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BufMut as _;
use sessions_minihttp::sessions_core::testing::ManualClock;
use sessions_minihttp::{
    HttpServer, HttpService, HttpServiceFactory, Request, Response, Sessions, SessionsExt, WithSessions, block_on,
};

use crate::support::{Client, Fragile, listen, run, sessions, set_global};

/// A service ported by replacing only the crate's name.
#[derive(Clone)]
struct Moved;

impl HttpService for Moved {
    fn call(&mut self, req: Request<'_>, rsp: &mut Response) -> io::Result<()> {
        match req.path() {
            "/echo" => {
                let mut body = String::new();
                req.body().read_to_string(&mut body)?;
                rsp.header("Content-Type: text/plain").body_vec(body.into_bytes());
            }
            "/set" => req.session()?.set("n", &1)?,
            "/get" => {
                let n: Option<u32> = req.session()?.get("n")?;
                rsp.body_vec(format!("{n:?}").into_bytes());
            }
            "/fields" => {
                let fields: usize = req.headers().iter().map(|field| field.value.len()).sum();
                write!(rsp.body_mut().writer(), "{} {} {fields}", req.method(), req.version())?;
            }
            "/error" => return Err(io::Error::other("not for the client")),
            _ => rsp.status_code(404, "Not Found").body("nothing"),
        }
        Ok(())
    }
}

impl HttpServiceFactory for Moved {
    type Service = Self;

    fn new_service(&self, _id: usize) -> Self {
        self.clone()
    }
}

#[test]
fn ported_program_is_served() {
    set_global();
    let addresses: [SocketAddr; 3] = [
        listen(|address| HttpServer(Moved).start(address).is_ok()),
        listen(|address| Moved.start(address).is_ok()),
        run(WithSessions::new(sessions(), HttpServer(Moved))),
    ];
    for address in addresses {
        let mut client = Client::new(address);
        let answer = client.ask("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\ntext");
        assert_eq!((answer.body.as_str(), answer.one("content-type")), ("text", Some("text/plain")));
        assert_eq!(client.get("/fields", "").body, "GET 1 4");
        assert!(client.get("/set", "").cookie().contains("id="));
        let failed = client.get("/error", "");
        assert_eq!((failed.status, failed.body.as_str()), (500, ""));
        let unknown = client.get("/", "");
        assert_eq!((unknown.status, unknown.body.as_str()), (404, "nothing"));
    }
}

/// A service on may_minihttp's own server.
#[derive(Clone)]
struct Unmoved(Sessions);

impl may_minihttp::HttpService for Unmoved {
    fn call(&mut self, req: may_minihttp::Request<'_, '_, '_>, rsp: &mut may_minihttp::Response<'_>) -> io::Result<()> {
        let session = self.0.load(&req)?;
        let written = match req.path() {
            "/look" => {
                rsp.body_vec(format!("{:?}", session.get::<u32>("n")?).into_bytes());
                return Ok(());
            }
            "/login" => session.login("user-42"),
            "/logout" => {
                session.destroy();
                Ok(())
            }
            _ => session.set("n", &2),
        };
        let saved = block_on(session.save()).and(written);
        rsp.body_vec(format!("{:?}", saved.map_err(|error| error.kind())).into_bytes());
        Ok(())
    }
}

/// Starts our server and may_minihttp's with the same sessions, and returns a client of each.
fn ours_and_theirs(sessions: &Sessions) -> (Client, Client) {
    let ours = run(WithSessions::new(sessions.clone(), HttpServer(Moved)));
    let service = Unmoved(sessions.clone());
    let theirs = listen(|address| may_minihttp::HttpServer(service.clone()).start(address).is_ok());
    (Client::new(ours), Client::new(theirs))
}

#[test]
fn may_minihttps_server_uses_existing_sessions() {
    let sessions = sessions();
    let (mut ours, mut theirs) = ours_and_theirs(&sessions);
    let cookie = ours.get("/set", "").cookie().to_owned();
    assert_eq!(theirs.get("/", &cookie).body, "Ok(())");
    assert_eq!(ours.get("/get", &cookie).body, "Some(2)");
    for (path, cookie) in [("/", ""), ("/login", cookie.as_str())] {
        assert_eq!(theirs.get(path, cookie).body, "Err(HeadersSent)", "its cookie could not be sent: {path}");
    }
    assert_eq!(block_on(sessions.count()).unwrap(), 1);
    assert_eq!(theirs.get("/logout", &cookie).body, "Ok(())");
    assert_eq!(block_on(sessions.count()).unwrap(), 0);
}

/// Regression: a load began a rotation whose token nobody sent, and no other began for a minute.
#[test]
fn may_minihttps_server_begins_no_rotation() {
    let clock = Arc::new(ManualClock::default());
    let minute = Duration::from_secs(60);
    let builder = Sessions::builder().secure(false).clock(Arc::clone(&clock)).rotate_every(minute);
    let (mut ours, mut theirs) = ours_and_theirs(&builder.build().unwrap());
    let cookie = ours.get("/set", "").cookie().to_owned();
    clock.advance(minute);
    assert_eq!(theirs.get("/", &cookie).body, "Ok(())");
    let answer = ours.get("/get", &cookie);
    assert_eq!(answer.body, "Some(2)");
    assert_ne!(answer.cookie(), cookie);
}

/// Regression: a load failed if the store could not write the time of last use.
#[test]
fn may_minihttps_server_looks_while_the_store_cannot_write() {
    let (clock, store) = (Arc::new(ManualClock::default()), Arc::new(Fragile::default()));
    let builder = Sessions::builder().secure(false).clock(Arc::clone(&clock)).store(Arc::clone(&store));
    let (mut ours, mut theirs) = ours_and_theirs(&builder.build().unwrap());
    let cookie = ours.get("/set", "").cookie().to_owned();
    clock.advance(Duration::from_secs(60));
    store.writes_fail.store(true, Ordering::SeqCst);
    assert_eq!(theirs.get("/look", &cookie).body, "Some(1)");
    assert_eq!(theirs.get("/", &cookie).body, "Err(StoreUnavailable)");
}
