//! A connection that the caller made.

use std::fmt;

use redis::aio::{ConnectionLike, ConnectionManager, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{RedisResult, Value};

use super::node::refused;
use super::{Answer, Parcel};
use crate::error::Fault;

/// Is a connection of the caller's own, which a store shares with whatever else uses it.
///
/// It keeps its own settings, and connects again as it was made to: a [`MultiplexedConnection`] does not.
#[derive(Clone)]
#[non_exhaustive]
pub enum Connection {
    /// Is to one server, and not connected again when it breaks.
    Multiplexed(MultiplexedConnection),
    /// Is to one server, and connected again when it breaks.
    Manager(ConnectionManager),
    /// Is to a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn send(&self, parcel: &Parcel<'_>) -> Result<Answer, Fault> {
        parcel.note_sent();
        let value = self.exchange(parcel).await.map_err(|error| Fault::of_sent(&error))?;
        refused(Answer { value, replicas: 0 })
    }

    async fn exchange(&self, parcel: &Parcel<'_>) -> RedisResult<Value> {
        match self.clone() {
            Self::Multiplexed(mut connection) => connection.req_packed_command(&parcel.command).await,
            Self::Manager(mut connection) => connection.req_packed_command(&parcel.command).await,
            Self::Cluster(mut connection) => {
                let owner = SingleNodeRoutingInfo::SpecificNode(Route::new(parcel.slot, SlotAddr::Master));
                connection.route_command(parcel.command.as_ref().clone(), RoutingInfo::SingleNode(owner)).await
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Multiplexed(_) => "Connection::Multiplexed(..)",
            Self::Manager(_) => "Connection::Manager(..)",
            Self::Cluster(_) => "Connection::Cluster(..)",
        })
    }
}

impl From<MultiplexedConnection> for Connection {
    fn from(connection: MultiplexedConnection) -> Self {
        Self::Multiplexed(connection)
    }
}

impl From<ConnectionManager> for Connection {
    fn from(connection: ConnectionManager) -> Self {
        Self::Manager(connection)
    }
}

impl From<ClusterConnection> for Connection {
    fn from(connection: ClusterConnection) -> Self {
        Self::Cluster(connection)
    }
}
