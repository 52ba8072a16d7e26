//! Failover: a primary of a cluster is killed under load, and its replica takes its place.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::{Framework, Options, Response, Server};
use test_servers::{Cluster, RaiseOnDrop};

use crate::expectations::{expect_kept, expect_unavailable, signed_in, wait_for, wait_until};

/// Time for a replica to take over, on a machine that is busy with other tests.
const FAILOVER: Duration = Duration::from_secs(20);
const CLIENTS: usize = 8;

#[test]
fn a_killed_primary_undoes_no_logout() {
    if !test_servers::installed() {
        return;
    }
    let mut cluster = Cluster::start();
    let url = format!("{}?wait_for_replicas=1", cluster.url());
    // One server waits for the store in a future, the other in a coroutine.
    let servers = [Framework::Axum, Framework::Minihttp].map(|framework| Options::new(framework).store(&url).start());
    let kept = [signed_in(&servers[0], 12), signed_in(&servers[1], 12)];
    cluster.wait_for_replicas();
    let load = Load::default();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (load, server) = (&load, &servers[client % servers.len()]);
            scope.spawn(move || load.visit(server, client));
        }
        let _over = RaiseOnDrop(&load.is_over);
        load.wait_for_rounds(3);
        cluster.servers_mut()[0].kill();
        let killed = Instant::now();
        // Some of the 24 sessions were on the killed primary. Their visitors get 503 until the
        // failover.
        for (server, tokens) in servers.iter().zip(&kept) {
            tokens.iter().for_each(|token| wait_for(&mut server.visitor_with(token)));
        }
        let took = killed.elapsed();
        assert!(took < FAILOVER, "all were answered again after {took:?}");
        // A logout is durable again once the new primary has a replica.
        cluster.servers_mut()[0].restart();
        cluster.wait_until_whole();
        load.wait_for_rounds(3);
    });
    assert!(load.refused.into_inner() > 0, "no request was refused while a primary was down");
    for (server, tokens) in servers.iter().zip(&kept) {
        expect_kept(server, tokens);
    }
    let ended = load.ended.into_inner().expect("no client panicked");
    assert!(ended.len() >= 6 * CLIENTS, "only {} were signed out", ended.len());
    for (number, token) in ended.iter().enumerate() {
        servers[number % servers.len()].visitor_with(token).expect_anonymous();
    }
}

/// Requests of clients until the test is over, with the acknowledged logouts.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    /// For each client, the number of rounds without a refusal.
    rounds: [AtomicUsize; CLIENTS],
    refused: AtomicUsize,
    /// Cookies whose logout was acknowledged.
    ended: Mutex<Vec<String>>,
}

impl Load {
    fn visit(&self, server: &Server, client: usize) {
        let mut number = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            number += 1;
            let is_whole = self.sign_in_and_out(server, &format!("guest-{client}-{number}")).is_some();
            self.rounds[client].fetch_add(usize::from(is_whole), Ordering::SeqCst);
        }
    }

    /// Signs in, writes, reads and signs out, until a request is refused.
    fn sign_in_and_out(&self, server: &Server, user: &str) -> Option<()> {
        let mut visitor = server.visitor();
        self.accepted(visitor.get(&format!("/login?user={user}")))?;
        for _ in 0..3 {
            self.accepted(visitor.get(&format!("/put?k=whose&v={user}")))?;
            let whoami = self.accepted(visitor.get("/whoami"))?.json();
            // Writes that were not replicated may be lost. But no client ever gets another user's
            // session.
            assert!(
                whoami["user"].is_null() || whoami["user"] == user,
                "{user} got the session of another user: {whoami}"
            );
            let entries = self.accepted(visitor.get("/get/"))?.entries();
            let own = BTreeMap::from([("whose".to_owned(), user.to_owned())]);
            assert!(entries.is_empty() || entries == own, "{user} is shown {entries:?}");
        }
        let token = visitor.cookie()?.to_owned();
        self.accepted(visitor.get("/logout"))?;
        self.ended.lock().expect("no client panicked").push(token);
        Some(())
    }

    /// Returns the response unless it is a refusal. Writes to a lost session are refused.
    #[track_caller]
    fn accepted(&self, answer: Response) -> Option<Response> {
        match answer.status() {
            200 => return Some(answer),
            401 => drop(answer.expect_no_cookie()),
            _ => expect_unavailable(answer),
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        None
    }

    /// Waits until each client has completed `count` more rounds.
    fn wait_for_rounds(&self, count: usize) {
        let now = || self.rounds.iter().map(|rounds| rounds.load(Ordering::SeqCst));
        let target: Vec<_> = now().map(|rounds| rounds + count).collect();
        wait_until(|| now().zip(&target).all(|(rounds, target)| rounds >= *target));
    }
}
