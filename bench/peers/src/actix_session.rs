//! actix-session in an encrypted cookie and in Redis.

use actix_session::storage::{CookieSessionStore, RedisSessionStore, SessionStore};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key as CookieKey;
use actix_web::test::init_service;
use actix_web::web::{Query, ServiceConfig, get};
use actix_web::{App, HttpServer};
use harness::Visitor;
use harness::actix::Actix;

use crate::{Key, PAUSE, keys, redis_database};

pub(crate) fn in_cookie() -> CookieSessionStore {
    CookieSessionStore::default()
}

pub(crate) async fn in_redis() -> RedisSessionStore {
    RedisSessionStore::new(redis_database(2)).await.expect("the server is there")
}

pub(crate) async fn visit<S: SessionStore + 'static>(name: &str, store: S, visitor: impl Visitor) {
    let app = App::new().wrap(middleware(store)).configure(routes);
    visitor.visit(name, Actix(init_service(app).await)).await;
}

/// Serves with stores that `open` creates.
pub(crate) fn serve<S, M>(port: u16, open: impl AsyncFnOnce() -> M)
where
    S: SessionStore + 'static,
    M: Fn() -> S + Clone + Send + 'static,
{
    let server = async move {
        let make = open().await;
        let app = move || App::new().wrap(middleware(make())).configure(routes);
        HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run().await
    };
    actix_web::rt::System::new().block_on(server).expect("the server keeps running");
}

fn middleware<S: SessionStore>(store: S) -> SessionMiddleware<S> {
    SessionMiddleware::new(store, CookieKey::from(&[7; 64]))
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/plain", get().to(|| async { "ok" }))
        .route("/login", get().to(login))
        .route("/read", get().to(read))
        .route("/write", get().to(write))
        .route("/set", get().to(set))
        .route("/keys", get().to(there));
}

async fn login(session: Session) -> &'static str {
    session.insert("user", "ann").expect("it works");
    session.insert("n", 1i64).expect("it works");
    session.insert("theme", "dark").expect("it works");
    "ok"
}

async fn read(session: Session) -> String {
    let user: String = session.get("user").expect("it works").expect("it was set");
    let n: i64 = session.get("n").expect("it works").expect("it was set");
    format!("{user} {n}")
}

async fn write(session: Session) -> String {
    let n: i64 = session.get("n").expect("it works").expect("it was set");
    session.insert("n", n + 1).expect("it works");
    (n + 1).to_string()
}

async fn set(session: Session, key: Query<Key>) -> &'static str {
    let _user: Option<String> = session.get("user").expect("it works");
    tokio::time::sleep(PAUSE).await;
    session.insert(&key.k, 1i64).expect("it works");
    "ok"
}

async fn there(session: Session) -> String {
    let there = keys().filter(|key| session.get::<i64>(key).expect("it works").is_some());
    there.map(|key| key + ",").collect()
}
