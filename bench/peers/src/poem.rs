//! poem without sessions, and with its server-side sessions in memory.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use harness::axum::one_worker;
use harness::{Answer, Subject};
use http::header::SET_COOKIE;
use http::{HeaderValue, Uri};
use poem::listener::TcpListener;
use poem::session::{CookieConfig, MemoryStorage, ServerSession, Session};
use poem::web::Query;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, Route, Server, get, handler};

use crate::{Key, PAUSE, keys};

pub(crate) fn bare() -> impl Subject {
    Poem(bare_routes())
}

pub(crate) fn memory() -> impl Subject {
    Poem(routes())
}

/// A subject that calls an endpoint as its server would.
struct Poem<E>(E);

impl<E: Endpoint<Output = Response>> Subject for Poem<E> {
    type Response = Response;

    async fn get(&mut self, path: &str, cookie: Option<&str>) -> Response {
        let uri: Uri = path.parse().expect("the path is valid");
        let mut request = Request::builder().uri(uri).header("host", "127.0.0.1");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.0.get_response(request.finish()).await
    }

    fn status(response: &Response) -> u16 {
        response.status().as_u16()
    }

    async fn read(response: Response) -> Answer {
        let (head, body) = response.into_parts();
        let body = body.into_vec().await.expect("the body is in memory");
        Answer::new(head.headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes), &body)
    }
}

/// Creates the application on the runtime, which its storage needs.
pub(crate) fn serve<A: Endpoint<Output = Response> + 'static>(port: u16, make: impl FnOnce() -> A) {
    one_worker().block_on(async move {
        let server = tokio::spawn(Server::new(TcpListener::bind(("127.0.0.1", port))).run(make()));
        server.await.expect("the server does not panic").expect("the server keeps running");
    });
}

pub(crate) fn bare_routes() -> impl Endpoint<Output = Response> {
    let routes = Route::new()
        .at("/plain", get(plain))
        .at("/login", get(plain))
        .at("/read", get(bare_read))
        .at("/write", get(bare_write));
    routes.into_endpoint().map_to_response()
}

/// Returns the routes with default settings and a limit of an hour: poem has none by default.
pub(crate) fn routes() -> impl Endpoint<Output = Response> {
    let cookie = CookieConfig::default().max_age(Duration::from_secs(3600));
    let routes = Route::new()
        .at("/plain", get(plain))
        .at("/login", get(login))
        .at("/read", get(read))
        .at("/write", get(write))
        .at("/set", get(set))
        .at("/keys", get(there));
    routes.with(ServerSession::new(cookie, MemoryStorage::new())).map_to_response()
}

#[handler]
async fn plain() -> &'static str {
    "ok"
}

#[handler]
async fn bare_read() -> String {
    harness::read_without_session()
}

#[handler]
async fn bare_write() -> String {
    static N: AtomicI64 = AtomicI64::new(1);
    N.fetch_add(1, Ordering::Relaxed).to_string()
}

#[handler]
async fn login(session: &Session) -> &'static str {
    session.set("user", "ann");
    session.set("n", 1i64);
    session.set("theme", "dark");
    "ok"
}

#[handler]
async fn read(session: &Session) -> String {
    let user: String = session.get("user").expect("it was set");
    let n: i64 = session.get("n").expect("it was set");
    format!("{user} {n}")
}

#[handler]
async fn write(session: &Session) -> String {
    let n: i64 = session.get("n").expect("it was set");
    session.set("n", n + 1);
    (n + 1).to_string()
}

#[handler]
async fn set(session: &Session, key: Query<Key>) -> &'static str {
    let _user: Option<String> = session.get("user");
    tokio::time::sleep(PAUSE).await;
    session.set(&key.k, 1i64);
    "ok"
}

#[handler]
async fn there(session: &Session) -> String {
    let there = keys().filter(|key| session.get::<i64>(key).is_some());
    there.map(|key| key + ",").collect()
}
