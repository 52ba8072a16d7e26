//! Connections to a server, and the runtimes that a store can be used from.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{NOW, changes, commit, id, patient, prefix, record, server, text};
use pollster::block_on;
use sessions_redis::{OpenErrorKind, RedisStore};
use sessions_store::{Created, Store, StoreErrorKind};
use test_servers::{Options, Server};

/// Exercises most of a store.
fn exercise(store: &RedisStore) {
    block_on(exercise_async(store));
}

async fn exercise_async(store: &RedisStore) {
    let id = id();
    store.ping().await.unwrap();
    let first = record(id).principal(Some("user")).entry("count", b"1").build().unwrap();
    assert_eq!(store.create(&first).await.unwrap(), Created::STORED);
    commit(store, id, &changes().increment("count", 1)).await.unwrap().unwrap();
    assert_eq!(text(&store.load(id, NOW).await.unwrap().unwrap(), "count").unwrap(), "2");
    assert_eq!(store.count().await.unwrap(), 1);
    let mut page = store.scan(None, 10, NOW).await.unwrap();
    while page.records.is_empty() {
        page = store.scan(page.next, 10, NOW).await.unwrap();
    }
    assert_eq!(page.records[0].id(), id);
    assert_eq!(store.of_principal("user", NOW).await.unwrap().len(), 1);
    assert!(store.destroy(id).await.unwrap());
    assert!(store.load(id, NOW).await.unwrap().is_none());
}

#[test]
fn the_longest_deadlines_work() {
    if !test_servers::installed() {
        return;
    }
    let builder = || RedisStore::builder().load_deadline(Duration::MAX).commit_deadline(Duration::MAX);
    exercise(&builder().prefix(prefix()).open(&server().url()).unwrap());
    exercise(&builder().prefix(prefix()).wait_for_replicas(0, Duration::MAX).open(&server().url()).unwrap());
}

#[test]
fn a_unix_socket_is_reached() {
    if !test_servers::installed() {
        return;
    }
    for scheme in ["redis+unix", "unix"] {
        exercise(&patient().open(&format!("{scheme}://{}", server().socket())).unwrap());
    }
}

#[test]
fn user_password_and_database_are_used() {
    if !test_servers::installed() {
        return;
    }
    let server = Options::new().password("pass/word@1").start();
    let url = format!("redis://:pass%2Fword%401@127.0.0.1:{}/3?prefix=db3%3A", server.port());
    exercise(&patient().open(&url).unwrap());
    let socket = format!("redis+unix://{}?pass=pass%2Fword%401&db=3", server.socket());
    exercise(&patient().open(&socket).unwrap());
    let query = format!("redis://127.0.0.1:{}?db=3&pass=pass%2Fword%401", server.port());
    exercise(&patient().open(&query).unwrap());
    let _ = server.cli(&["ACL", "SETUSER", "ada", "on", ">secret1", "~db3:*", "+@all", "-info"]);
    let url = format!("redis://ada:secret1@127.0.0.1:{}/3?prefix=db3%3A", server.port());
    let store = patient().open(&url).unwrap();
    exercise(&store);
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    assert_eq!(server.cli(&["-n", "3", "EXISTS", &format!("db3:{id}")]), "1");
    let query = format!("redis://127.0.0.1:{}?db=4&user=ada&pass=secret1&prefix=db3%3A", server.port());
    block_on(patient().open(&query).unwrap().create(&record(id).build().unwrap())).unwrap();
    assert_eq!(server.cli(&["-n", "4", "EXISTS", &format!("db3:{id}")]), "1");
}

#[test]
fn tls_is_spoken_and_the_certificate_is_checked() {
    if !test_servers::installed() {
        return;
    }
    let server = Options::new().tls().start();
    // Opening a store first lets it choose the crypto provider.
    let stranger = RedisStore::builder().load_deadline(Duration::from_millis(400)).open(&server.url()).unwrap();
    assert_eq!(block_on(stranger.ping()).unwrap_err().kind(), StoreErrorKind::Unavailable);
    let client = redis::Client::build_with_tls(server.url(), certificates(&server)).unwrap();
    exercise(&patient().open_client(&client).unwrap());
}

#[test]
fn a_cluster_is_reached_by_tls_and_with_a_password() {
    if !test_servers::installed() {
        return;
    }
    let server = Options::new().tls().cluster().password("hunter2").start();
    let slots: Vec<String> = (0..16_384).map(|slot| slot.to_string()).collect();
    let mut command = vec!["CLUSTER", "ADDSLOTS"];
    command.extend(slots.iter().map(String::as_str));
    assert_eq!(server.cli(&command), "OK");
    // Opening a store first lets it choose the crypto provider.
    let url = server.url().replace("rediss://", "rediss-cluster://");
    let stranger = RedisStore::builder().load_deadline(Duration::from_millis(400)).open(&url).unwrap();
    assert!(block_on(stranger.ping()).is_err());
    let client = redis::Client::build_with_tls(server.url(), certificates(&server)).unwrap();
    let store = patient().open_cluster([client.get_connection_info().clone()]).unwrap();
    exercise(&store);
}

fn certificates(server: &Server) -> redis::TlsCertificates {
    redis::TlsCertificates { client_tls: None, root_cert: server.certificate().map(|it| it.pem().as_bytes().to_vec()) }
}

#[test]
fn a_newer_protocol_changes_nothing() {
    if !test_servers::installed() {
        return;
    }
    exercise(&patient().open(&format!("{}?protocol=resp3", server().url())).unwrap());
}

#[test]
fn the_callers_own_connection_is_used() {
    if !test_servers::installed() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = redis::Client::open(server().url()).unwrap();
    runtime.block_on(async {
        let multiplexed = client.get_multiplexed_async_connection().await.unwrap();
        exercise_async(&patient().open_connection(multiplexed).unwrap()).await;
        let manager = client.get_connection_manager().await.unwrap();
        exercise_async(&patient().open_connection(manager).unwrap()).await;
        let waiting = patient().wait_for_replicas(1, Duration::from_secs(1));
        let multiplexed = client.get_multiplexed_async_connection().await.unwrap();
        assert_eq!(waiting.open_connection(multiplexed).unwrap_err().kind(), OpenErrorKind::Options);
    });
}

#[test]
fn no_tokio_is_needed_around_a_store() {
    if !test_servers::installed() {
        return;
    }
    let store = patient().open(&server().url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..50 {
                    block_on(commit(&store, id, &changes().increment("count", 1))).unwrap().unwrap();
                }
            });
        }
    });
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "count").unwrap(), "800");
}

#[test]
fn a_store_outlives_its_runtimes() {
    if !test_servers::installed() {
        return;
    }
    let prefix = prefix();
    let store = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    let current_thread = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    // This runtime has neither a clock nor sockets: the store brings its own.
    current_thread().block_on(exercise_async(&store));
    current_thread().block_on(exercise_async(&store));
    let many = tokio::runtime::Runtime::new().unwrap();
    many.block_on(async move {
        let store = Arc::new(store);
        let id = id();
        store.create(&record(id).build().unwrap()).await.unwrap();
        let writers = (0..64).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { commit(&store, id, &changes().increment("count", 1)).await.unwrap() })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(text(&store.load(id, NOW).await.unwrap().unwrap(), "count").unwrap(), "64");
        // Dropped inside a runtime, where waiting for a runtime is not allowed.
        drop(store);
    });
}

#[test]
fn coroutines_share_one_worker_while_they_wait() {
    if !test_servers::installed() {
        return;
    }
    may::config().set_workers(1).set_stack_size(0x10000);
    let store = Arc::new(patient().open(&server().url()).unwrap());
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    let writers: Vec<_> = (0..64)
        .map(|_| {
            let store = Arc::clone(&store);
            let write = move || {
                for _ in 0..10 {
                    wait_in_coroutine(commit(&store, id, &changes().increment("count", 1))).unwrap().unwrap();
                }
            };
            spawn(write)
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "count").unwrap(), "640");
}

#[test]
fn a_store_opens_before_its_server_does() {
    if !test_servers::installed() {
        return;
    }
    let mut server = Server::start();
    server.kill();
    let store = RedisStore::builder().prefix(prefix()).open(&server.url()).unwrap();
    let begun = Instant::now();
    assert_eq!(block_on(store.load(id(), NOW)).unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() >= Duration::from_millis(300), "it tries as long as it may");
    server.restart();
    let deadline = Instant::now() + Duration::from_secs(10);
    while block_on(store.ping()).is_err() {
        assert!(Instant::now() < deadline);
    }
}

fn wait_in_coroutine<F: Future + Unpin>(mut future: F) -> F::Output {
    use std::task::{Context, Poll, Wake, Waker};
    struct Unpark(Arc<may::sync::Blocker>);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    loop {
        let blocker = may::sync::Blocker::current();
        let waker = Waker::from(Arc::new(Unpark(Arc::clone(&blocker))));
        match std::pin::Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => blocker.park(Some(Duration::from_secs(60))).expect("the call wakes its caller"),
        }
    }
}

#[expect(unsafe_code, reason = "may offers no other way to start a coroutine")]
fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> may::coroutine::JoinHandle<T> {
    // SAFETY: the stack is large enough, as set above, and the work keeps no thread-local across a
    // wait.
    unsafe { may::coroutine::spawn(work) }
}
