//! Clients that disconnect, over real sockets, with HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn as client;
use hyper::header::{COOKIE, SET_COOKIE};
use hyper::server::conn as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_conformance::{Gate, SlowStore, Verb};
use sessions_hyper::sessions_core::store::MemoryStore;
use sessions_hyper::{SessionService, Sessions, session};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

type Body = Full<Bytes>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    Http1,
    Http2,
}

/// What the server reports to the tests.
#[derive(Debug, PartialEq)]
enum News {
    /// The handler has acted.
    Done,
    /// The handler is over.
    Left,
    /// A session has ended.
    Ended,
}

type Teller = UnboundedSender<News>;

struct Leaving(Teller);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.send(News::Left).unwrap();
    }
}

/// Acts according to the path, and reports it.
async fn handle(request: Request<Incoming>, teller: Teller) -> Result<Response<Body>, Infallible> {
    let session = session(&request).await.unwrap();
    let path = request.uri().path().to_owned();
    let _leaving = path.starts_with("/act").then(|| Leaving(teller.clone()));
    match path.as_str() {
        "/login" => session.login("iris").unwrap(),
        "/look" => {}
        _ if path.contains("leave") => session.destroy(),
        _ => session.set("written", &true).unwrap(),
    }
    if path.starts_with("/act") {
        teller.send(News::Done).unwrap();
    }
    let mut response = Response::new(Body::from(format!("{:?} {}", session.principal(), session.contains("written"))));
    if path.ends_with("wait") {
        pending::<()>().await;
    }
    if path.ends_with("read") && request.into_body().collect().await.is_err() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

struct Server {
    address: SocketAddr,
    version: Version,
    sessions: Sessions,
    gate: Gate,
    news: UnboundedReceiver<News>,
}

/// A sent request, and the task that drives its connection.
struct Sent {
    answer: JoinHandle<hyper::Result<Response<Incoming>>>,
    connection: JoinHandle<()>,
    version: Version,
}

impl Sent {
    /// Closes the connection, or resets the stream if the connection carries others.
    fn hang_up(self) {
        self.answer.abort();
        if self.version == Version::Http1 {
            self.connection.abort();
        }
    }
}

impl Server {
    /// Serves on its own port. Writes to the store wait while the gate is closed.
    async fn start(version: Version) -> Self {
        let (teller, news) = unbounded_channel();
        let gate = Gate::opened();
        let writes = [Verb::Create, Verb::Commit, Verb::Destroy];
        let store = SlowStore::holding_calls(MemoryStore::default(), gate.clone(), &writes);
        let sessions = Sessions::builder().store(store).sweep_every(None).build().unwrap();
        let listener = teller.clone();
        sessions.on_destroy(move |_, _| listener.send(News::Ended).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let manager = sessions.clone();
        tokio::spawn(async move {
            loop {
                let io = TokioIo::new(listener.accept().await.unwrap().0);
                let teller = teller.clone();
                let service = service_fn(move |request| handle(request, teller.clone()));
                let service = SessionService::new(manager.clone(), service);
                match version {
                    Version::Http1 => drop(tokio::spawn(server::http1::Builder::new().serve_connection(io, service))),
                    Version::Http2 => {
                        let builder = server::http2::Builder::new(TokioExecutor::new());
                        drop(tokio::spawn(builder.serve_connection(io, service)));
                    }
                }
            }
        });
        Self { address, version, sessions, gate, news }
    }

    async fn send<B>(&self, request: Request<B>) -> Sent
    where
        B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let version = self.version;
        match version {
            Version::Http1 => {
                let (mut sender, connection) = client::http1::handshake(io).await.unwrap();
                let connection = tokio::spawn(async { drop(connection.await) });
                let answer = tokio::spawn(async move { sender.send_request(request).await });
                Sent { answer, connection, version }
            }
            Version::Http2 => {
                let (mut sender, connection) = client::http2::handshake(TokioExecutor::new(), io).await.unwrap();
                let connection = tokio::spawn(async { drop(connection.await) });
                let answer = tokio::spawn(async move { sender.send_request(request).await });
                Sent { answer, connection, version }
            }
        }
    }

    async fn get(&self, path: &str, cookie: &str) -> Response<Incoming> {
        self.send(get(path, cookie)).await.answer.await.unwrap().unwrap()
    }

    async fn sign_in(&self) -> String {
        let response = self.get("/login", "").await;
        response.headers()[SET_COOKIE].to_str().unwrap().split_once(';').unwrap().0.to_owned()
    }

    /// Returns the principal, and whether the session was written to.
    async fn look(&self, cookie: &str) -> Bytes {
        self.get("/look", cookie).await.into_body().collect().await.unwrap().to_bytes()
    }

    async fn hear(&mut self, expected: News) {
        let news = timeout(Duration::from_secs(10), self.news.recv()).await;
        assert_eq!(news.unwrap_or_else(|_| panic!("{expected:?} never comes")), Some(expected));
    }
}

fn get(path: &str, cookie: &str) -> Request<Body> {
    let request = Request::get(format!("http://localhost{path}")).header("host", "localhost");
    request.header(COOKIE, cookie).body(Body::default()).unwrap()
}

const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

#[tokio::test]
async fn disconnect_during_a_logout_signs_out() {
    for (version, is_late) in VERSIONS.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        let mut server = Server::start(version).await;
        let cookie = server.sign_in().await;
        if is_late {
            server.gate.close();
        }
        let client = server.send(get("/act/leave/wait", &cookie)).await;
        server.hear(News::Done).await;
        client.hang_up();
        server.hear(News::Left).await;
        assert_eq!(server.gate.held(), usize::from(is_late));
        server.gate.open();
        server.hear(News::Ended).await;
        assert_eq!(server.sessions.count().await.unwrap(), 0, "{version:?}, late: {is_late}");
    }
}

#[tokio::test]
async fn disconnect_drops_the_writes() {
    for version in VERSIONS {
        let mut server = Server::start(version).await;
        let cookie = server.sign_in().await;
        let client = server.send(get("/act/write/wait", &cookie)).await;
        server.hear(News::Done).await;
        client.hang_up();
        server.hear(News::Left).await;
        assert_eq!(server.look(&cookie).await, "Some(\"iris\") false", "{version:?}");
    }
}

#[tokio::test]
async fn commit_survives_a_disconnect() {
    for version in VERSIONS {
        let mut server = Server::start(version).await;
        let cookie = server.sign_in().await;
        server.gate.close();
        let client = server.send(get("/act/write/answer", &cookie)).await;
        server.hear(News::Done).await;
        server.hear(News::Left).await;
        assert_eq!(server.gate.held(), 1);
        client.hang_up();
        // Once the server answers another request, it has seen that the client is gone.
        assert_eq!(server.look("").await, "None false");
        server.gate.open();
        assert_eq!(server.look(&cookie).await, "Some(\"iris\") true", "{version:?}");
    }
}

/// A body that begins and never ends.
struct Beginning(Option<Bytes>);

impl hyper::body::Body for Beginning {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
    }
}

/// As documented on the wrapper: a handler that reads the body notices that its client is gone, and
/// its response is like any other.
#[tokio::test]
async fn truncated_body_keeps_earlier_writes() {
    for version in VERSIONS {
        let mut server = Server::start(version).await;
        let cookie = server.sign_in().await;
        let (head, _) = get("/act/write/read", &cookie).into_parts();
        let client = server.send(Request::from_parts(head, Beginning(Some(Bytes::from("abc"))))).await;
        server.hear(News::Done).await;
        client.hang_up();
        server.hear(News::Left).await;
        assert_eq!(server.look(&cookie).await, "Some(\"iris\") true", "{version:?}");
    }
}
