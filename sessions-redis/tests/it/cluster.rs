//! A cluster of three primaries and three replicas.
//!
//! It is found from any of its servers, listed as a whole, and correct while slots move and servers
//! die.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{NOW, changes, cluster, commit, id, list, names, patient, record, text, until};
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_store::{Changes, Created, Refusal, SecretHash, SessionId, Store, StoreErrorKind, StoreFuture};
use test_servers::{Cluster, Options, Proxy, RaiseOnDrop, Server};

pub(crate) fn create_many(store: &RedisStore, count: usize) -> BTreeSet<SessionId> {
    let create = |id| {
        let user = record(id).principal(Some("user")).entry("id", b"1").build().unwrap();
        assert_eq!(block_on(store.create(&user)).unwrap(), Created::STORED);
        id
    };
    (0..count).map(|_| create(id())).collect()
}

#[test]
fn sessions_are_listed_from_every_server() {
    if !test_servers::installed() {
        return;
    }
    let prefix = crate::support::prefix();
    // One server is enough to find the others.
    let one = format!("redis-cluster://127.0.0.1:{}", cluster().servers()[5].port());
    let store = patient().prefix(prefix.as_str()).open(&one).unwrap();
    let ids = create_many(&store, 120);
    let keys = cluster().on_primaries(&["KEYS", &format!("{prefix}????????-????-*")]);
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|keys| keys.lines().count() > 10), "{keys:?}");

    assert_eq!(block_on(store.count()).unwrap(), 120);
    assert_eq!(list(&store), ids);
    assert_eq!(block_on(store.of_principal("user", NOW)).unwrap().len(), 120);
    let except = *ids.first().unwrap();
    assert_eq!(block_on(store.destroy_of_principal("user", Some(except))).unwrap().len(), 119);
    assert_eq!(block_on(store.destroy_all()).unwrap(), 1);
    assert_eq!(block_on(store.count()).unwrap(), 0);
}

#[test]
fn no_command_needs_a_redirect() {
    if !test_servers::installed() {
        return;
    }
    let store = patient().open(&cluster().url()).unwrap();
    let ids = create_many(&store, 40);
    let refusals = || {
        let stats = cluster().servers().iter().map(|server| server.cli(&["INFO", "errorstats"]));
        stats.filter(|stats| stats.contains("errorstat_MOVED")).collect::<Vec<_>>()
    };
    cluster().servers().iter().for_each(|server| drop(server.cli(&["CONFIG", "RESETSTAT"])));
    for id in &ids {
        block_on(commit(&store, *id, &changes().set("a", b"1"))).unwrap().unwrap();
        assert!(block_on(store.load(*id, NOW)).unwrap().is_some());
    }
    assert_eq!(refusals(), Vec::<String>::new());
}

#[test]
fn waiting_for_replicas_confirms_every_end() {
    if !test_servers::installed() {
        return;
    }
    let store = patient().wait_for_replicas(1, Duration::from_secs(5)).open(&cluster().url()).unwrap();
    let ids = create_many(&store, 30);
    let gone = *ids.first().unwrap();
    assert!(block_on(store.destroy(gone)).unwrap());
    assert!(!block_on(store.destroy(gone)).unwrap());
    assert_eq!(block_on(store.destroy_of_principal("user", None)).unwrap().len(), 29);
    assert_eq!(block_on(store.count()).unwrap(), 0);

    let lonely = Server::start();
    let store = RedisStore::builder()
        .commit_deadline(Duration::from_millis(300))
        .wait_for_replicas(1, Duration::from_millis(100))
        .open(&lonely.url())
        .unwrap();
    // Both connections are open.
    until(|| block_on(store.ping()).is_ok(), "the store never connected");
    let is_waiting = || block_on(store.destroy(id())).unwrap_err().kind() == StoreErrorKind::TimedOut;
    until(is_waiting, "the connection that waits was never open");
    let id = id();
    let first = record(id).build().unwrap();
    block_on(store.create(&first)).unwrap();
    block_on(store.commit(&first, &changes().set("a", b"1"))).unwrap().unwrap();
    let (sent, next) = (SecretHash::from_bytes([8; 32]), SecretHash::from_bytes([9; 32]));
    let first_use = Changes::new(NOW, sent);
    for changes in [changes().rotate(sent, NOW), first_use, Changes::new(NOW, sent).renew(next)] {
        let current = block_on(store.load(id, NOW)).unwrap().unwrap();
        assert_eq!(block_on(store.commit(&current, &changes)).unwrap_err().kind(), StoreErrorKind::TimedOut);
    }
    assert_eq!(block_on(store.destroy(id)).unwrap_err().kind(), StoreErrorKind::TimedOut);
    assert!(block_on(store.load(id, NOW)).unwrap().is_none());
}

/// Connects a replica with its primary, through a proxy.
fn replicate(primary: &Server, replica: &Server) -> Proxy {
    let replication = Proxy::to(primary.port());
    assert_eq!(primary.cli(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]), "OK");
    assert_eq!(replica.cli(&["REPLICAOF", "127.0.0.1", &replication.port().to_string()]), "OK");
    replication
}

/// Runs a test on a primary of each kind and its replica.
fn on_each_pair(test: impl Fn(&Server, &Server)) {
    if test_servers::installed() {
        test(&Server::start(), &Server::start());
    }
    // For its WAIT, only writes count.
    if test_servers::valkey_is_installed() {
        let start = || Options::new().valkey().start();
        test(&start(), &start());
    }
}

/// Opens a store that waits for a replica, for less than its deadline.
fn waiting(url: &str) -> RedisStore {
    let builder = RedisStore::builder().commit_deadline(Duration::from_millis(800));
    builder.wait_for_replicas(1, Duration::from_millis(200)).open(url).unwrap()
}

#[test]
fn replicas_confirm_an_end_after_a_lost_reply() {
    on_each_pair(|primary, replica| {
        let replication = replicate(primary, replica);
        let proxy = Proxy::to(primary.port());
        let store = waiting(&proxy.url());
        let steady = patient().prefix("session:").open(&primary.url()).unwrap();
        let id = id();
        block_on(steady.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
        let is_copied = || replica.cli(&["EXISTS", &format!("session:{id}")]) == "1";
        until(is_copied, "the replica never connected");
        // Both connections are open, and the server knows the script.
        block_on(store.ping()).unwrap();
        let _ = block_on(store.destroy(crate::support::id()));
        replication.swallow();
        proxy.lose_next_reply();
        let result = block_on(store.destroy(id));
        assert_eq!(proxy.losses(), 1);
        assert_eq!(result.unwrap_err().kind(), StoreErrorKind::TimedOut, "no replica has it");
    });
}

/// Without its entry, the session would survive the end of all sessions of its principal.
#[test]
fn replicas_confirm_an_entry_that_was_there() {
    on_each_pair(|primary, replica| {
        let replication = replicate(primary, replica);
        let store = waiting(&primary.url());
        let steady = patient().prefix("session:").open(&primary.url()).unwrap();
        let user = || record(id()).principal(Some("user")).build().unwrap();
        // Both connections are open, and the replica is there.
        block_on(steady.create(&user())).unwrap();
        until(|| block_on(store.create(&user())).is_ok(), "the replica never connected");
        replication.swallow();
        let new = user();
        block_on(steady.create(&new)).unwrap();
        let error = block_on(store.create(&new)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::TimedOut, "no replica has it");
    });
}

#[test]
fn ends_share_a_wait_for_replicas() {
    if !test_servers::installed() {
        return;
    }
    let [primary, replica] = [Server::start(), Server::start()];
    let replication = replicate(&primary, &replica);
    let store = patient().wait_for_replicas(1, Duration::from_secs(10)).open(&primary.url()).unwrap();
    let create = || {
        let id = id();
        block_on(store.create(&record(id).build().unwrap())).unwrap();
        id
    };
    assert!(block_on(store.destroy(create())).unwrap());
    let ids: Vec<_> = (0..50).map(|_| create()).collect();
    // Replicas confirm slowly.
    replication.delay_replies(20);
    let commands = primary.commands_during(|| {
        let ends = ids.iter().map(|id| store.destroy(*id));
        assert!(block_on(futures_util::future::try_join_all(ends)).unwrap().iter().all(|ended| *ended));
    });
    let count = |name: &str| names(&commands).iter().filter(|other| **other == name).count();
    assert_eq!(count("GETDEL"), 50);
    assert!((1..=5).contains(&count("WAIT")), "{} waits", count("WAIT"));
}

/// A client's session, and what the client knows of it.
struct Client {
    id: SessionId,
    acknowledged: AtomicU64,
    in_doubt: AtomicU64,
}

struct Load<'a> {
    store: &'a RedisStore,
    clients: Vec<Client>,
    is_over: AtomicBool,
    ended: Mutex<Vec<SessionId>>,
    /// Time that a session may be unreachable: after a failover, servers still name the one that
    /// failed.
    patience: Duration,
}

impl<'a> Load<'a> {
    fn new(store: &'a RedisStore, count: usize) -> Self {
        let clients = (0..count).map(|_| {
            let id = id();
            let whose = id.to_string();
            block_on(store.create(&record(id).entry("whose", whose.as_bytes()).build().unwrap())).unwrap();
            Client { id, acknowledged: AtomicU64::new(0), in_doubt: AtomicU64::new(0) }
        });
        Self {
            store,
            clients: clients.collect(),
            is_over: AtomicBool::new(false),
            ended: Mutex::default(),
            patience: Duration::ZERO,
        }
    }

    /// Increments, reads back, and never sees another client's session.
    fn write(&self, client: &Client) {
        while !self.is_over.load(Ordering::SeqCst) {
            match block_on(commit(self.store, client.id, &changes().increment("count", 1))) {
                Ok(committed) => {
                    committed.unwrap();
                    client.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) if error.kind() == StoreErrorKind::TimedOut => {
                    client.in_doubt.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
            }
            if let Ok(found) = block_on(self.store.load(client.id, NOW)) {
                assert_eq!(text(&found.unwrap(), "whose").unwrap(), client.id.to_string());
            }
        }
    }

    /// Creates and ends sessions.
    fn come_and_go(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let id = id();
            if block_on(self.store.create(&record(id).build().unwrap())).is_ok()
                && block_on(self.store.destroy(id)).is_ok()
            {
                self.ended.lock().unwrap().push(id);
            }
        }
    }

    /// Waits until every client has made so much progress, and as many sessions were created and
    /// ended.
    fn wait_for_progress(&self, count: usize) -> Duration {
        let begun = Instant::now();
        let now = |client: &Client| client.acknowledged.load(Ordering::SeqCst);
        let ended = || self.ended.lock().unwrap().len();
        let target: Vec<_> = self.clients.iter().map(|client| now(client) + count as u64).collect();
        let ended_target = ended() + count;
        let lags = || self.clients.iter().zip(&target).any(|(client, target)| now(client) < *target);
        while lags() || ended() < ended_target {
            assert!(begun.elapsed() < Duration::from_secs(60), "all clients get on again");
            thread::yield_now();
        }
        begun.elapsed()
    }

    fn run(&self, meanwhile: impl FnOnce()) {
        thread::scope(|scope| {
            for client in &self.clients {
                scope.spawn(|| self.write(client));
            }
            scope.spawn(|| self.come_and_go());
            scope.spawn(|| self.come_and_go());
            // Also if the rest fails: the clients would run for ever.
            let _over = RaiseOnDrop(&self.is_over);
            self.wait_for_progress(20);
            meanwhile();
        });
    }

    fn count(&self, client: &Client) -> u64 {
        let found = self.answered(|| self.store.load(client.id, NOW)).unwrap();
        assert_eq!(text(&found, "whose").unwrap(), client.id.to_string());
        text(&found, "count").unwrap().parse().unwrap()
    }

    fn assert_that_what_ended_stays_so(&self) {
        let ended = self.ended.lock().unwrap();
        assert!(ended.len() >= 25, "{} ended", ended.len());
        for id in ended.iter() {
            assert!(self.answered(|| self.store.load(*id, NOW)).is_none());
            assert_eq!(self.answered(|| commit(self.store, *id, &changes())), Err(Refusal::Gone));
        }
    }

    /// Repeats a call until there is an answer, within the patience.
    fn answered<T>(&self, call: impl Fn() -> StoreFuture<T>) -> T {
        let begun = Instant::now();
        loop {
            match block_on(call()) {
                Err(error) if error.kind() == StoreErrorKind::Unavailable && begun.elapsed() < self.patience => {}
                answer => return answer.unwrap(),
            }
        }
    }
}

#[test]
fn everything_is_exact_while_slots_move() {
    if !test_servers::installed() {
        return;
    }
    let cluster = Cluster::start();
    let store = patient().open(&cluster.url()).unwrap();
    let load = Load::new(&store, 12);
    let still = create_many(&store, 200);
    load.run(|| {
        let nodes: Vec<_> = cluster.servers()[..3].iter().map(|server| server.cli(&["CLUSTER", "MYID"])).collect();
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            let moved = thread::scope(|scope| {
                let moving = scope.spawn(|| cluster.move_slots(&nodes[from], &nodes[to], 400));
                // Nothing is left out of a listing, whatever is being moved.
                while !moving.is_finished() {
                    assert!(list(&store).is_superset(&still));
                }
                moving.join()
            });
            moved.unwrap();
            load.wait_for_progress(5);
        }
    });
    for client in &load.clients {
        assert_eq!(load.count(client), client.acknowledged.load(Ordering::SeqCst));
        assert_eq!(client.in_doubt.load(Ordering::SeqCst), 0);
    }
    load.assert_that_what_ended_stays_so();
}

#[test]
fn a_replica_replaces_a_killed_primary() {
    if !test_servers::installed() {
        return;
    }
    let mut cluster = Cluster::start();
    let store = RedisStore::builder().wait_for_replicas(1, Duration::from_millis(500)).open(&cluster.url()).unwrap();
    let load = Load { patience: Duration::from_secs(20), ..Load::new(&store, 12) };
    load.run(|| {
        cluster.servers_mut()[0].kill();
        let took = load.wait_for_progress(5);
        assert!(took < Duration::from_secs(20), "requests succeeded again after {took:?}");
    });
    // Acknowledged increments may be lost with a primary. None may be applied twice, or appear in
    // another session.
    for client in &load.clients {
        let most = client.acknowledged.load(Ordering::SeqCst) + client.in_doubt.load(Ordering::SeqCst);
        assert!((1..=most).contains(&load.count(client)));
    }
    load.assert_that_what_ended_stays_so();
}

#[test]
fn a_replica_replaces_a_silent_primary() {
    if !test_servers::installed() {
        return;
    }
    let cluster = Cluster::start();
    let store = patient().open(&cluster.url()).unwrap();
    let ids = create_many(&store, 30);
    cluster.wait_for_replicas();
    // It keeps its connections open, and redirects nobody.
    cluster.servers()[0].freeze();
    for id in &ids {
        assert!(block_on(store.load(*id, NOW)).unwrap().is_some());
    }
}

#[test]
fn a_demoted_primary_is_not_read() {
    if !test_servers::installed() {
        return;
    }
    let mut cluster = Cluster::start();
    let store = patient().open(&cluster.url()).unwrap();
    let ids = create_many(&store, 60);
    cluster.wait_for_replicas();
    cluster.servers_mut()[0].kill();
    for id in &ids {
        block_on(commit(&store, *id, &changes().set("after", b"1"))).unwrap().unwrap();
    }
    cluster.servers_mut()[0].restart();
    for id in &ids {
        assert_eq!(text(&block_on(store.load(*id, NOW)).unwrap().unwrap(), "after").unwrap(), "1");
    }
    assert_eq!(block_on(store.count()).unwrap(), 60);
}
