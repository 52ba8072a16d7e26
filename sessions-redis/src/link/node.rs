//! A server and its connections.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo};
use sessions_remote::caller;
use tokio::runtime::{Handle, Id};

use super::lane::Lane;
use super::{Answer, Parcel};
use crate::error::Fault;

/// A server, with a connection for each tokio runtime, so that replies stay on one thread.
///
/// The connection on the store's runtime serves callers without tokio or without sockets, and
/// others until their own is ready.
pub(crate) struct Node {
    info: ConnectionInfo,
    /// The store's runtime.
    background: Handle,
    /// Time that the server may take for a reply because it waits for replicas.
    slack: Duration,
    common: Arc<Lane>,
    /// A list, since there are few runtimes, and each request looks up its own.
    lanes: Mutex<Vec<(Id, Arc<Lane>)>>,
}

impl Node {
    pub(crate) fn new(info: &ConnectionInfo, background: &Handle, slack: Duration) -> Arc<Self> {
        let common = Lane::new(info.clone(), background.clone(), background.clone(), slack);
        Arc::new(Self { info: info.clone(), background: background.clone(), slack, common, lanes: Mutex::default() })
    }

    pub(crate) fn address(&self) -> &ConnectionAddr {
        self.info.addr()
    }

    pub(crate) async fn send(&self, parcel: Parcel<'_>, asking: bool) -> Result<Answer, Fault> {
        let answer = self.lane().send(parcel, asking).await;
        answer.map_err(|fault| fault.at(&self.name()))
    }

    /// Returns the server's name for errors: `host:port`, or the path of its socket.
    pub(crate) fn name(&self) -> String {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            address => address.to_string(),
        }
    }

    /// Returns the connection of the caller's runtime, if it is ready.
    fn lane(&self) -> Arc<Lane> {
        let own = caller().map(|runtime| self.lane_on(runtime));
        own.filter(|lane| lane.is_ready()).unwrap_or_else(|| Arc::clone(&self.common))
    }

    fn lane_on(&self, runtime: Handle) -> Arc<Lane> {
        let id = runtime.id();
        let mut lanes = self.lanes();
        if let Some((_, lane)) = lanes.iter().find(|(other, _)| *other == id) {
            return Arc::clone(lane);
        }
        lanes.retain(|(_, lane)| !lane.is_over());
        let lane = Lane::new(self.info.clone(), runtime, self.background.clone(), self.slack);
        lanes.push((id, Arc::clone(&lane)));
        lane
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<(Id, Arc<Lane>)>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up all current connections and connects again.
    pub(crate) fn reconnect(&self) {
        self.common.reconnect_if(|_| true);
        self.lanes().iter().for_each(|(_, lane)| lane.reconnect_if(|_| true));
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.name()).finish()
    }
}
