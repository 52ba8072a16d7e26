//! Connections that the caller opened.

use std::fmt;
use std::sync::atomic::AtomicBool;

use redis::aio::{ConnectionLike, ConnectionManager, MultiplexedConnection};
use redis::{Cmd, RedisResult, Value};
use sessions_remote::caller;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{Answer, Parcel};
use crate::error::Fault;

/// A connection of the caller's, which a store shares with other users.
///
/// It keeps its own settings, and reconnects as its type does: a [`MultiplexedConnection`] does
/// not. None for a cluster is taken: redis-rs sends a command again by itself when its answer is
/// lost, and the first one may arrive after a logout. Use [`open`](crate::RedisBuilder::open) or
/// [`open_cluster`](crate::RedisBuilder::open_cluster) there.
#[derive(Clone)]
#[non_exhaustive]
pub enum Connection {
    /// A connection to one server, which does not reconnect.
    Multiplexed(MultiplexedConnection),
    /// A connection to one server, which reconnects.
    Manager(ConnectionManager),
}

impl Connection {
    async fn exchange(self, command: Cmd) -> RedisResult<Value> {
        match self {
            Self::Multiplexed(mut connection) => connection.req_packed_command(&command).await,
            Self::Manager(mut connection) => connection.req_packed_command(&command).await,
        }
    }
}

/// A connection of the caller's, and the runtime of its timers and tasks.
pub(crate) struct Given {
    connection: Connection,
    home: Option<Handle>,
    lacks_native: AtomicBool,
}

impl Given {
    /// Takes over a connection that belongs to the current runtime, if there is one.
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, home: Handle::try_current().ok(), lacks_native: AtomicBool::new(false) }
    }

    /// Sends a parcel on the connection's own runtime.
    ///
    /// On the store's, the timers and tasks of a new connection would end with the store, while the
    /// application still uses it.
    pub(super) async fn send(&self, parcel: Parcel<'_>) -> Result<Answer, Fault> {
        let send = |command| {
            let exchange = self.connection.clone().exchange(command);
            let mut exchanging = JoinSet::new();
            match self.home.clone().or_else(caller) {
                Some(home) => exchanging.spawn_on(exchange, &home),
                None => exchanging.spawn(exchange),
            };
            async move {
                match exchanging.join_next().await {
                    Some(Ok(reply)) => Fault::check(reply).map_err(|fault| fault.at("the server")),
                    _ => Err(Fault::Lost("the runtime of the connection has ended".to_owned())),
                }
            }
        };
        parcel.offer(&self.lacks_native, send).await
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Multiplexed(_) => "Connection::Multiplexed(..)",
            Self::Manager(_) => "Connection::Manager(..)",
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
