//! Clusters: the server of each slot, looked up again whenever a server redirects.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::select_ok;
use redis::{ConnectionAddr, ConnectionInfo};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::node::Node;
use super::topology::{self, Range};
use super::{Answer, Form, Parcel};
use crate::error::Fault;
use crate::refusal::Endpoint;

/// Maximum number of redirects of a request before it starts over.
const MOST_REDIRECTS: usize = 5;
/// Number of servers that are asked for the topology at once.
const ASKED_AT_ONCE: usize = 3;
/// Time for their replies.
const TOPOLOGY_TIMEOUT: Duration = Duration::from_millis(300);
/// Minimum time between two lookups of the topology.
const REFRESH_PAUSE: Duration = Duration::from_millis(20);
/// Time that a request waits for a topology.
const LOOKUP_WAIT: Duration = Duration::from_millis(30);

/// A cluster that finds servers with CLUSTER SLOTS and by their redirects.
///
/// redis-rs's own is not used. It asks a primary that went silent for ever, though a replica has
/// replaced it long ago; and during its lookup of the topology, requests to every server wait until
/// a dead one times out.
pub(crate) struct Cluster {
    /// Settings that the connections to all servers share.
    template: ConnectionInfo,
    seeds: Vec<Arc<Node>>,
    map: RwLock<Map>,
    is_refreshing: AtomicBool,
    /// The reason why the last lookup of the topology failed.
    failure: watch::Sender<Option<String>>,
    turn: AtomicUsize,
    handle: Handle,
    slack: Duration,
}

#[derive(Default)]
struct Map {
    ranges: Vec<Range<Arc<Node>>>,
    nodes: HashMap<Endpoint, Arc<Node>>,
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
            failure: watch::Sender::new(None),
            turn: AtomicUsize::new(0),
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
            let Some(target) = &refusal.redirect else {
                if matches!(refusal.code, "CLUSTERDOWN" | "READONLY" | "MOVED") {
                    self.refresh();
                }
                return Err(fault);
            };
            asking = refusal.code == "ASK";
            if !asking {
                self.refresh();
            }
            node = self.redirected(target, &node);
        }
        Err(Fault::Unreached("the servers redirect in circles".to_owned()))
    }

    async fn owner(self: &Arc<Self>, slot: u16) -> Result<Arc<Node>, Fault> {
        if let Some(node) = self.known_owner(slot) {
            return Ok(node);
        }
        let mut looks = self.failure.subscribe();
        self.refresh();
        // After a timeout or a failed lookup, the result is the same.
        let _ = tokio::time::timeout(LOOKUP_WAIT, looks.changed()).await;
        self.known_owner(slot).ok_or_else(|| {
            let failure = self.failure.borrow().clone();
            Fault::Unreached(failure.unwrap_or_else(|| "no server of the cluster has the slot".to_owned()))
        })
    }

    fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        topology::find(&map.ranges, slot).map(Arc::clone)
    }

    fn redirected(&self, target: &Endpoint, by: &Node) -> Arc<Node> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let node = map.nodes.entry(resolve(target, by));
        Arc::clone(node.or_insert_with_key(|endpoint| self.node(endpoint)))
    }

    fn node(&self, (host, port): &Endpoint) -> Arc<Node> {
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
            self.handle.spawn(Arc::clone(self).look());
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

    fn install(&self, ranges: Vec<Range<Endpoint>>, adviser: &Node) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut nodes = HashMap::new();
        let mut owned = Vec::with_capacity(ranges.len());
        for Range { first, last, owner } in ranges {
            let known = |endpoint: &Endpoint| map.nodes.remove(endpoint).unwrap_or_else(|| self.node(endpoint));
            let owner = Arc::clone(nodes.entry(resolve(&owner, adviser)).or_insert_with_key(known));
            owned.push(Range { first, last, owner });
        }
        *map = Map { ranges: owned, nodes };
    }

    /// Looks up the topology, and lets some time pass before the next lookup.
    async fn look(self: Arc<Self>) {
        let mut failure = None;
        for some in self.advisers().chunks(ASKED_AT_ONCE) {
            match select_ok(some.iter().map(|node| Box::pin(slots_from(node)))).await {
                Ok(((ranges, adviser), _)) => {
                    self.install(ranges, adviser);
                    failure = None;
                    break;
                }
                Err(cause) => failure = Some(cause),
            }
        }
        self.failure.send_replace(failure);
        tokio::time::sleep(REFRESH_PAUSE).await;
        self.is_refreshing.store(false, Ordering::Release);
    }
}

async fn slots_from(node: &Node) -> Result<(Vec<Range<Endpoint>>, &Node), String> {
    let build = |_: Form| redis::cmd("CLUSTER").arg("SLOTS").clone();
    let parcel = Parcel { slot: 0, first: Form::Short, build: &build, wait: None };
    let answer = tokio::time::timeout(TOPOLOGY_TIMEOUT, node.send(parcel, false)).await;
    let because = |reason: &str| format!("{}: {reason}", node.name());
    let value = answer.map_err(|_| because("no answer"))?.map_err(Fault::cause)?.value;
    let ranges = topology::parse(&value).filter(|ranges| !ranges.is_empty());
    Ok((ranges.ok_or_else(|| because("the cluster has no slots yet"))?, node))
}

/// Returns the endpoint that a server means. One without a host has the server's own.
fn resolve((host, port): &Endpoint, named_by: &Node) -> Endpoint {
    let own = match named_by.address() {
        ConnectionAddr::Tcp(own, _) | ConnectionAddr::TcpTls { host: own, .. } => own,
        _ => host,
    };
    // A server that does not know its own name sends nothing, or a question mark.
    let host = if matches!(&**host, "" | "?") { own } else { host };
    (host.clone(), *port)
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("seeds", &self.seeds).finish_non_exhaustive()
    }
}
