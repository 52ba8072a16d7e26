//! Which replies wait for replicas. A WAIT for no replica is answered at once, but is counted.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::support::{NOW, changes, commit, id, names, patient, record};
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_store::{SecretHash, SessionId, Store, StoreErrorKind};
use test_servers::{Options, Proxy, Server};

/// Length of an entry that makes its record be patched rather than replaced.
const LARGE: usize = 20_000;

fn secret(number: u8) -> SecretHash {
    SecretHash::from_bytes([number; 32])
}

/// Opens a store that waits for replicas, and makes its connections.
fn waiting(url: &str) -> RedisStore {
    let store = patient().prefix("session:").wait_for_replicas(0, Duration::from_millis(300)).open(url).unwrap();
    block_on(store.ping()).unwrap();
    let id = create(&store, LARGE);
    // The server learns the scripts.
    for renewal in [changes().rotate(secret(2), NOW), changes().renew(secret(3)).set("size", b"")] {
        block_on(commit(&store, id, &renewal)).unwrap().unwrap();
    }
    assert_eq!(block_on(store.destroy_of_principal("user", None)).unwrap(), [id]);
    store
}

fn create(store: &RedisStore, size: usize) -> SessionId {
    let id = id();
    let new = record(id).entry("size", &vec![b'x'; size]).principal(Some("user")).build().unwrap();
    block_on(store.create(&new)).unwrap();
    id
}

/// Returns the names of the commands that concern sessions or wait.
fn sent(server: &Server, work: impl FnOnce()) -> Vec<String> {
    let commands = server.commands_during(work);
    let ours = ["SET", "GET", "GETDEL", "EVALSHA", "WAIT"];
    names(&commands).into_iter().filter(|name| ours.contains(name)).map(str::to_owned).collect()
}

/// Runs a test on each kind of server.
fn on_each(test: impl Fn(&Server)) {
    if test_servers::installed() {
        test(&Server::start());
    }
    if test_servers::valkey_is_installed() {
        test(&Options::new().valkey().start());
    }
}

#[test]
fn only_a_swap_that_wrote_waits() {
    on_each(|server| {
        let store = waiting(&server.url());
        for size in [1, LARGE] {
            let id = create(&store, size);
            let base = block_on(store.load(id, NOW)).unwrap().unwrap();
            block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap();
            // The first try finds the increment.
            let renewal = changes().renew(secret(8));
            let commands = sent(server, || drop(block_on(store.commit(&base, &renewal)).unwrap().unwrap()));
            assert_eq!(commands, ["EVALSHA", "EVALSHA", "WAIT"], "{size}");
            // What was read is outdated, and the token no longer valid.
            let commands = sent(server, || assert!(block_on(store.commit(&base, &renewal)).unwrap().is_err()));
            assert_eq!(commands, ["EVALSHA"], "{size}");
        }
    });
}

/// Without its entry, the session would survive the end of all sessions of its principal.
#[test]
fn a_login_waits_until_it_is_listed() {
    on_each(|server| {
        let store = waiting(&server.url());
        assert_eq!(sent(server, || _ = create(&store, 1)), ["EVALSHA", "WAIT", "SET"]);
        let id = id();
        block_on(store.create(&record(id).build().unwrap())).unwrap();
        let anonymous = block_on(store.load(id, NOW)).unwrap().unwrap();
        let login = changes().bind("user").renew(secret(8));
        let commands = sent(server, || drop(block_on(store.commit(&anonymous, &login)).unwrap().unwrap()));
        assert_eq!(commands, ["EVALSHA", "WAIT", "EVALSHA", "WAIT"]);
    });
}

#[test]
fn a_swap_found_done_by_a_lost_try_waits() {
    on_each(|server| {
        let proxy = Proxy::to(server.port());
        let store = waiting(&proxy.url());
        for size in [1, LARGE] {
            let id = create(&store, size);
            let base = block_on(store.load(id, NOW)).unwrap().unwrap();
            proxy.lose_next_reply();
            let renewal = changes().renew(secret(8));
            let commands = sent(server, || drop(block_on(store.commit(&base, &renewal)).unwrap().unwrap()));
            assert_eq!(commands, ["EVALSHA", "EVALSHA", "SET", "WAIT"], "{size}");
        }
    });
}

/// A logout that too few replicas confirmed is an error, and is repeated.
#[test]
fn to_find_no_session_waits() {
    on_each(|server| {
        let store = waiting(&server.url());
        let id = create(&store, 1);
        let end = || {
            let _ = block_on(store.destroy(id)).unwrap();
        };
        assert_eq!(sent(server, end), ["GETDEL", "WAIT"]);
        assert_eq!(sent(server, end), ["GETDEL", "SET", "WAIT"]);
        // Its entry in the list of its principal remains.
        let id = create(&store, 1);
        assert_eq!(server.cli(&["DEL", &format!("session:{id}")]), "1");
        let end_all = || assert_eq!(block_on(store.destroy_of_principal("user", None)).unwrap(), []);
        // The first script lists the entries.
        assert_eq!(sent(server, end_all)[..4], ["EVALSHA", "EVALSHA", "SET", "WAIT"]);
    });
}

/// The end of a session is done before its confirmation fails.
#[test]
fn a_refused_wait_leaves_an_end_in_doubt() {
    on_each(|server| {
        let deadline = Duration::from_millis(500);
        let builder = RedisStore::builder().prefix("session:").commit_deadline(deadline);
        let store = builder.wait_for_replicas(0, Duration::from_secs(5)).open(&server.url()).unwrap();
        for forbidden in ["-wait", "-set"] {
            let id = create(&store, 1);
            assert_eq!(server.cli(&["ACL", "SETUSER", "default", forbidden]), "OK");
            if forbidden == "-set" {
                // Then there is nothing to end, and it is the write before WAIT that is refused.
                assert_eq!(server.cli(&["DEL", &format!("session:{id}")]), "1");
            }
            let error = block_on(store.destroy(id)).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::TimedOut, "{forbidden}");
            let cause = error.source().unwrap().to_string();
            assert!(cause.contains("not confirmed") && cause.contains("NOPERM"), "{cause}");
            assert_eq!(server.cli(&["EXISTS", &format!("session:{id}")]), "0");
            assert_eq!(server.cli(&["ACL", "SETUSER", "default", "+@all"]), "OK");
        }
    });
}

#[test]
fn a_primary_demoted_while_an_end_waits_leaves_it_in_doubt() {
    if !test_servers::installed() {
        return;
    }
    let [server, other] = [Server::start(), Server::start()];
    let builder = RedisStore::builder().prefix("session:").commit_deadline(Duration::from_secs(1));
    let store = builder.wait_for_replicas(1, Duration::from_secs(1)).open(&server.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    let kind = std::thread::scope(|scope| {
        let ending = scope.spawn(|| block_on(store.destroy(id)).map_err(|error| error.kind()));
        let begun = Instant::now();
        while !server.cli(&["CLIENT", "LIST"]).contains("cmd=wait") {
            assert!(begun.elapsed() < Duration::from_secs(60), "the end does not wait");
            std::thread::yield_now();
        }
        assert_eq!(server.cli(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]), "OK");
        ending.join().unwrap()
    });
    assert_eq!(kind, Err(StoreErrorKind::TimedOut));
}

#[test]
fn a_full_server_confirms_that_nothing_is_left() {
    on_each(|server| {
        let store = waiting(&server.url());
        let id = create(&store, 1);
        // Its entry in the list of its principal remains.
        assert_eq!(server.cli(&["DEL", &format!("session:{id}")]), "1");
        assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
        let end_all = || assert_eq!(block_on(store.destroy_of_principal("user", None)).unwrap(), []);
        // What is refused is not among the commands.
        assert_eq!(sent(server, end_all)[..3], ["EVALSHA", "EVALSHA", "WAIT"]);
        assert!(!block_on(store.destroy(id)).unwrap());
    });
}
