//! Sessions whose slot is on its way to another server of a cluster.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::cluster::create_many;
use crate::support::{NOW, changes, commit, id, patient, record, text};
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_store::{Created, Record, SessionId, Store};
use test_servers::{Cluster, Server};

/// Moves a session to another server, but not yet its slot.
fn send_ahead(cluster: &Cluster, key: &str, meanwhile: impl FnOnce()) {
    let from = cluster.primary_of(key);
    let to = (0..3).find(|at| *at != from).unwrap();
    let servers = cluster.servers();
    let slot = servers[0].cli(&["CLUSTER", "KEYSLOT", key]);
    let names: Vec<_> = servers.iter().map(|server| server.cli(&["CLUSTER", "MYID"])).collect();
    assert_eq!(servers[to].cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &names[from]]), "OK");
    assert_eq!(servers[from].cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &names[to]]), "OK");
    meanwhile();
    let port = servers[to].port().to_string();
    assert_eq!(servers[from].cli(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]), "OK");
}

#[test]
fn a_session_in_a_moving_slot_is_written() {
    if !test_servers::installed() {
        return;
    }
    let cluster = Cluster::start();
    // All are in one slot.
    let store = RedisStore::builder().prefix("{a}:").open(&cluster.url()).unwrap();
    let [id, new] = [id(), id()];
    block_on(store.create(&record(id).entry("once", b"v").build().unwrap())).unwrap();
    let increment = || block_on(commit(&store, id, &changes().increment("count", 1)));
    send_ahead(&cluster, &format!("{{a}}:{id}"), || drop(increment().unwrap().unwrap()));
    increment().unwrap().unwrap();
    block_on(commit(&store, id, &changes())).unwrap().unwrap();
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "count").unwrap(), "2");
    assert_eq!(block_on(store.create(&record(new).build().unwrap())).unwrap(), Created::STORED);
    assert_eq!(block_on(store.create(&record(new).build().unwrap())).unwrap(), Created::Exists);
    assert!(block_on(store.destroy(new)).unwrap());
}

#[test]
fn a_nameless_server_can_redirect() {
    if !test_servers::installed() {
        return;
    }
    let cluster = Cluster::start();
    for server in cluster.servers() {
        assert_eq!(server.cli(&["CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname"]), "OK");
    }
    let store = RedisStore::builder().open(&cluster.url()).unwrap();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    send_ahead(&cluster, &format!("session:{id}"), || {});
    assert!(block_on(store.load(id, NOW)).unwrap().is_some());
}

#[test]
fn a_session_that_moves_behind_a_walk_is_found() {
    if !test_servers::installed() {
        return;
    }
    let cluster = Cluster::start();
    let store = patient().prefix("session:").open(&cluster.url()).unwrap();
    let ids = create_many(&store, 60);
    let key = |id: &SessionId| format!("session:{id}");
    let servers = cluster.servers();
    let has = |server: &Server, bound: &str| {
        let nodes = server.cli(&["CLUSTER", "NODES"]);
        nodes.lines().any(|line| line.contains("myself") && line.contains(bound))
    };
    // The walk begins at the server that has the first slot, and ends at that of the last one.
    let first = servers.iter().position(|server| has(server, " 0-")).unwrap();
    let from = servers.iter().position(|server| has(server, "-16383")).unwrap();
    let mover = *ids.iter().find(|id| cluster.primary_of(&key(id)) == from).unwrap();
    let slot = servers[0].cli(&["CLUSTER", "KEYSLOT", &key(&mover)]);
    let name = |at: usize| servers[at].cli(&["CLUSTER", "MYID"]);
    assert_eq!(servers[first].cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &name(from)]), "OK");
    assert_eq!(servers[from].cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &name(first)]), "OK");
    let at_first: Vec<_> = ids.iter().filter(|id| cluster.primary_of(&key(id)) == first).collect();
    let (mut listed, mut cursor, mut has_moved) = (BTreeSet::new(), None, false);
    let begun = Instant::now();
    loop {
        let page = block_on(store.scan(cursor, 10, NOW)).unwrap();
        listed.extend(page.records.iter().map(Record::id));
        cursor = page.next;
        if !has_moved && listed.len() > at_first.len() && at_first.iter().all(|id| listed.contains(id)) {
            assert!(!listed.contains(&mover));
            let port = servers[first].port().to_string();
            assert_eq!(servers[from].cli(&["MIGRATE", "127.0.0.1", &port, &key(&mover), "0", "5000"]), "OK");
            has_moved = true;
        }
        if cursor.is_none() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the listing has no end");
    }
    assert!(has_moved && listed == ids, "{} of {}", listed.len(), ids.len());
    // What is between two servers may be counted at both.
    assert!((60..=61).contains(&block_on(store.count()).unwrap()));
    assert_eq!(block_on(store.destroy_all()).unwrap(), 60);
}
