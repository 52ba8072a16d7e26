//! Faults of one server: lost replies, restarts, wiped memory.
//!
//! What was acknowledged holds, what was refused was not done, and the store works again once the
//! server does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    NOW, SECRET, changes, commit, create_on_disk, id, names, patient, prefix, record, server, text, until, valkey,
};
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_store::{Changes, Created, Lifetime, Refusal, SecretHash, Store, StoreErrorKind};
use test_servers::{Options, Proxy, RaiseOnDrop, Server};

const NEW_SECRET: SecretHash = SecretHash::from_bytes([8; 32]);

#[test]
fn a_write_with_a_lost_reply_is_done_once() {
    if !test_servers::installed() {
        return;
    }
    let mut servers = vec![server()];
    if test_servers::valkey_is_installed() {
        servers.push(valkey());
    }
    for server in servers {
        let proxy = Proxy::to(server.port());
        let prefix = prefix();
        let store = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
        block_on(store.ping()).unwrap();
        let lost = |what: &dyn Fn()| {
            let before = proxy.losses();
            proxy.lose_next_reply();
            what();
            assert_eq!(proxy.losses(), before + 1, "an answer was lost");
        };
        let id = id();
        // Small ones are replaced, large ones patched.
        for size in [1, 20_000] {
            let first = record(id).entry("count", b"1").entry("size", &vec![b'x'; size]).build().unwrap();
            block_on(store.create(&first)).unwrap();
            let load = || block_on(store.load(id, NOW)).unwrap().unwrap();
            let commit = |changes: &Changes| block_on(store.commit(&load(), changes)).unwrap();
            // This connection knows what the server can, and the server the scripts.
            commit(&changes()).unwrap();
            let base = load();
            lost(&|| drop(block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap()));
            assert_eq!(text(&load(), "count").unwrap(), "2");
            let base = load();
            lost(&|| {
                let compared = changes().require("count", Some(b"2")).set("count", b"5");
                block_on(store.commit(&base, &compared)).unwrap().unwrap();
            });
            assert_eq!(text(&load(), "count").unwrap(), "5");
            let base = load();
            lost(&|| {
                let login = changes().renew(NEW_SECRET).set("user", b"1");
                block_on(store.commit(&base, &login)).unwrap().unwrap();
            });
            assert!(load().secret_hash() == NEW_SECRET);
            assert_eq!(commit(&changes().set("user", b"2")), Err(Refusal::Gone));
            lost(&|| assert!(block_on(store.destroy(id)).unwrap(), "there was one"));
            assert!(!block_on(store.destroy(id)).unwrap());
        }
        // Nobody knows the token of a session whose creation got no answer.
        let fresh = record(id).build().unwrap();
        lost(&|| assert_eq!(block_on(store.create(&fresh)).unwrap(), Created::Unanswered));
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.cli(&["EXISTS", &format!("{prefix}{id}")]) != "0" {
            assert!(Instant::now() < deadline, "it stays");
        }
    }
}

#[test]
fn a_retry_does_not_undo_later_writes() {
    if !test_servers::installed() {
        return;
    }
    let prefix = prefix();
    let proxy = Proxy::to(server().port());
    let flaky = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    let steady = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    let id = id();
    block_on(steady.create(&record(id).build().unwrap())).unwrap();
    for round in 0..50_u8 {
        block_on(flaky.ping()).unwrap();
        proxy.lose_next_reply();
        thread::scope(|scope| {
            let earlier = scope.spawn(|| block_on(commit(&flaky, id, &changes().set("key", b"earlier"))).unwrap());
            // As soon as the first try has been applied, somebody else writes. Its retry is still
            // to come.
            let is_applied = || block_on(steady.load(id, NOW)).unwrap().unwrap().version() != u32::from(round) * 2;
            until(is_applied, "the first try was never applied");
            block_on(commit(&steady, id, &changes().set("key", b"later"))).unwrap().unwrap();
            earlier.join().unwrap().unwrap();
        });
        let found = block_on(steady.load(id, NOW)).unwrap().unwrap();
        assert_eq!(text(&found, "key").unwrap(), "later");
        assert_eq!(found.version(), u32::from(round) * 2 + 2);
    }
}

#[test]
fn a_late_first_try_does_nothing() {
    if !test_servers::installed() {
        return;
    }
    let mut servers = vec![server()];
    if test_servers::valkey_is_installed() {
        servers.push(valkey());
    }
    for server in servers {
        let prefix = prefix();
        let proxy = Proxy::to(server.port());
        let store = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
        let steady = patient().prefix(prefix.as_str()).open(&server.url()).unwrap();
        // Delivers the first try of a call after another try has been answered, and more has
        // happened.
        let late = |call: &dyn Fn(), meanwhile: &dyn Fn()| {
            // A connection that is up, and knows what the server can.
            block_on(store.ping()).unwrap();
            proxy.hold_next_request();
            call();
            meanwhile();
            let arrived = server.commands_during(|| {
                proxy.release_request();
                thread::sleep(Duration::from_millis(100));
            });
            assert!(arrived.iter().any(|words| words.iter().any(|word| word.contains(&prefix))), "{arrived:?}");
        };
        for size in [1, 20_000] {
            let id = id();
            let first = record(id).entry("count", b"1").entry("size", &vec![b'x'; size]).build().unwrap();
            block_on(steady.create(&first)).unwrap();
            // The server knows the scripts.
            block_on(commit(&steady, id, &changes().increment("count", 1))).unwrap().unwrap();
            let load = || block_on(steady.load(id, NOW)).unwrap();
            let base = load().unwrap();
            let increment = || drop(block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap());
            late(&increment, &|| {});
            assert_eq!(text(&load().unwrap(), "count").unwrap(), "3");
            let base = load().unwrap();
            let set = || drop(block_on(store.commit(&base, &changes().set("count", b"4"))).unwrap().unwrap());
            late(&set, &|| drop(block_on(commit(&steady, id, &changes().set("count", b"5"))).unwrap().unwrap()));
            assert_eq!(text(&load().unwrap(), "count").unwrap(), "5", "it puts no old value back");
            let base = load().unwrap();
            let touch = || drop(block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap());
            late(&touch, &|| assert!(block_on(steady.destroy(id)).unwrap()));
            assert!(load().is_none(), "it brings nothing back");
            block_on(steady.create(&first)).unwrap();
            late(&|| assert!(block_on(store.destroy(id)).unwrap()), &|| {});
            assert!(load().is_none());
        }
    }
}

#[test]
fn a_late_create_makes_no_session_that_anybody_knows() {
    if !test_servers::installed() {
        return;
    }
    let proxy = Proxy::to(server().port());
    let store = patient().open(&proxy.url()).unwrap();
    block_on(store.ping()).unwrap();
    let id = id();
    proxy.hold_next_request();
    // Not even a retry that succeeds is an answer: the first try may arrive after a logout. The
    // caller takes another id and another secret.
    assert_eq!(block_on(store.create(&record(id).build().unwrap())).unwrap(), Created::Unanswered);
}

#[test]
fn increments_are_exact_despite_lost_replies() {
    const ROUNDS: usize = 12;
    if !test_servers::installed() {
        return;
    }
    // Many rounds: a request must not wait for ever if its connection breaks while it is being
    // handed over.
    for _ in 0..ROUNDS {
        let proxy = Proxy::to(server().port());
        let store = patient().commit_deadline(Duration::from_secs(10)).open(&proxy.url()).unwrap();
        let id = id();
        block_on(store.create(&record(id).build().unwrap())).unwrap();
        proxy.lose_every(5);
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        block_on(commit(&store, id, &changes().increment("count", 1))).unwrap().unwrap();
                    }
                });
            }
        });
        let losses = proxy.losses();
        proxy.lose_every(-1);
        assert!(losses >= 3, "{losses} answers were lost");
        assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "count").unwrap(), "800");
    }
}

#[test]
fn forgotten_scripts_are_sent_again() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    for count in 1..4 {
        assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
        let commands = server.commands_during(|| {
            let base = block_on(store.load(id, NOW)).unwrap().unwrap();
            block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap();
        });
        assert!(names(&commands).ends_with(&["EVALSHA", "EVAL"]), "{commands:?}");
        let found = block_on(store.load(id, NOW)).unwrap().unwrap();
        assert_eq!(text(&found, "count").unwrap(), count.to_string());
    }
}

/// Regression: the first call after a restart counted as sent, and might have ended a session.
#[test]
fn a_call_on_a_connection_that_has_ended_is_not_in_doubt() {
    if !test_servers::installed() {
        return;
    }
    let mut server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    for _ in 0..3 {
        block_on(store.ping()).unwrap();
        server.kill();
        server.restart();
        assert!(!block_on(store.destroy(id())).unwrap(), "there was no session");
    }
}

#[test]
fn wiped_sessions_are_gone_and_new_ones_work() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let [before, after] = [id(), id()];
    block_on(store.create(&record(before).principal(Some("user")).build().unwrap())).unwrap();
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    assert!(block_on(store.load(before, NOW)).unwrap().is_none());
    let writes = [
        changes().set("a", b"1"),
        changes().bind("user"),
        changes().lifetime(Lifetime::ENDLESS.with_idle(Duration::from_secs(9))),
    ];
    for change in writes {
        assert_eq!(block_on(commit(&store, before, &change)).unwrap(), Err(Refusal::Gone));
    }
    assert!(!block_on(store.destroy(before)).unwrap());
    assert_eq!(server.cli(&["EXISTS", &format!("session:{before}")]), "0", "nothing was brought back");
    assert_eq!(block_on(store.create(&record(after).build().unwrap())).unwrap(), Created::STORED);
}

#[test]
fn a_full_server_still_destroys_sessions() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).entry("a", b"1").build().unwrap())).unwrap();
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    assert_eq!(block_on(store.create(&record(crate::support::id()).build().unwrap())).unwrap(), Created::Full);
    let error = block_on(commit(&store, id, &changes().set("a", b"2").set("b", b"3"))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "a").unwrap(), "1", "all or nothing");
    assert!(block_on(store.destroy(id)).unwrap());
}

#[test]
fn a_demoted_server_is_retried_until_promoted() {
    if !test_servers::installed() {
        return;
    }
    let [server, other] = [Server::start(), Server::start()];
    let store = patient().open(&server.url()).unwrap();
    let hurried = RedisStore::builder().open(&server.url()).unwrap();
    let create = |store: &RedisStore| block_on(store.create(&record(id()).build().unwrap()));
    assert_eq!(create(&hurried).unwrap(), Created::STORED);
    assert_eq!(server.cli(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]), "OK");
    assert!(create(&hurried).is_err());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| create(&store).unwrap());
        assert_eq!(server.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
        assert_eq!(waiting.join().unwrap(), Created::STORED);
    });
}

/// Clients increment counters, each in its own session, while the server is killed and restarted.
#[test]
fn nothing_acknowledged_is_lost_while_the_server_restarts() {
    if !test_servers::installed() {
        return;
    }
    const CLIENTS: usize = 8;
    let mut server = Options::new().durable().start();
    let store = RedisStore::builder().open(&server.url()).unwrap();
    let ids: Vec<_> = (0..CLIENTS).map(|number| create_on_disk(&store, "whose", &number.to_string())).collect();
    let destroyed = create_on_disk(&store, "whose", "nobody's");
    assert!(block_on(store.destroy(destroyed)).unwrap());
    let [acknowledged, in_doubt]: [Vec<AtomicU64>; 2] =
        [(); 2].map(|()| (0..CLIENTS).map(|_| AtomicU64::new(0)).collect());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (number, id) in ids.iter().enumerate() {
            let (store, acknowledged, in_doubt, is_over) = (&store, &acknowledged[number], &in_doubt[number], &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    match block_on(commit(store, *id, &changes().increment("count", 1))) {
                        Ok(committed) => {
                            committed.unwrap();
                            acknowledged.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) if error.kind() == StoreErrorKind::TimedOut => {
                            in_doubt.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
                    }
                }
            });
        }
        // Also if the rest fails: the clients would run for ever.
        let _over = RaiseOnDrop(&is_over);
        for _ in 0..4 {
            let target = acknowledged.iter().map(|count| count.load(Ordering::SeqCst) + 20).collect::<Vec<_>>();
            let deadline = Instant::now() + Duration::from_secs(30);
            while acknowledged.iter().zip(&target).any(|(count, target)| count.load(Ordering::SeqCst) < *target) {
                assert!(Instant::now() < deadline, "all clients get on again");
                thread::yield_now();
            }
            server.kill();
            server.restart();
        }
    });
    let store = patient().prefix("session:").open(&server.url()).unwrap();
    for (number, id) in ids.iter().enumerate() {
        let found = block_on(store.load(*id, NOW)).unwrap().unwrap();
        assert_eq!(text(&found, "whose").unwrap(), number.to_string());
        let count: u64 = text(&found, "count").unwrap().parse().unwrap();
        let least = acknowledged[number].load(Ordering::SeqCst);
        let most = least + in_doubt[number].load(Ordering::SeqCst);
        assert!((least..=most).contains(&count), "{count} of {least} to {most}");
    }
    assert!(block_on(store.load(destroyed, NOW)).unwrap().is_none());
    assert_eq!(block_on(commit(&store, destroyed, &Changes::new(NOW, SECRET))).unwrap(), Err(Refusal::Gone));
}

#[test]
fn a_listing_survives_the_restart_of_its_server() {
    if !test_servers::installed() {
        return;
    }
    let mut server = Options::new().durable().start();
    let store = patient().open(&server.url()).unwrap();
    let mut missing: BTreeSet<_> =
        (0..300).map(|number| create_on_disk(&store, "number", &number.to_string())).collect();
    let mut cursor = None;
    let mut pages = 0;
    loop {
        let page = block_on(store.scan(cursor, 10, NOW)).unwrap();
        for record in &page.records {
            missing.remove(&record.id());
        }
        pages += 1;
        if pages % 5 == 0 && pages <= 15 {
            server.kill();
            server.restart();
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        assert!(pages < 10_000, "the listing has no end");
    }
    assert!(pages > 15, "{pages} pages");
    assert!(missing.is_empty(), "{} were not listed", missing.len());
}
