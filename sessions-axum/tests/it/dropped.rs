//! Clients that disconnect and timeout layers, over real sockets.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, serve};
use sessions_axum::sessions_core::store::MemoryStore;
use sessions_axum::{Session, SessionLayer, Sessions};
use sessions_conformance::{Gate, SlowStore, Verb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tower_http::timeout::TimeoutLayer;

use crate::support::Browser;

/// What the server reports to the tests.
#[derive(Debug, PartialEq)]
enum News {
    /// The handler has acted.
    Done,
    /// The request is over: it was answered or dropped.
    Left,
    /// A session has ended.
    Ended,
}

#[derive(Clone)]
struct Teller(UnboundedSender<News>);

impl Teller {
    fn tell(&self, news: News) {
        self.0.send(news).unwrap();
    }
}

/// Reports when a request is over.
async fn watch(State(teller): State<Teller>, request: Request, next: Next) -> Response {
    struct Passing(Teller);
    impl Drop for Passing {
        fn drop(&mut self) {
            self.0.tell(News::Left);
        }
    }
    let _passing = request.uri().path().starts_with("/act").then(|| Passing(teller));
    next.run(request).await
}

async fn login(session: Session) {
    session.login("iris").unwrap();
}

async fn look(session: Session) -> String {
    format!("{:?} {}", session.principal(), session.contains("written"))
}

/// Writes or logs out, and then waits forever, reads the body or answers.
async fn act(
    session: Session,
    Path((deed, then)): Path<(String, String)>,
    State(teller): State<Teller>,
    request: Request,
) -> Result<(), StatusCode> {
    match deed.as_str() {
        "write" => session.set("written", &true).unwrap(),
        _ => session.destroy(),
    }
    teller.tell(News::Done);
    match then.as_str() {
        "wait" => pending().await,
        "read" => to_bytes(request.into_body(), 1024).await.map_or(Err(StatusCode::BAD_REQUEST), |_| Ok(())),
        _ => Ok(()),
    }
}

fn routes(teller: Teller) -> Router {
    let act = get(act).post(act);
    Router::new()
        .route("/login", get(login))
        .route("/look", get(look))
        .route("/act/{deed}/{then}", act)
        .with_state(teller)
}

struct Server {
    address: SocketAddr,
    sessions: Sessions,
    gate: Gate,
    news: UnboundedReceiver<News>,
}

impl Server {
    /// Serves on its own port. Writes to the store wait while the gate is closed.
    async fn start() -> Self {
        let (sender, news) = unbounded_channel();
        let (gate, teller) = (Gate::opened(), Teller(sender));
        let writes = [Verb::Create, Verb::Commit, Verb::Destroy];
        let store = SlowStore::holding_calls(MemoryStore::default(), gate.clone(), &writes);
        let sessions = Sessions::builder().store(store).secure(false).sweep_every(None).build().unwrap();
        let listener = teller.clone();
        sessions.on_destroy(move |_, _| listener.tell(News::Ended));
        let app = routes(teller.clone()).layer(SessionLayer::new(sessions.clone()));
        let app = app.layer(from_fn_with_state(teller, watch));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { serve(listener, app).await });
        Self { address, sessions, gate, news }
    }

    async fn send(&self, line: &str, cookie: &str, rest: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n{rest}");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn get(&self, path: &str, cookie: &str) -> String {
        answer(self.send(&format!("GET {path}"), cookie, "\r\n").await).await
    }

    async fn sign_in(&self) -> String {
        let answer = self.get("/login", "").await;
        let (_, cookie) = answer.split_once("set-cookie: ").unwrap();
        cookie.split_once(';').unwrap().0.to_owned()
    }

    /// Asserts that a session is live, and returns whether it was written to.
    async fn is_written(&self, cookie: &str) -> bool {
        let answer = self.get("/look", cookie).await;
        let (_, left) = answer.split_once("\r\n\r\nSome(\"iris\") ").unwrap();
        left.parse().unwrap()
    }

    async fn hear(&mut self, expected: News) {
        let news = timeout(Duration::from_secs(10), self.news.recv()).await;
        assert_eq!(news.unwrap_or_else(|_| panic!("{expected:?} never comes")), Some(expected));
    }
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn disconnect_during_a_logout_signs_out() {
    for is_late in [false, true] {
        let mut server = Server::start().await;
        let cookie = server.sign_in().await;
        if is_late {
            server.gate.close();
        }
        let client = server.send("GET /act/leave/wait", &cookie, "\r\n").await;
        server.hear(News::Done).await;
        drop(client);
        if is_late {
            server.hear(News::Left).await;
            assert_eq!(server.gate.held(), 1);
            server.gate.open();
        }
        server.hear(News::Ended).await;
        assert_eq!(server.sessions.count().await.unwrap(), 0, "late: {is_late}");
    }
}

#[tokio::test]
async fn disconnect_drops_the_writes() {
    let mut server = Server::start().await;
    let cookie = server.sign_in().await;
    let client = server.send("GET /act/write/wait", &cookie, "\r\n").await;
    server.hear(News::Done).await;
    drop(client);
    server.hear(News::Left).await;
    assert!(!server.is_written(&cookie).await);
}

#[tokio::test]
async fn commit_survives_a_disconnect() {
    let mut server = Server::start().await;
    let cookie = server.sign_in().await;
    server.gate.close();
    let client = server.send("GET /act/write/answer", &cookie, "\r\n").await;
    server.hear(News::Done).await;
    assert_eq!(server.gate.held(), 1);
    drop(client);
    server.hear(News::Left).await;
    server.gate.open();
    assert!(server.is_written(&cookie).await);
}

/// As documented on the layer: the response to a body that ends early is like any other.
#[tokio::test]
async fn truncated_body_keeps_earlier_writes() {
    let mut server = Server::start().await;
    let cookie = server.sign_in().await;
    let mut client = server.send("POST /act/write/read", &cookie, "Content-Length: 10\r\n\r\nabc").await;
    server.hear(News::Done).await;
    client.shutdown().await.unwrap();
    assert!(answer(client).await.starts_with("HTTP/1.1 400"));
    assert!(server.is_written(&cookie).await);
}

#[tokio::test(start_paused = true)]
async fn outer_timeout_keeps_only_a_destroy() {
    let (sender, _news) = unbounded_channel();
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    let app = routes(Teller(sender))
        .layer(SessionLayer::new(sessions.clone()))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(1)));
    let mut browser = Browser::default();
    browser.get(&app, "/login").await;
    assert_eq!(browser.get(&app, "/act/write/wait").await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(browser.get(&app, "/look").await.body, "Some(\"iris\") false");
    assert_eq!(browser.get(&app, "/act/leave/wait").await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(sessions.count().await.unwrap(), 0);
}
