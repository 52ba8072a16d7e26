//! Links to servers: one server, a cluster, or a connection of the caller's.

mod cluster;
mod given;
mod lane;
mod node;
mod topology;
mod wire;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};

use crate::error::Fault;
use crate::fields::{LONGEST, whole_millis};
pub(crate) use cluster::Cluster;
pub use given::Connection;
pub(crate) use given::Given;
pub(crate) use node::Node;

/// A link to servers.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    Node(Arc<Node>),
    Cluster(Arc<Cluster>),
    Given(Given),
}

/// A command with what is sent along, for one reply.
pub(crate) struct Parcel<'a> {
    pub(crate) slot: u16,
    pub(crate) command: Cow<'a, Cmd>,
    /// The replicas that the server waits for after the command, on the same connection.
    pub(crate) wait: Option<WaitFor>,
    was_sent: AtomicBool,
}

/// The number of replicas that must have a write, and their time for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitFor {
    pub(crate) replicas: u32,
    pub(crate) within: Duration,
}

/// The reply to a parcel.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) value: Value,
    /// Number of replicas that have the write, if they were waited for.
    pub(crate) replicas: u64,
}

impl Link {
    /// Tries once, follows redirects, and reconnects or looks up slots again where necessary.
    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<Answer, Fault> {
        match self {
            Self::Node(node) => {
                let answer = node.send(parcel, false).await;
                if matches!(&answer, Err(fault) if fault.code() == Some("READONLY")) {
                    // This address led to a primary before. A new connection may do so again.
                    node.reconnect();
                }
                answer
            }
            Self::Cluster(cluster) => cluster.send(parcel).await,
            Self::Given(given) => given.send(parcel).await,
        }
    }

    /// Returns whether slots may have several owners.
    pub(crate) const fn is_cluster(&self) -> bool {
        match self {
            Self::Node(_) => false,
            Self::Cluster(_) => true,
            Self::Given(given) => given.is_cluster(),
        }
    }

    /// Returns the servers' names for errors.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Node(node) => node.name(),
            Self::Cluster(cluster) => cluster.name(),
            Self::Given(_) => "the server".to_owned(),
        }
    }

    /// Starts to connect, so that the first request need not wait for it.
    pub(crate) fn warm_up(&self) {
        match self {
            Self::Node(node) => node.connect(),
            Self::Cluster(cluster) => cluster.refresh(),
            Self::Given(_) => {}
        }
    }
}

impl<'a> Parcel<'a> {
    pub(crate) const fn new(slot: u16, command: Cow<'a, Cmd>, wait: Option<WaitFor>) -> Self {
        Self { slot, command, wait, was_sent: AtomicBool::new(false) }
    }

    /// Records that a connection has the command, which cannot be undone.
    fn note_sent(&self) {
        self.was_sent.store(true, Ordering::Relaxed);
    }

    pub(crate) fn forget_sent(&self) {
        self.was_sent.store(false, Ordering::Relaxed);
    }

    pub(crate) fn was_sent(&self) -> bool {
        self.was_sent.load(Ordering::Relaxed)
    }

    /// Returns the pipeline that must arrive as a whole, or `None` for a single command.
    fn pipeline(&self, asking: bool) -> Option<Pipeline> {
        if !asking && self.wait.is_none() {
            return None;
        }
        let mut pipeline = redis::pipe();
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(self.command.as_ref().clone());
        if let Some(wait) = self.wait {
            pipeline.cmd("WAIT").arg(wait.replicas).arg(whole_millis(wait.within).clamp(1, LONGEST));
        }
        Some(pipeline)
    }

    /// Returns the reply to the command from those to its pipeline.
    fn answer(&self, mut values: Vec<Value>) -> Answer {
        let replicas = match (self.wait, values.last()) {
            (Some(_), Some(Value::Int(count))) => u64::try_from(*count).unwrap_or_default(),
            _ => 0,
        };
        if self.wait.is_some() {
            values.pop();
        }
        Answer { value: values.pop().unwrap_or_default(), replicas }
    }
}
