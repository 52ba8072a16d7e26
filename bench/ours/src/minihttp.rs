//! may_minihttp with and without sessions, called over a connection.

mod client;

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use harness::{Answer, Subject};
use may::coroutine::{self, JoinHandle};
use may_minihttp::{HttpServer, HttpService};
use sessions_minihttp::{BoxError, Sessions, WithSessions};

pub(crate) use client::is_client;
use client::{Client, Page};

/// A server on its own port. Its client is another process, whose work is not counted.
///
/// The client pipelines 64 requests. The counts therefore cover may_minihttp's parser, the service,
/// the writing of responses, and a 64th of the socket's work.
pub(crate) struct Minihttp {
    port: u16,
    client: Client,
}

impl Minihttp {
    pub(crate) fn new(sessions: Option<Sessions>) -> Self {
        let port = free_port();
        let _server = start(port, sessions);
        Self { port, client: Client::start(port) }
    }
}

impl Subject for Minihttp {
    type Response = Page;

    async fn get(&mut self, path: &str, cookie: Option<&str>) -> Page {
        client::get(self.port, path, cookie)
    }

    fn status(page: &Page) -> u16 {
        page.status()
    }

    async fn read(page: Page) -> Answer {
        Answer::new(page.set_cookies(), page.body())
    }

    async fn burst(&mut self, path: &str, cookie: Option<&str>, times: u64) {
        self.client.burst(path, cookie, times);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a port is free").port()
}

pub(crate) fn serve(port: u16, sessions: Option<Sessions>) {
    start(port, sessions).join().expect("the server does not panic");
}

fn start(port: u16, sessions: Option<Sessions>) -> JoinHandle<()> {
    may::config().set_workers(1);
    let address = ("127.0.0.1", port);
    let server = match sessions {
        None => HttpServer(Bare).start(address),
        Some(sessions) => WithSessions::new(sessions, handle).start(address),
    };
    server.expect("the port is free")
}

#[derive(Clone)]
struct Bare;

/// The same texts as with sessions.
impl HttpService for Bare {
    fn call(
        &mut self,
        request: may_minihttp::Request<'_, '_, '_>,
        response: &mut may_minihttp::Response<'_>,
    ) -> io::Result<()> {
        static N: AtomicI64 = AtomicI64::new(1);
        response.header("Content-Type: text/plain; charset=utf-8");
        match request.path() {
            "/plain" | "/login" => response.body("ok"),
            "/read" => response.body_vec(harness::read_without_session().into_bytes()),
            "/write" => response.body_vec(N.fetch_add(1, Ordering::Relaxed).to_string().into_bytes()),
            _ => drop(response.status_code(404, "Not Found")),
        }
        Ok(())
    }
}

fn handle(request: sessions_minihttp::Request<'_>, response: &mut sessions_minihttp::Response) -> Result<(), BoxError> {
    response.header("Content-Type: text/plain; charset=utf-8");
    let query = request.query().unwrap_or_default();
    match request.path() {
        "/plain" => {
            response.body("ok");
        }
        "/login" => {
            let session = request.session()?;
            session.set("user", "ann")?;
            session.set("n", &1)?;
            session.set("theme", "dark")?;
            response.body("ok");
        }
        "/read" => {
            let session = request.session()?;
            let user: String = session.get("user")?.unwrap_or_default();
            let n: i64 = session.get("n")?.unwrap_or_default();
            response.body_vec(format!("{user} {n}").into_bytes());
        }
        "/write" => {
            response.body_vec(request.session()?.increment("n", 1)?.to_string().into_bytes());
        }
        "/set" => {
            let session = request.session()?;
            let _user: Option<String> = session.get("user")?;
            coroutine::sleep(Duration::from_millis(2));
            session.set(query.strip_prefix("k=").unwrap_or_default(), &1)?;
            response.body("ok");
        }
        "/keys" => {
            response.body_vec(crate::keys(&request.session()?).into_bytes());
        }
        _ => {
            response.status_code(404, "Not Found");
        }
    }
    Ok(())
}
