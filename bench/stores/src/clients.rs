//! Clients, each a task with one request at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hot::login;
use sessions_core::{Session, Sessions};
use tokio::task::{JoinHandle, consume_budget};

/// A client with its own session.
pub(crate) struct Client {
    sessions: Sessions,
    session: Session,
    cookie: Vec<u8>,
}

impl Client {
    pub(crate) async fn sign_in(sessions: Sessions) -> Self {
        let exchange = sessions.open();
        let session = exchange.session(None).await.expect("there is nothing to load");
        login(&session).expect("the values can be set");
        session.save().await.expect("the store writes");
        let set_cookie = exchange.end(200).await.expect("nothing is left").take_set_cookie();
        let set_cookie = set_cookie.expect("a new session has a cookie");
        let cookie = set_cookie.split(';').next().unwrap_or_default().as_bytes().to_vec();
        Self { sessions, session, cookie }
    }

    /// Changes a value, and waits until it is stored.
    pub(crate) async fn commit(&self) {
        self.session.increment("n", 1).expect("it is a number");
        self.session.save().await.expect("the store writes");
    }

    /// Loads the session as a request does, and reads a value.
    pub(crate) async fn load(&self) {
        let session = self.sessions.open().session(Some(&*self.cookie)).await.expect("the store reads");
        let n: Option<i64> = session.get("n").expect("it is a number");
        assert!(n.is_some(), "the session exists");
    }
}

/// Signs in `count` clients, many in parallel.
pub(crate) async fn sign_in(sessions: &Sessions, count: usize) -> Vec<Client> {
    const AT_A_TIME: usize = 512;
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let some = AT_A_TIME.min(count - clients.len());
        let tasks: Vec<_> = (0..some).map(|_| tokio::spawn(Client::sign_in(sessions.clone()))).collect();
        for task in tasks {
            clients.push(task.await.expect("a client does not panic"));
        }
    }
    clients
}

/// The running work of clients.
pub(crate) struct Work {
    done: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Makes each client repeat an action.
pub(crate) fn start<F>(clients: &Arc<Vec<Client>>, act: fn(Arc<Vec<Client>>, usize) -> F) -> Work
where
    F: Future<Output = ()> + Send + 'static,
{
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let task = |number| {
        let (clients, done, stop) = (Arc::clone(clients), Arc::clone(&done), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                act(Arc::clone(&clients), number).await;
                done.fetch_add(1, Ordering::Relaxed);
                // A store that never waits would starve the other clients.
                consume_budget().await;
            }
        })
    };
    let tasks = (0..clients.len()).map(task).collect();
    Work { done, stop, tasks }
}

impl Work {
    /// Returns the actions per second while `happening` runs.
    pub(crate) async fn rate_during(&self, happening: impl Future<Output = ()>) -> f64 {
        let (before, begin) = (self.done.load(Ordering::Relaxed), Instant::now());
        happening.await;
        (self.done.load(Ordering::Relaxed) - before) as f64 / begin.elapsed().as_secs_f64()
    }

    pub(crate) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a client does not panic");
        }
    }
}

/// Waits for a time.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
