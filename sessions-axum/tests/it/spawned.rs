//! A session that is moved into a task that outlives its request.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use sessions_axum::sessions_core::ErrorKind;
use sessions_axum::{Session, SessionLayer};
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::support::{Browser, manager_and_store};

/// What a task sees after its response was sent: the principal, and the results of a write and a
/// save.
#[derive(Debug, PartialEq)]
struct Found {
    principal: Option<String>,
    set: Result<(), ErrorKind>,
    saved: Result<(), ErrorKind>,
}

/// The task of the last request, which waits for a signal to continue.
#[derive(Clone, Default)]
struct Task(Arc<Mutex<Option<Spawned>>>);

type Spawned = (Sender<()>, JoinHandle<Found>);

impl Task {
    async fn finish(&self) -> Found {
        let (go, found) = self.0.lock().unwrap().take().unwrap();
        go.send(()).unwrap();
        found.await.unwrap()
    }
}

async fn outlive(session: Session, go: Receiver<()>) -> Found {
    go.await.unwrap();
    let set = session.set("late", &true).map_err(|error| error.kind());
    let saved = session.save().await.map_err(|error| error.kind());
    Found { principal: session.principal(), set, saved }
}

async fn spawn(session: Session, State(task): State<Task>) {
    let (go, gone) = channel();
    *task.0.lock().unwrap() = Some((go, tokio::spawn(outlive(session, gone))));
}

#[tokio::test]
async fn spawned_task_cannot_set_a_cookie() {
    let (task, (sessions, _)) = (Task::default(), manager_and_store());
    let app = Router::new()
        .route("/login", get(async |session: Session| session.login("iris").unwrap()))
        .route("/late", get(async |session: Session| session.contains("late").to_string()))
        .route("/spawn", get(spawn))
        .with_state(task.clone())
        .layer(SessionLayer::new(sessions.clone()));

    let mut browser = Browser::default();
    browser.get(&app, "/login").await;
    browser.get(&app, "/spawn").await;
    let found = task.finish().await;
    assert_eq!(found, Found { principal: Some("iris".to_owned()), set: Ok(()), saved: Ok(()) });
    assert_eq!(browser.get(&app, "/late").await.body, "true");

    // A visitor without a session would need a cookie.
    let mut stranger = Browser::default();
    stranger.get(&app, "/spawn").await;
    let refused = Err(ErrorKind::HeadersSent);
    assert_eq!(task.finish().await, Found { principal: None, set: refused, saved: refused });
    assert_eq!(sessions.count().await.unwrap(), 1);
}
