//! Clients that disconnect, over real sockets, and timeouts around the middleware.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::error::{Error, ErrorRequestTimeout};
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::time;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sessions_actix::sessions_core::store::MemoryStore;
use sessions_actix::{Session, SessionMiddleware, Sessions, SessionsExt};
use sessions_conformance::{Gate, SlowStore, Verb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::get;

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

type Teller = UnboundedSender<News>;

async fn login(session: Session) -> &'static str {
    session.login("iris").unwrap();
    ""
}

async fn look(session: Session) -> String {
    format!("{:?} {}", session.principal(), session.contains("written"))
}

/// The gate that handlers wait at.
struct Going(Gate);

/// Writes or logs out, and then waits at a gate or answers.
async fn act(
    session: Session,
    path: web::Path<(String, String)>,
    teller: Data<Teller>,
    going: Data<Going>,
) -> &'static str {
    match path.0.as_str() {
        "write" => session.set("written", &true).unwrap(),
        _ => session.destroy(),
    }
    teller.send(News::Done).unwrap();
    if path.1 == "wait" {
        going.0.pass().await;
    }
    ""
}

/// Runs only if the whole body arrives.
async fn read(_body: String) -> &'static str {
    ""
}

/// Writes before the handler's arguments are extracted.
async fn write_first(
    session: Session,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    session.set("written", &true).unwrap();
    next.call(request).await
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/login", web::get().to(login))
        .route("/look", web::get().to(look))
        .route("/act/{deed}/{then}", web::get().to(act))
        .service(web::resource("/body").route(web::post().to(read)).wrap(from_fn(write_first)));
}

/// A guard that reports when its request is over.
struct Passing(Teller);

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.send(News::Left).unwrap();
    }
}

struct Server {
    address: SocketAddr,
    sessions: Sessions,
    /// The gate that store writes wait at.
    gate: Gate,
    /// The gate that handlers wait at.
    going: Gate,
    news: UnboundedReceiver<News>,
}

/// How the server treats a client that closes its side of the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Connections {
    /// The default: the client may still wait for the response.
    HalfClosed,
    /// The client is considered gone.
    Closed,
    Http2,
}

impl Server {
    /// Serves on its own port.
    fn start(connections: Connections) -> Self {
        let (teller, news) = unbounded_channel();
        let (gate, going) = (Gate::opened(), Gate::closed());
        let writes = [Verb::Create, Verb::Commit, Verb::Destroy];
        let store = SlowStore::holding_calls(MemoryStore::default(), gate.clone(), &writes);
        let sessions = Sessions::builder().store(store).sweep_every(None).build().unwrap();
        let listener = teller.clone();
        sessions.on_destroy(move |_, _| listener.send(News::Ended).unwrap());
        let (manager, handlers_gate) = (sessions.clone(), going.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(teller.clone()))
                .app_data(Data::new(Going(handlers_gate.clone())))
                .configure(routes)
                .wrap(SessionMiddleware::new(manager.clone()))
                .wrap(from_fn(watch))
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // One worker, so that an answer comes after all that it did before.
        let server = server.workers(1).h1_allow_half_closed(connections == Connections::HalfClosed).disable_signals();
        let server = match connections {
            Connections::Http2 => server.listen_auto_h2c(listener),
            _ => server.listen(listener),
        };
        tokio::spawn(server.unwrap().run());
        Self { address, sessions, gate, going, news }
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

    /// Returns how many writes wait once the worker is idle.
    async fn held(&self) -> usize {
        self.get("/look", "").await;
        self.gate.held()
    }

    async fn hear(&mut self, expected: News) {
        let news = time::timeout(Duration::from_secs(10), self.news.recv()).await;
        assert_eq!(news.unwrap_or_else(|_| panic!("{expected:?} never comes")), Some(expected));
    }
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Reports when a request is over.
async fn watch(
    teller: Data<Teller>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _passing = request.path().starts_with("/act").then(|| Passing(Teller::clone(&teller)));
    next.call(request).await
}

#[actix_web::test]
async fn disconnect_during_a_logout_signs_out() {
    for is_late in [false, true] {
        let mut server = Server::start(Connections::Closed);
        let cookie = server.sign_in().await;
        if is_late {
            server.gate.close();
        }
        let client = server.send("GET /act/leave/wait", &cookie, "\r\n").await;
        server.hear(News::Done).await;
        drop(client);
        if is_late {
            server.hear(News::Left).await;
            assert_eq!(server.held().await, 1);
            server.gate.open();
        }
        server.hear(News::Ended).await;
        assert_eq!(server.sessions.count().await.unwrap(), 0, "late: {is_late}");
    }
}

#[actix_web::test]
async fn disconnect_drops_the_writes() {
    let mut server = Server::start(Connections::Closed);
    let cookie = server.sign_in().await;
    let client = server.send("GET /act/write/wait", &cookie, "\r\n").await;
    server.hear(News::Done).await;
    drop(client);
    server.hear(News::Left).await;
    assert!(!server.is_written(&cookie).await);
}

#[actix_web::test]
async fn commit_survives_a_disconnect() {
    let mut server = Server::start(Connections::Closed);
    let cookie = server.sign_in().await;
    server.gate.close();
    let client = server.send("GET /act/write/answer", &cookie, "\r\n").await;
    server.hear(News::Done).await;
    assert_eq!(server.held().await, 1);
    drop(client);
    server.hear(News::Left).await;
    server.gate.open();
    assert!(server.is_written(&cookie).await);
}

/// As documented on the middleware: a client that closes its side may still wait, so its handler
/// runs on.
#[actix_web::test]
async fn half_closed_client_does_not_stop_its_handler() {
    let mut server = Server::start(Connections::HalfClosed);
    let cookie = server.sign_in().await;
    for deed in ["write", "leave"] {
        let client = server.send(&format!("GET /act/{deed}/wait"), &cookie, "\r\n").await;
        server.hear(News::Done).await;
        drop(client);
        // The server has answered others meanwhile, so it has seen the end of the connection.
        assert_eq!(server.is_written(&cookie).await, deed == "leave");
        server.going.let_one_through();
        if deed == "leave" {
            server.hear(News::Ended).await;
        }
        server.hear(News::Left).await;
    }
    assert_eq!(server.sessions.count().await.unwrap(), 0);
}

/// As documented on the middleware: actix-web does not report to handlers that a stream was reset.
#[actix_web::test]
async fn http2_reset_does_not_stop_the_handler() {
    let mut server = Server::start(Connections::Http2);
    let cookie = server.sign_in().await;
    let io = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for deed in ["write", "leave"] {
        let request = hyper::Request::get(format!("http://localhost/act/{deed}/wait")).header("cookie", &cookie);
        let response = tokio::spawn(sender.send_request(request.body(String::new()).unwrap()));
        server.hear(News::Done).await;
        // This resets the stream.
        response.abort();
        assert_eq!(server.is_written(&cookie).await, deed == "leave");
        server.going.let_one_through();
        if deed == "leave" {
            server.hear(News::Ended).await;
        }
        server.hear(News::Left).await;
    }
    assert_eq!(server.sessions.count().await.unwrap(), 0);
}

/// As documented on the middleware: the response to a body that ends early is like any other.
#[actix_web::test]
async fn truncated_body_keeps_earlier_writes() {
    let server = Server::start(Connections::HalfClosed);
    let cookie = server.sign_in().await;
    let mut client = server.send("POST /body", &cookie, "Content-Length: 10\r\n\r\nabc").await;
    client.shutdown().await.unwrap();
    assert!(answer(client).await.starts_with("HTTP/1.1 400"));
    assert!(server.is_written(&cookie).await);
}

#[actix_web::test]
async fn outer_timeout_keeps_only_a_destroy() {
    let (teller, _news) = unbounded_channel::<News>();
    let sessions = Sessions::builder().sweep_every(None).build().unwrap();
    let app = App::new()
        .app_data(Data::new(teller))
        .app_data(Data::new(Going(Gate::closed())))
        .configure(routes)
        .wrap(SessionMiddleware::new(sessions.clone()))
        .wrap_fn(|request, service| {
            let response = service.call(request);
            async { time::timeout(Duration::ZERO, response).await.unwrap_or_else(|_| Err(ErrorRequestTimeout(""))) }
        });
    let app = init_service(app).await;
    let cookie = get(&app, "/login", "").await.cookie().unwrap();
    assert_eq!(get(&app, "/act/write/wait", &cookie).await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(get(&app, "/look", &cookie).await.body, "Some(\"iris\") false");
    assert_eq!(get(&app, "/act/leave/wait", &cookie).await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(sessions.count().await.unwrap(), 0);
}

#[actix_web::test]
async fn begun_explicit_call_is_completed() {
    let gate = Gate::opened();
    let store = SlowStore::holding_calls(MemoryStore::default(), gate.clone(), &[Verb::Destroy]);
    let sessions = Sessions::builder().store(store).sweep_every(None).build().unwrap();
    let (ended, mut has_ended) = unbounded_channel();
    sessions.on_destroy(move |_, _| ended.send(()).unwrap());
    let app = init_service(App::new().configure(routes).wrap(SessionMiddleware::new(sessions.clone()))).await;
    let cookie = get(&app, "/login", "").await.cookie().unwrap();

    gate.close();
    {
        let request = TestRequest::default().insert_header((COOKIE, cookie)).to_http_request();
        let mut response = HttpResponse::Ok().finish();
        let mut destroying = pin!(sessions.destroy(&request, &mut response));
        assert!(destroying.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    gate.open();
    time::timeout(Duration::from_secs(10), has_ended.recv()).await.unwrap();
    assert_eq!(sessions.count().await.unwrap(), 0);
}
