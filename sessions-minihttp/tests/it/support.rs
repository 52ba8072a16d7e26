//! A raw HTTP client, a server, and stores that misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use sessions_minihttp::sessions_core::Timestamp;
use sessions_minihttp::sessions_core::store::{MemoryStore, Store, StoreError, StoreErrorKind};
use sessions_minihttp::{BoxError, Request, Response, SessionId, SessionService, Sessions, WithSessions};
use sessions_store::{Changes, Created, Cursor, Page, Record, Refusal, StoreFuture};

/// Creates a manager with a readable cookie.
pub(crate) fn sessions() -> Sessions {
    Sessions::builder().secure(false).build().unwrap()
}

/// Makes such a manager the process-wide one.
pub(crate) fn set_global() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        sessions().set_global().unwrap();
    });
}

/// Serves a service until the process ends.
pub(crate) fn serve(sessions: Sessions, service: impl SessionService + Clone + Send + Sync + 'static) -> SocketAddr {
    run(WithSessions::new(sessions, service))
}

/// Starts a server on a free port, until the process ends.
pub(crate) fn run(server: WithSessions<impl SessionService + Send + 'static>) -> SocketAddr {
    server.start_with_address("127.0.0.1:0").unwrap().0
}

/// Finds a free port for a server that reports no address. Another process may take it before the
/// server does.
pub(crate) fn listen(start: impl Fn(SocketAddr) -> bool) -> SocketAddr {
    for _ in 0..100 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        if start(address) {
            return address;
        }
    }
    panic!("no port is free")
}

/// Waits for something that another thread or coroutine does.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "still not: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Coerces a closure to the type of a service.
pub(crate) fn service<F>(service: F) -> F
where
    F: FnMut(Request<'_>, &mut Response) -> Result<(), BoxError>,
{
    service
}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // Makes a hanging server fail the test instead of blocking it.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Returns a second handle, which sends while this one receives.
    pub(crate) fn try_clone(&self) -> Self {
        Self { stream: BufReader::new(self.stream.get_ref().try_clone().unwrap()) }
    }

    /// Returns the server's address.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.stream.get_ref().peer_addr().unwrap()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Reads one response; `None` if the connection has ended.
    pub(crate) fn receive(&mut self) -> Option<Answer> {
        let mut answer = self.receive_headers()?;
        let length = answer.one("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// Reads a response without a body, whatever its length header says.
    pub(crate) fn receive_headers(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).unwrap_or(0) == 0 {
                return None;
            }
        }
        let line = head.strip_prefix("HTTP/1.1 ").expect("an answer begins where the last one ended");
        let status = line.split(' ').next().unwrap().parse().unwrap();
        Some(Answer { status, head, body: String::new() })
    }

    /// Ends the client's half of the connection.
    pub(crate) fn end(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Asserts that the connection is closed properly and nothing is received before that.
    pub(crate) fn assert_ended(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.escape_ascii().to_string(), "");
        assert!(self.stream.get_ref().take_error().unwrap().is_none(), "it was reset afterwards");
    }

    pub(crate) fn ask(&mut self, request: &str) -> Answer {
        self.send(request.as_bytes());
        self.receive().unwrap()
    }

    pub(crate) fn get(&mut self, path: &str, cookie: &str) -> Answer {
        self.ask(&get(path, cookie))
    }
}

/// Returns a request as text.
pub(crate) fn get(path: &str, cookie: &str) -> String {
    let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n{cookie}\r\n")
}

impl Answer {
    /// Returns the values of all headers with a name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// Returns the value of a header that occurs at most once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{}", self.head);
        values.first().copied()
    }

    /// Returns the name-value pair of the cookie that the response sets.
    pub(crate) fn cookie(&self) -> &str {
        self.one("set-cookie").expect("a cookie is set").split(';').next().unwrap()
    }
}

/// A memory store that can be made to fail.
#[derive(Debug, Default)]
pub(crate) struct Fragile {
    inner: MemoryStore,
    pub(crate) loads_fail: AtomicBool,
    pub(crate) writes_fail: AtomicBool,
    pub(crate) writes_panic: AtomicBool,
}

impl Fragile {
    fn read<T>(&self, answer: StoreFuture<T>) -> StoreFuture<T> {
        if self.loads_fail.load(Ordering::SeqCst) { self.fail() } else { answer }
    }

    fn write<T>(&self, answer: impl FnOnce(&MemoryStore) -> StoreFuture<T>) -> StoreFuture<T> {
        assert!(!self.writes_panic.load(Ordering::SeqCst), "a store's panic");
        if self.writes_fail.load(Ordering::SeqCst) { self.fail() } else { answer(&self.inner) }
    }

    fn fail<T>(&self) -> StoreFuture<T> {
        StoreFuture::ready(Err(StoreError::new(self.name(), StoreErrorKind::Unavailable)))
    }
}

impl Store for Fragile {
    fn name(&self) -> &'static str {
        "fragile"
    }

    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
        self.read(self.inner.load(id, now))
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        self.write(|inner| inner.create(record))
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        self.write(|inner| inner.commit(base, changes))
    }
    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.write(|inner| inner.destroy(id))
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        self.write(Store::destroy_all)
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        self.read(self.inner.of_principal(principal, now))
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        self.write(|inner| inner.destroy_of_principal(principal, except))
    }

    fn count(&self) -> StoreFuture<u64> {
        self.read(self.inner.count())
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.read(self.inner.scan(from, limit, now))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        self.write(|inner| inner.sweep(limit, now))
    }
}

/// Creates a manager whose store can be made to fail.
pub(crate) fn fragile() -> (Sessions, Arc<Fragile>) {
    let store = Arc::new(Fragile::default());
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    (Sessions::builder().secure(false).store(shared).build().unwrap(), store)
}
