//! Silent or slow servers and connections: nobody waits for longer than the deadline.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{NOW, changes, commit, id, names, patient, prefix, record, server, text, until};
use futures_util::FutureExt;
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_store::{Store, StoreErrorKind};
use test_servers::{Proxy, Server};

#[test]
fn a_silent_connection_is_given_up() {
    if !test_servers::installed() {
        return;
    }
    let proxy = Proxy::to(server().port());
    let store = patient().open(&proxy.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    proxy.silence();
    let begun = Instant::now();
    // All that are in flight are tried again at once, on a new connection.
    let loads = (0..8).map(|_| store.load(id, NOW));
    let found = block_on(futures_util::future::try_join_all(loads)).unwrap();
    assert!(found.iter().all(Option::is_some));
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[test]
fn a_swallowed_attempt_to_connect_holds_up_no_other() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = RedisStore::builder().open(&format!("redis://{}", silent.local_addr().unwrap())).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| block_on(store.ping()).unwrap_err());
        let (mut first, _) = silent.accept().unwrap();
        let _second = silent.accept().unwrap();
        first.set_nonblocking(true).unwrap();
        let end = first.read_to_end(&mut Vec::new());
        assert_eq!(end.unwrap_err().kind(), ErrorKind::WouldBlock, "the first one is still open");
    });
}

#[test]
fn a_slow_connection_that_answers_is_kept() {
    if !test_servers::installed() {
        return;
    }
    const LOADS: usize = 40;
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let store = patient().open(&proxy.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).entry("size", &[b'x'; 20_000]).build().unwrap())).unwrap();
    // Of 16 KiB each, so that the last of all replies comes long after a silence.
    proxy.delay_replies(20);
    let begun = Instant::now();
    let commands = server.commands_during(|| {
        let loads = (0..LOADS).map(|_| store.load(id, NOW));
        let found = block_on(futures_util::future::try_join_all(loads)).unwrap();
        assert!(found.iter().all(Option::is_some));
    });
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(names(&commands).iter().filter(|name| **name == "GET").count(), LOADS, "nothing was tried again");
}

#[test]
fn a_connection_that_was_given_up_is_closed() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let store = patient().open(&proxy.url()).unwrap();
    assert_eq!(block_on(store.load(id(), NOW)).unwrap(), None);
    let connections = || {
        let clients = server.cli(&["CLIENT", "LIST", "TYPE", "NORMAL"]);
        clients.lines().filter(|client| !client.contains(" cmd=client")).count()
    };
    assert_eq!(connections(), 1);
    proxy.silence();
    assert_eq!(block_on(store.load(id(), NOW)).unwrap(), None);
    let deadline = Instant::now() + Duration::from_secs(20);
    while connections() > 1 {
        assert!(Instant::now() < deadline, "it is still open");
    }
    drop(store);
    while connections() > 0 {
        assert!(Instant::now() < deadline, "the store's is still open");
    }
}

#[test]
fn a_short_deadline_gives_a_silent_connection_up() {
    if !test_servers::installed() {
        return;
    }
    // Without a pause, the next load begins before the watch notices the end of the last one.
    for (deadline, pause) in [(40, 0), (40, 110), (200, 110)] {
        let proxy = Proxy::to(server().port());
        let prefix = prefix();
        let builder = RedisStore::builder().prefix(prefix.as_str()).load_deadline(Duration::from_millis(deadline));
        let hurried = builder.open(&proxy.url()).unwrap();
        let id = id();
        block_on(hurried.create(&record(id).build().unwrap())).unwrap();
        proxy.silence();
        let end = Instant::now() + Duration::from_secs(20);
        while block_on(hurried.load(id, NOW)).is_err() {
            assert!(Instant::now() < end, "it never got a new connection, {pause} ms apart");
            thread::sleep(Duration::from_millis(pause));
        }
    }
}

#[test]
fn a_frozen_server_costs_only_the_deadline() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let builder = RedisStore::builder().load_deadline(Duration::from_millis(600)).max_in_flight(4);
    let store = builder.commit_deadline(Duration::from_millis(600)).open(&server.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    server.freeze();
    let begun = Instant::now();
    assert!(block_on(store.load(id, NOW)).is_err());
    let took = begun.elapsed();
    assert!((450..10_000).contains(&took.as_millis()), "{took:?}");
    // The silent connection was given up, and there is no other, so this call was not even sent. It
    // does not wait as long as the first one, though on a busy machine, most may be late.
    let fails_soon = |_| {
        let begun = Instant::now();
        let error = block_on(commit(&store, id, &changes())).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        begun.elapsed() < Duration::from_millis(450)
    };
    assert!((0..20).any(fails_soon), "it waits for the server to return");

    // Operations beyond the limit are refused at once, and known not to have been done.
    let waiting: Vec<_> = (0..4).map(|_| store.load(id, NOW)).collect();
    let refused = store.load(id, NOW).now_or_never().unwrap();
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Busy);
    drop(waiting);
    server.thaw();
    let deadline = Instant::now() + Duration::from_secs(10);
    while block_on(store.load(id, NOW)).is_err() {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_write_of_several_calls_has_one_deadline() {
    if !test_servers::installed() {
        return;
    }
    for is_new in [false, true] {
        let proxy = Proxy::to(server().port());
        let builder = RedisStore::builder().prefix(prefix()).commit_deadline(Duration::from_millis(300));
        let store = builder.open(&proxy.url()).unwrap();
        until(|| block_on(store.ping()).is_ok(), "the store never connected");
        let [first, second] = [id(), id()];
        block_on(store.create(&record(first).build().unwrap())).unwrap();
        // Less than a silence.
        proxy.delay_replies(190);
        let begun = Instant::now();
        let error = if is_new {
            block_on(store.create(&record(second).principal(Some("user")).build().unwrap())).unwrap_err()
        } else {
            block_on(commit(&store, first, &changes().bind("user"))).unwrap_err()
        };
        assert_eq!(error.kind(), StoreErrorKind::TimedOut);
        let took = begun.elapsed();
        assert!((280..10_000).contains(&took.as_millis()), "{took:?}");
    }
}

#[test]
fn a_paused_server_is_waited_for_within_the_deadline() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    for mode in ["ALL", "WRITE"] {
        assert_eq!(server.cli(&["CLIENT", "PAUSE", "700", mode]), "OK");
        block_on(commit(&store, id, &changes().increment("count", 1))).unwrap().unwrap();
    }
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "count").unwrap(), "2");
}
