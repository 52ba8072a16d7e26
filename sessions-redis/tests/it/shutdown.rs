//! The end of a store and of a runtime, in either order.
//!
//! A store that could not reach its server left a task on the application's runtime, which slept by
//! the clock of the store's own runtime. When the store was dropped, that clock stopped, and tokio
//! panicked in the application: "A Tokio 1.x context was found, but it is being shutdown".

use std::net::TcpListener;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{NOW, id};
use pollster::block_on;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sessions_redis::{RedisBuilder, RedisStore};
use sessions_store::Store;
use test_servers::{Options, Server};
use tokio::runtime::{Builder, Handle, Runtime};

const PATIENCE: Duration = Duration::from_secs(20);

/// A reason why no server answers.
struct Trouble {
    what: &'static str,
    url: String,
    /// Held to reserve the port.
    _listener: Option<TcpListener>,
    /// Held to keep the server running.
    _server: Option<Server>,
}

impl Trouble {
    fn refused() -> Self {
        Self { what: "refused", url: "redis://127.0.0.1:1".to_owned(), _listener: None, _server: None }
    }

    /// Accepts connections and never sends a byte.
    fn silence() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        Self { what: "silence", url, _listener: Some(listener), _server: None }
    }

    fn wrong_password() -> Self {
        let server = Options::new().password("hunter2").start();
        let url = format!("redis://:hunter3@127.0.0.1:{}", server.port());
        Self { what: "wrong password", url, _listener: None, _server: Some(server) }
    }

    fn every() -> Vec<Self> {
        let mut every = vec![Self::refused(), Self::silence()];
        if test_servers::installed() {
            every.push(Self::wrong_password());
        }
        every
    }

    fn store(&self) -> RedisStore {
        hurried().open(&self.url).unwrap()
    }
}

fn hurried() -> RedisBuilder {
    let deadline = Duration::from_millis(50);
    RedisStore::builder().load_deadline(deadline).commit_deadline(deadline)
}

/// Panics of threads that no test owns.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let thread = thread::current();
            let name = thread.name().unwrap_or("unnamed");
            if name != "main" && !name.contains("::") {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{name}: {info}"));
            }
            before(info);
        }));
    });
}

/// Plays a scene with each trouble on an application's thread, and fails if any thread panics.
fn play(scene: fn(&Trouble)) {
    count_panics();
    for trouble in Trouble::every() {
        let what = trouble.what;
        let application = thread::Builder::new().name("application".to_owned());
        let played = application.spawn(move || scene(&trouble)).unwrap().join();
        let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(panics.is_empty(), "{what}: {panics:?}");
        assert!(played.is_ok(), "{what}");
    }
}

fn runtimes() -> [Runtime; 2] {
    [Builder::new_multi_thread().worker_threads(2), &mut Builder::new_current_thread()]
        .map(|builder| builder.enable_all().build().unwrap())
}

/// Waits until a runtime has no task left.
async fn deserted(runtime: &Handle) {
    let deadline = Instant::now() + PATIENCE;
    while runtime.metrics().num_alive_tasks() > 0 {
        assert!(Instant::now() < deadline, "a task of the store's stays");
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_store_can_be_dropped_in_async() {
    play(|trouble| {
        for runtime in runtimes() {
            runtime.block_on(async {
                let store = trouble.store();
                assert!(store.ping().await.is_err());
                drop(store);
                deserted(runtime.handle()).await;
            });
        }
    });
}

#[test]
fn a_store_can_be_dropped_on_a_plain_thread() {
    play(|trouble| {
        for runtime in runtimes() {
            let store = trouble.store();
            assert!(runtime.block_on(store.ping()).is_err());
            let dropping = thread::Builder::new().name("plain".to_owned()).spawn(move || drop(store));
            dropping.unwrap().join().unwrap();
            runtime.block_on(deserted(runtime.handle()));
        }
    });
}

#[test]
fn a_store_outlives_an_unconnected_runtime() {
    play(|trouble| {
        let store = trouble.store();
        for runtime in runtimes() {
            assert!(runtime.block_on(store.ping()).is_err());
            drop(runtime);
            assert!(block_on(store.ping()).is_err());
        }
        for runtime in runtimes() {
            assert!(runtime.block_on(store.load(id(), NOW)).is_err());
            runtime.shutdown_background();
        }
        assert!(block_on(store.load(id(), NOW)).is_err());
    });
}

#[test]
fn a_call_may_outlive_its_runtime() {
    play(|trouble| {
        let store = trouble.store();
        for runtime in runtimes() {
            let entered = runtime.enter();
            let call = store.ping();
            drop(entered);
            drop(runtime);
            assert!(block_on(call).is_err());
        }
    });
}

#[test]
fn pending_calls_end_with_their_runtime() {
    play(|trouble| {
        for runtime in runtimes() {
            let store = Arc::new(RedisStore::builder().load_deadline(Duration::MAX).open(&trouble.url).unwrap());
            for _ in 0..8 {
                let store = Arc::clone(&store);
                runtime.spawn(async move { store.ping().await });
            }
            assert!(runtime.block_on(trouble.store().ping()).is_err());
            // The last owner of the store may be a call, which ends with the runtime.
            drop(store);
            drop(runtime);
        }
    });
}

#[test]
fn a_store_ends_quietly_in_actix() {
    play(|trouble| {
        let system = actix_rt::System::new();
        let store = trouble.store();
        let arbiter = actix_rt::Arbiter::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let copy = store.clone();
        arbiter.spawn(async move {
            let failed = copy.ping().await.is_err();
            drop(copy);
            sender.send((failed, Handle::current())).unwrap();
        });
        system.block_on(async move {
            let (failed, runtime) = receiver.await.unwrap();
            assert!(failed && store.ping().await.is_err());
            drop(store);
            deserted(&Handle::current()).await;
            // The arbiter's runner is a task as well.
            while runtime.metrics().num_alive_tasks() > 1 {
                tokio::task::yield_now().await;
            }
        });
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

#[test]
fn a_store_that_lost_its_server_ends_quietly() {
    if !test_servers::installed() {
        return;
    }
    play(|_| {
        for runtime in runtimes() {
            let mut server = Server::start();
            runtime.block_on(async {
                let store = RedisStore::open(&server.url()).unwrap();
                let connections = || server.cli(&["CLIENT", "LIST"]).lines().count();
                let deadline = Instant::now() + PATIENCE;
                // Its own connection, that of the store's thread, and redis-cli's.
                while connections() < 3 {
                    assert!(Instant::now() < deadline);
                    let _ = store.ping().await;
                }
                server.kill();
                assert!(store.ping().await.is_err());
                drop(store);
                deserted(runtime.handle()).await;
            });
        }
    });
}

/// Guards against a connection that reconnected on whichever runtime polled the request that met
/// the broken one. That was the store's.
#[test]
fn a_callers_connection_outlives_the_store() {
    if !test_servers::installed() {
        return;
    }
    play(|_| {
        for runtime in runtimes() {
            let mut server = Server::start();
            let client = redis::Client::open(server.url()).unwrap();
            let config =
                ConnectionManagerConfig::new().set_number_of_retries(50).set_min_delay(Duration::from_millis(50));
            let (mut manager, store) = runtime.block_on(async {
                let manager = ConnectionManager::new_with_config(client, config).await.unwrap();
                let store = hurried().open_connection(manager.clone()).unwrap();
                store.ping().await.unwrap();
                (manager, store)
            });
            server.kill();
            // One call meets the broken connection, the next awaits a new one.
            for call in [store.ping(), store.ping()] {
                assert!(runtime.block_on(call).is_err());
            }
            assert!(block_on(store.ping()).is_err(), "without a runtime, too");
            drop(store);
            server.restart();
            runtime.block_on(async {
                let deadline = Instant::now() + PATIENCE;
                while redis::cmd("PING").query_async::<String>(&mut manager).await.is_err() {
                    assert!(Instant::now() < deadline);
                }
            });
        }
    });
}
