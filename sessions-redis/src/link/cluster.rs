//! Clusters: the server of each slot, looked up again whenever a server redirects.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures_util::future::select_ok;
use redis::{ConnectionAddr, ConnectionInfo};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::node::Node;
use super::topology::{self, Range};
use super::{Answer, Form, Parcel};
use crate::error::Fault;
use crate::refusal::Redirect;

/// Maximum number of redirects of a request before it starts over.
const MOST_REDIRECTS: usize = 5;
/// Number of servers that are asked for the topology at once.
const ASKED_AT_ONCE: usize = 3;
/// Time for their replies.
const TOPOLOGY_TIMEOUT: Duration = Duration::from_millis(300);
/// Minimum time between two lookups of the topology.
const REFRESH_PAUSE: Duration = Duration::from_millis(20);
/// Time that a request waits for a topology.
const PATIENCE: Duration = Duration::from_millis(30);

type Address = (String, u16);

/// A cluster that finds servers with CLUSTER SLOTS and by their redirects.
///
/// redis-rs's own is not used. During its lookup of the topology, requests to every server wait
/// until a dead one times out; and while no server replies, it retries without a pause.
pub(crate) struct Cluster {
    /// Settings that the connections to all servers share.
    template: ConnectionInfo,
    seeds: Vec<Arc<Node>>,
    map: RwLock<Map>,
    is_refreshing: AtomicBool,
    /// Number of lookups of the topology.
    looks: watch::Sender<u64>,
    turn: AtomicUsize,
    /// The reason why the last lookup failed.
    failure: Mutex<Option<String>>,
    handle: Handle,
    slack: Duration,
}

#[derive(Default)]
struct Map {
    ranges: Vec<Range>,
    nodes: HashMap<Address, Arc<Node>>,
}

impl Cluster {
    /// Creates a cluster from some of its servers.
    pub(crate) fn new(
        template: &ConnectionInfo,
        seeds: &[ConnectionInfo],
        handle: &Handle,
        slack: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            template: template.clone(),
            seeds: seeds.iter().map(|seed| Node::new(seed, handle, slack)).collect(),
            map: RwLock::default(),
            is_refreshing: AtomicBool::new(false),
            looks: watch::Sender::new(0),
            turn: AtomicUsize::new(0),
            failure: Mutex::default(),
            handle: handle.clone(),
            slack,
        })
    }

    /// Returns the name of the cluster for errors: the servers it was opened with.
    pub(crate) fn name(&self) -> String {
        let seeds: Vec<_> = self.seeds.iter().map(|node| node.name()).collect();
        format!("the cluster of {}", seeds.join(", "))
    }

    pub(crate) async fn send(self: &Arc<Self>, parcel: Parcel<'_>) -> Result<Answer, Fault> {
        let mut node = self.owner(parcel.slot).await?;
        let mut asking = false;
        for _ in 0..MOST_REDIRECTS {
            let fault = match node.send(parcel, asking).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let Fault::Refused(refusal) = &fault else {
                self.refresh();
                return Err(fault);
            };
            let Some(redirect) = &refusal.redirect else {
                if matches!(refusal.code, "CLUSTERDOWN" | "READONLY" | "MOVED") {
                    self.refresh();
                }
                return Err(fault);
            };
            asking = redirect.once;
            if !asking {
                self.refresh();
            }
            node = self.redirected(redirect, &node);
        }
        Err(Fault::Unreached("the servers redirect in circles".to_owned()))
    }

    async fn owner(self: &Arc<Self>, slot: u16) -> Result<Arc<Node>, Fault> {
        if let Some(node) = self.known_owner(slot) {
            return Ok(node);
        }
        let mut looks = self.looks.subscribe();
        self.refresh();
        // After a timeout or a failed lookup, the result is the same.
        let _ = tokio::time::timeout(PATIENCE, looks.changed()).await;
        self.known_owner(slot).ok_or_else(|| Fault::Unreached(self.why_unknown()))
    }

    /// Returns why a slot has no server: the failure of the last lookup, if any.
    fn why_unknown(&self) -> String {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().unwrap_or_else(|| "no server of the cluster has the slot".to_owned())
    }

    fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let owner = topology::find(&map.ranges, slot)?;
        map.nodes.get(&(owner.host.clone(), owner.port)).map(Arc::clone)
    }

    fn redirected(&self, redirect: &Redirect, from: &Node) -> Arc<Node> {
        let host = if redirect.host.is_empty() { host_of(from) } else { redirect.host.clone() };
        let address = (host, redirect.port);
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.nodes.entry(address).or_insert_with_key(|address| self.node(address)))
    }

    fn node(&self, (host, port): &Address) -> Arc<Node> {
        let address = match self.template.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host.clone(), *port),
        };
        Node::new(&self.template.clone().set_addr(address), &self.handle, self.slack)
    }

    /// Starts a lookup of the topology, unless one is running.
    pub(crate) fn refresh(self: &Arc<Self>) {
        if !self.is_refreshing.swap(true, Ordering::AcqRel) {
            self.handle.spawn(look(Arc::downgrade(self)));
        }
    }

    /// Returns the servers to ask, different ones first each time.
    ///
    /// Otherwise a server that is cut off from the others could decide alone.
    fn advisers(&self) -> Vec<Arc<Node>> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let mut advisers: Vec<_> = map.nodes.values().chain(&self.seeds).map(Arc::clone).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % advisers.len();
        advisers.rotate_left(turn);
        advisers
    }

    fn install(&self, mut ranges: Vec<Range>, adviser: &Node) {
        for range in &mut ranges {
            if range.owner.host.is_empty() {
                range.owner.host = host_of(adviser);
            }
        }
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut nodes = HashMap::new();
        for Range { owner, .. } in &ranges {
            let known = |address: &Address| map.nodes.remove(address).unwrap_or_else(|| self.node(address));
            nodes.entry((owner.host.clone(), owner.port)).or_insert_with_key(known);
        }
        *map = Map { ranges, nodes };
    }
}

async fn look(cluster: Weak<Cluster>) {
    let advisers = cluster.upgrade().map(|cluster| cluster.advisers()).unwrap_or_default();
    let mut failure = None;
    for some in advisers.chunks(ASKED_AT_ONCE) {
        let asked = some.iter().map(|node| Box::pin(slots_from(node)));
        let (ranges, adviser) = match select_ok(asked).await {
            Ok((found, _)) => found,
            Err(cause) => {
                failure = Some(cause);
                continue;
            }
        };
        failure = None;
        if let Some(cluster) = cluster.upgrade() {
            cluster.install(ranges, &adviser);
        }
        break;
    }
    if let Some(cluster) = cluster.upgrade() {
        *cluster.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
    if let Some(cluster) = cluster.upgrade() {
        cluster.looks.send_modify(|looks| *looks += 1);
    }
    tokio::time::sleep(REFRESH_PAUSE).await;
    if let Some(cluster) = cluster.upgrade() {
        cluster.is_refreshing.store(false, Ordering::Release);
    }
}

async fn slots_from(node: &Arc<Node>) -> Result<(Vec<Range>, Arc<Node>), String> {
    let build = |_: Form| redis::cmd("CLUSTER").arg("SLOTS").clone();
    let parcel = Parcel { slot: 0, first: Form::Short, build: &build, wait: None };
    let answer = tokio::time::timeout(TOPOLOGY_TIMEOUT, node.send(parcel, false)).await;
    let because = |reason: &str| format!("{}: {reason}", node.name());
    let value = answer.map_err(|_| because("no answer"))?.map_err(Fault::cause)?.value;
    let ranges = topology::parse(&value).filter(|ranges| !ranges.is_empty());
    Ok((ranges.ok_or_else(|| because("the cluster has no slots yet"))?, Arc::clone(node)))
}

fn host_of(node: &Node) -> String {
    match node.address() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("seeds", &self.seeds).finish_non_exhaustive()
    }
}
