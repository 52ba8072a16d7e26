//! Our stores behind a network and those of tower-sessions, with many clients and without a
//! framework.

mod ours;
mod principal;
mod size;
mod tower;

use std::env;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

const USAGE: &str = "\
usage: rates STORE URL CLIENTS SECONDS       commits and loads in a second, each client on its own session
       hot STORE URL CLIENTS SECONDS         commits in a second, all clients of all processes on one session
       fill STORE URL SESSIONS               creates sessions
       size URL TABLE SESSIONS               bytes of a session in SQL; of those in the table anonymous, or signed_in
       principal WHAT URL SESSIONS           does one thing to a principal's sessions, in our store

STORE is ours, or tower-redis, tower-postgres or tower-sqlite";

/// A client with one session.
pub(crate) enum Client {
    Ours(ours::Client),
    Tower(tower::Client),
}

/// The action that clients repeat.
#[derive(Clone, Copy)]
enum Act {
    Commit,
    Load,
}

/// A store that clients share.
enum Store {
    Ours(ours::Store),
    Tower(tower::Store),
}

impl Store {
    async fn open(name: &str, url: &str) -> Self {
        match name.strip_prefix("tower-") {
            Some(kind) => Self::Tower(tower::open(kind, url).await),
            None => Self::Ours(ours::open(url).await),
        }
    }

    async fn client(&self, number: u64) -> Client {
        match self {
            Self::Ours(store) => Client::Ours(ours::Client::create(store, number).await),
            Self::Tower(store) => Client::Tower(tower::Client::create(store, number).await),
        }
    }
}

impl Client {
    async fn commit(&self) -> bool {
        match self {
            Self::Ours(client) => client.commit().await,
            Self::Tower(client) => {
                client.commit().await;
                true
            }
        }
    }

    async fn load(&self) {
        match self {
            Self::Ours(client) => client.load().await,
            Self::Tower(client) => client.load().await,
        }
    }
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime can be created");
    runtime.block_on(async {
        match words.as_slice() {
            ["rates", store, url, clients, seconds] => rates(store, url, number(clients), time(seconds)).await,
            ["hot", store, url, clients, seconds] => hot(store, url, number(clients), time(seconds)).await,
            ["fill", store, url, sessions] => fill(store, url, number(sessions)).await,
            ["size", url, table, sessions] => size::run(url, table, number(sessions)).await,
            ["principal", what, url, sessions] => principal::run(what, url, number(sessions)).await,
            _ => panic!("{USAGE}"),
        }
    });
}

fn number<T: FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?}?\n{USAGE}"))
}

fn time(word: &str) -> Duration {
    Duration::from_secs_f64(number(word))
}

async fn rates(store: &str, url: &str, count: u64, time: Duration) {
    let store = Store::open(store, url).await;
    let mut clients = Vec::new();
    for number in 0..count {
        clients.push(Arc::new(store.client(number).await));
    }
    let commits = rate(&clients, time, Act::Commit).await;
    println!("{commits:.0}");
    let loads = rate(&clients, time, Act::Load).await;
    println!("{loads:.0}");
}

async fn hot(store: &str, url: &str, count: u64, time: Duration) {
    let store = Store::open(store, url).await;
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(Arc::new(store.client(u64::MAX).await));
    }
    println!("{:.0}", rate(&clients, time, Act::Commit).await);
}

async fn fill(store: &str, url: &str, count: u64) {
    let store = Store::open(store, url).await;
    for number in 0..count {
        store.client(number).await;
    }
}

/// Makes each client repeat an action, and returns the number of actions per second.
async fn rate(clients: &[Arc<Client>], time: Duration, act: Act) -> f64 {
    let (done, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, done, is_over) = (Arc::clone(client), Arc::clone(&done), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let is_done = match act {
                        Act::Commit => client.commit().await,
                        Act::Load => {
                            client.load().await;
                            true
                        }
                    };
                    done.fetch_add(u64::from(is_done), Ordering::Relaxed);
                }
            })
        })
        .collect();
    // Skips the start, with its cold caches.
    tokio::time::sleep(time / 10).await;
    // The runner measures the database from here to the next line.
    println!("begin");
    let (before, begun) = (done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(time).await;
    let rate = (done.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
    is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a client does not panic");
    }
    rate
}
