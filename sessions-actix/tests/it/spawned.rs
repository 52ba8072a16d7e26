//! A session that is moved into a task that outlives its request.

use std::cell::RefCell;

use actix_web::rt::{spawn, task::JoinHandle};
use actix_web::web;
use sessions_actix::Session;
use sessions_actix::sessions_core::ErrorKind;
use tokio::sync::oneshot::{Receiver, Sender, channel};

use crate::support::{app, get, sessions};

/// What a task sees after its response was sent: the principal, and the results of a write and a
/// save.
#[derive(Debug, PartialEq)]
struct Found {
    principal: Option<String>,
    set: Result<(), ErrorKind>,
    saved: Result<(), ErrorKind>,
}

thread_local! {
    /// The task of the last request, which waits for a signal to continue.
    static TASK: RefCell<Option<(Sender<()>, JoinHandle<Found>)>> = const { RefCell::new(None) };
}

async fn outlive(session: Session, go: Receiver<()>) -> Found {
    go.await.unwrap();
    let set = session.set("late", &true).map_err(|error| error.kind());
    let saved = session.save().await.map_err(|error| error.kind());
    Found { principal: session.principal(), set, saved }
}

async fn finish() -> Found {
    let (go, found) = TASK.take().unwrap();
    go.send(()).unwrap();
    found.await.unwrap()
}

#[actix_web::test]
async fn spawned_task_cannot_set_a_cookie() {
    async fn login(session: Session) -> &'static str {
        session.login("iris").unwrap();
        ""
    }
    async fn late(session: Session) -> String {
        session.contains("late").to_string()
    }
    async fn start(session: Session) -> &'static str {
        let (go, gone) = channel();
        TASK.set(Some((go, spawn(outlive(session, gone)))));
        ""
    }
    let sessions = sessions();
    let app = app(&sessions, |config| {
        config
            .route("/login", web::get().to(login))
            .route("/late", web::get().to(late))
            .route("/spawn", web::get().to(start));
    })
    .await;

    let cookie = get(&app, "/login", "").await.cookie().unwrap();
    get(&app, "/spawn", &cookie).await;
    assert_eq!(finish().await, Found { principal: Some("iris".to_owned()), set: Ok(()), saved: Ok(()) });
    assert_eq!(get(&app, "/late", &cookie).await.body, "true");

    // A visitor without a session would need a cookie.
    get(&app, "/spawn", "").await;
    let refused = Err(ErrorKind::HeadersSent);
    assert_eq!(finish().await, Found { principal: None, set: refused, saved: refused });
    assert_eq!(sessions.count().await.unwrap(), 1);
}
