//! actix-web with and without sessions.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::test::init_service;
use actix_web::web::{Query, ServiceConfig, get};
use actix_web::{App, HttpServer};
use harness::Visitor;
use harness::actix::Actix;
use serde::Deserialize;
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};

pub(crate) async fn visit_bare(name: &str, visitor: impl Visitor) {
    visitor.visit(name, Actix(init_service(App::new().configure(bare)).await)).await;
}

pub(crate) async fn visit(name: &str, sessions: Sessions, visitor: impl Visitor) {
    let app = App::new().wrap(SessionMiddleware::new(sessions)).configure(routes);
    visitor.visit(name, Actix(init_service(app).await)).await;
}

pub(crate) fn serve(port: u16, sessions: Option<Sessions>) {
    let address = ("127.0.0.1", port);
    let server = async {
        match sessions {
            None => HttpServer::new(|| App::new().configure(bare)).workers(1).bind(address)?.run().await,
            Some(sessions) => {
                let app = move || App::new().wrap(SessionMiddleware::new(sessions.clone())).configure(routes);
                HttpServer::new(app).workers(1).bind(address)?.run().await
            }
        }
    };
    actix_web::rt::System::new().block_on(server).expect("the server keeps running");
}

/// Adds routes with the same texts as with sessions.
fn bare(config: &mut ServiceConfig) {
    static N: AtomicI64 = AtomicI64::new(1);
    config
        .route("/plain", get().to(|| async { "ok" }))
        .route("/login", get().to(|| async { "ok" }))
        .route("/read", get().to(|| async { harness::read_without_session() }))
        .route("/write", get().to(|| async { N.fetch_add(1, Ordering::Relaxed).to_string() }));
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/plain", get().to(|| async { "ok" }))
        .route("/login", get().to(login))
        .route("/read", get().to(read))
        .route("/write", get().to(write))
        .route("/set", get().to(set))
        .route("/keys", get().to(keys));
}

async fn login(session: Session) -> Result<&'static str, SessionError> {
    session.set("user", "ann")?;
    session.set("n", &1)?;
    session.set("theme", "dark")?;
    Ok("ok")
}

async fn read(session: Session) -> Result<String, SessionError> {
    let user: String = session.get("user")?.unwrap_or_default();
    let n: i64 = session.get("n")?.unwrap_or_default();
    Ok(format!("{user} {n}"))
}

async fn write(session: Session) -> Result<String, SessionError> {
    Ok(session.increment("n", 1)?.to_string())
}

#[derive(Deserialize)]
struct Key {
    k: String,
}

async fn set(session: Session, key: Query<Key>) -> Result<&'static str, SessionError> {
    let _user: Option<String> = session.get("user")?;
    tokio::time::sleep(Duration::from_millis(2)).await;
    session.set(&key.k, &1)?;
    Ok("ok")
}

async fn keys(session: Session) -> String {
    crate::keys(&session)
}
