//! Faults of one server: lost replies, restarts, wiped memory.
//!
//! What was acknowledged holds, what was refused was not done, and the store works again once the
//! server does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{NOW, SECRET, changes, id, names, patient, prefix, record, server, text};
use pollster::block_on;
use sessions_core::record::{Changes, Record, SecretHash};
use sessions_core::store::{Committed, Created, Store, StoreErrorKind, Taken};
use sessions_redis::RedisStore;
use test_servers::{Options, Proxy, Server};

const NEW_SECRET: SecretHash = SecretHash::from_bytes([8; 32]);

#[test]
fn a_write_with_a_lost_reply_is_done_once() {
    if !test_servers::installed() {
        return;
    }
    let proxy = Proxy::to(server().port());
    let store = patient().open(&proxy.url()).unwrap();
    block_on(store.ping()).unwrap();
    let lost = |what: &dyn Fn()| {
        let before = proxy.losses();
        proxy.lose_next_reply();
        what();
        assert_eq!(proxy.losses(), before + 1, "an answer was lost");
    };
    let id = id();
    let first = record(id).entry("count", b"1").entry("once", b"v").build().unwrap();
    let load = || block_on(store.load(id, NOW)).unwrap().unwrap();

    lost(&|| assert_eq!(block_on(store.create(&first)).unwrap(), Created::STORED));
    assert_eq!(block_on(store.create(&first)).unwrap(), Created::Exists);
    lost(&|| {
        assert_eq!(block_on(store.commit(id, &changes().increment("count", 1))).unwrap(), Committed::Applied);
    });
    assert_eq!((text(&load(), "count").unwrap().as_str(), load().version()), ("2", 1));
    lost(&|| {
        let compared = changes().require("count", Some(b"2")).set("count", b"5");
        assert_eq!(block_on(store.commit(id, &compared)).unwrap(), Committed::Applied);
    });
    assert_eq!((text(&load(), "count").unwrap().as_str(), load().version()), ("5", 2));
    lost(&|| assert!(block_on(store.take(id, &SECRET, "once", NOW)).unwrap() == Taken::Value(b"v".to_vec())));
    assert!(block_on(store.take(id, &SECRET, "once", NOW)).unwrap() == Taken::Absent);
    lost(&|| {
        let login = changes().renew(NEW_SECRET).set("user", b"1");
        assert_eq!(block_on(store.commit(id, &login)).unwrap(), Committed::Applied);
    });
    assert!(load().secret_hash() == NEW_SECRET);
    assert_eq!(block_on(store.commit(id, &changes().set("user", b"2"))).unwrap(), Committed::Gone);
    lost(&|| assert!(block_on(store.destroy(id)).unwrap(), "there was one"));
    assert!(!block_on(store.destroy(id)).unwrap());
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
            let earlier = scope.spawn(|| block_on(flaky.commit(id, &changes().set("key", b"earlier"))).unwrap());
            // As soon as the first try has been applied, somebody else writes. Its retry is still
            // to come.
            while block_on(steady.load(id, NOW)).unwrap().unwrap().version() == u64::from(round) * 2 {}
            block_on(steady.commit(id, &changes().set("key", b"later"))).unwrap();
            assert_eq!(earlier.join().unwrap(), Committed::Applied);
        });
        let found = block_on(steady.load(id, NOW)).unwrap().unwrap();
        assert_eq!(text(&found, "key").unwrap(), "later");
        assert_eq!(found.version(), u64::from(round) * 2 + 2);
    }
}

/// Sends a command again, as a connection does that broke after it had accepted the command.
fn send_late(command: &[String]) {
    let _ = server().cli(&command.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_late_first_try_does_nothing() {
    if !test_servers::installed() {
        return;
    }
    let store = patient().open(&server().url()).unwrap();
    let id = id();
    // The monitor has to be able to print it.
    let secret = SecretHash::from_bytes([b's'; 32]);
    let first = Record::builder(id, secret, NOW).entry("count", b"1").entry("once", b"v").build().unwrap();
    block_on(store.create(&Record::builder(crate::support::id(), secret, NOW).build().unwrap())).unwrap();
    let mine = |commands: Vec<Vec<String>>| {
        commands
            .into_iter()
            .find(|words| words[0].starts_with("EVAL") && words.iter().any(|word| word.ends_with(&id.to_string())))
    };
    let load = || block_on(store.load(id, NOW)).unwrap().unwrap();
    let create = mine(server().commands_during(|| {
        assert_eq!(block_on(store.create(&first)).unwrap(), Created::STORED);
    }));
    // The server knows the scripts.
    block_on(store.commit(id, &Changes::new(NOW, secret))).unwrap();
    assert!(block_on(store.take(id, &secret, "nothing", NOW)).unwrap() == Taken::Absent);

    let increment = mine(server().commands_during(|| {
        block_on(store.commit(id, &Changes::new(NOW, secret).increment("count", 1))).unwrap();
    }));
    send_late(&increment.unwrap());
    assert_eq!((text(&load(), "count").unwrap().as_str(), load().version()), ("2", 2));

    let take = mine(server().commands_during(|| {
        assert!(block_on(store.take(id, &secret, "once", NOW)).unwrap() == Taken::Value(b"v".to_vec()));
    }));
    block_on(store.commit(id, &Changes::new(NOW, secret).set("once", b"again"))).unwrap();
    send_late(&take.unwrap());
    assert_eq!(text(&load(), "once").unwrap(), "again");

    assert!(block_on(store.destroy(id)).unwrap());
    send_late(&create.unwrap());
    assert!(block_on(store.load(id, NOW)).unwrap().is_none(), "it came back");
}

#[test]
fn a_late_create_revives_no_ended_session() {
    if !test_servers::installed() {
        return;
    }
    let proxy = Proxy::to(server().port());
    let store = patient().open(&proxy.url()).unwrap();
    // The server knows the script.
    block_on(store.create(&record(id()).build().unwrap())).unwrap();
    let id = id();
    proxy.hold_next_request();
    assert_eq!(block_on(store.create(&record(id).build().unwrap())).unwrap(), Created::STORED);
    assert!(block_on(store.destroy(id)).unwrap());
    let commands = server().commands_during(|| {
        proxy.release_request();
        thread::sleep(Duration::from_millis(100));
    });
    let is_late = |words: &Vec<String>| words.iter().any(|word| word.ends_with(&id.to_string()));
    assert!(commands.iter().any(is_late), "it has arrived");
    assert!(block_on(store.load(id, NOW)).unwrap().is_none());
    assert_eq!(block_on(store.commit(id, &changes())).unwrap(), Committed::Gone);
}

#[test]
fn a_retried_create_revives_no_ended_session() {
    if !test_servers::installed() {
        return;
    }
    let prefix = prefix();
    let proxy = Proxy::to(server().port());
    let flaky = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    let steady = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    for _ in 0..20 {
        let id = id();
        block_on(flaky.ping()).unwrap();
        proxy.lose_next_reply();
        thread::scope(|scope| {
            let creating = scope.spawn(|| block_on(flaky.create(&record(id).build().unwrap())).unwrap());
            while !block_on(steady.destroy(id)).unwrap() {}
            assert_eq!(creating.join().unwrap(), Created::STORED);
        });
        assert!(block_on(steady.load(id, NOW)).unwrap().is_none());
    }
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
                        let committed = block_on(store.commit(id, &changes().increment("count", 1))).unwrap();
                        assert_eq!(committed, Committed::Applied);
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
            let committed = block_on(store.commit(id, &changes().increment("count", 1))).unwrap();
            assert_eq!(committed, Committed::Applied);
        });
        assert_eq!(names(&commands), ["EVALSHA", "EVAL"]);
        let found = block_on(store.load(id, NOW)).unwrap().unwrap();
        assert_eq!(text(&found, "count").unwrap(), count.to_string());
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
    let writes = [changes().set("a", b"1"), changes().bind("user"), changes().idle(Duration::from_secs(9))];
    for change in writes {
        assert_eq!(block_on(store.commit(before, &change)).unwrap(), Committed::Gone);
    }
    assert!(block_on(store.take(before, &SECRET, "a", NOW)).unwrap() == Taken::Gone);
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
    let error = block_on(store.commit(id, &changes().set("a", b"2").set("b", b"3"))).unwrap_err();
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

/// Ends the background work when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
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
    let ids: Vec<_> = (0..CLIENTS).map(|_| id()).collect();
    for (number, id) in ids.iter().enumerate() {
        let number = number.to_string();
        block_on(store.create(&record(*id).entry("whose", number.as_bytes()).build().unwrap())).unwrap();
    }
    let destroyed = id();
    block_on(store.create(&record(destroyed).build().unwrap())).unwrap();
    assert!(block_on(store.destroy(destroyed)).unwrap());
    let [acknowledged, in_doubt]: [Vec<AtomicU64>; 2] =
        [(); 2].map(|()| (0..CLIENTS).map(|_| AtomicU64::new(0)).collect());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (number, id) in ids.iter().enumerate() {
            let (store, acknowledged, in_doubt, is_over) = (&store, &acknowledged[number], &in_doubt[number], &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    match block_on(store.commit(*id, &changes().increment("count", 1))) {
                        Ok(committed) => {
                            assert_eq!(committed, Committed::Applied);
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
        let _over = Over(&is_over);
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
    assert_eq!(block_on(store.commit(destroyed, &Changes::new(NOW, SECRET))).unwrap(), Committed::Gone);
}

#[test]
fn a_listing_survives_the_restart_of_its_server() {
    if !test_servers::installed() {
        return;
    }
    let mut server = Options::new().durable().start();
    let store = patient().open(&server.url()).unwrap();
    let mut missing: std::collections::BTreeSet<_> = (0..300).map(|_| id()).collect();
    for id in &missing {
        block_on(store.create(&record(*id).build().unwrap())).unwrap();
    }
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
    }
    assert!(pages > 15, "{pages} pages");
    assert!(missing.is_empty(), "{} were not listed", missing.len());
}
