//! Links to servers: one server, a cluster, or a connection of the caller's.

mod cluster;
mod given;
mod lane;
mod node;
mod topology;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{Cmd, Value};

use crate::error::Fault;
use crate::keys::Key;
pub(crate) use cluster::Cluster;
pub use given::Connection;
pub(crate) use given::Given;
pub(crate) use node::Node;

/// A link to servers.
#[derive(Debug)]
pub(crate) enum Link {
    Node(Arc<Node>),
    Cluster(Arc<Cluster>),
    Given(Given),
}

/// The form of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A command that only some servers have.
    Native,
    /// A command that every server has, or a script by its hash.
    Short,
    /// A script by its text.
    Whole,
}

/// A command for one slot, for one reply.
#[derive(Clone, Copy)]
pub(crate) struct Parcel<'a> {
    pub(crate) slot: u16,
    pub(crate) first: Form,
    pub(crate) build: &'a (dyn Fn(Form) -> Cmd + Send + Sync),
    pub(crate) wait: Option<Wait<'a>>,
}

/// The number of replicas that must have a write, and their time for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitFor {
    pub(crate) replicas: u32,
    pub(crate) within: Duration,
}

/// What to do between a reply and its use: wait for replicas.
#[derive(Clone, Copy)]
pub(crate) struct Wait<'a> {
    pub(crate) what: WaitFor,
    /// Returns what was written, judging by the reply.
    pub(crate) judge: &'a Judge<'a>,
    /// A key to write to if the write was an [`Earlier`](Written::Earlier) one.
    pub(crate) barrier: &'a Key,
}

/// A function from a reply to what was written.
pub(crate) type Judge<'a> = dyn Fn(&Value) -> Written + Send + Sync + 'a;

/// The write that the replicas must have before a reply is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The command's own.
    Now,
    /// One before it, perhaps on another connection.
    ///
    /// WAIT waits for a connection's last write. So another one is made first.
    Earlier,
    /// None: the reply promises nothing that a failover could undo.
    Nothing,
}

/// The reply to a parcel.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) value: Value,
    pub(crate) form: Form,
    /// Number of the connection, which leads to the same process for as long as it exists. Zero for
    /// one of the caller's, which may reconnect unnoticed.
    pub(crate) connection: u64,
}

impl Link {
    /// Tries once, follows redirects, and reconnects or looks up slots again where necessary.
    pub(crate) async fn send(&self, parcel: Parcel<'_>) -> Result<Answer, Fault> {
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
        matches!(self, Self::Cluster(_))
    }

    /// Returns the servers' names for errors.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Node(node) => node.name(),
            Self::Cluster(cluster) => cluster.name(),
            Self::Given(_) => "the server".to_owned(),
        }
    }

    /// Starts to look up the servers of a cluster.
    pub(crate) fn refresh(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.refresh();
        }
    }
}

impl Parcel<'_> {
    /// Sends the first form that the server understands.
    ///
    /// `lacks_native` is what is known of the connection's server. A new connection asks again,
    /// since it may lead to another one.
    async fn offer<F>(&self, lacks_native: &AtomicBool, send: impl Fn(Cmd) -> F) -> Result<Answer, Fault>
    where
        F: Future<Output = Result<Value, Fault>>,
    {
        let is_known = self.first == Form::Native && lacks_native.load(Ordering::Relaxed);
        let mut form = if is_known { Form::Short } else { self.first };
        loop {
            let fault = match send((self.build)(form)).await {
                Ok(value) => return Ok(Answer { value, form, connection: 0 }),
                Err(fault) => fault,
            };
            form = match (form, fault.code()) {
                (Form::Native, Some("ERR")) => {
                    lacks_native.store(true, Ordering::Relaxed);
                    Form::Short
                }
                (Form::Short, Some("NOSCRIPT")) => Form::Whole,
                _ => return Err(fault),
            };
        }
    }
}
