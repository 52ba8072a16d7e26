//! A connection that is borrowed from the pool, and given back wherever it is dropped.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::driver::{Connection, Database};

/// Time for a connection to show that it is usable, when it is given back.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// A borrowed connection.
///
/// sqlx gives a connection back by a task, which it can start only within a runtime, and which
/// waits for the database without a limit. A call may be dropped anywhere, and in the middle of a
/// statement. So a lease starts that task itself, and a connection that stays silent is dropped
/// rather than kept out of the pool for ever.
pub(crate) struct Lease<D: Database> {
    connection: Option<PoolConnection<D::Sqlx>>,
    runtime: Handle,
    /// The turn to write.
    pub(crate) turn: Option<OwnedSemaphorePermit>,
    /// Whether the connection must be closed, for example in the middle of a transaction.
    closes: bool,
}

impl<D: Database> Lease<D> {
    pub(crate) const fn new(connection: PoolConnection<D::Sqlx>, runtime: Handle) -> Self {
        Self { connection: Some(connection), runtime, turn: None, closes: false }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection<D> {
        self.connection.as_mut().expect("it is taken only when the lease is dropped")
    }

    /// Returns the connection for what may consist of several statements.
    ///
    /// If that is dropped half-way, or fails, the connection is closed. sqlx does not know of a
    /// transaction whose BEGIN is under way, and would give the connection back with it: what the
    /// next calls acknowledge would never be committed.
    pub(crate) fn begin(&mut self) -> &mut Connection<D> {
        self.close();
        self.connection()
    }

    /// Lets the connection be closed rather than given back.
    pub(crate) const fn close(&mut self) {
        self.closes = true;
    }

    /// Ends what [`begin`](Self::begin) has begun.
    pub(crate) const fn end<T>(&mut self, answer: &sqlx::Result<T>) {
        self.closes = answer.is_err();
    }
}

impl<D: Database> Drop for Lease<D> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // A timer can be made here, and the pool may start tasks.
        let _entered = self.runtime.enter();
        if self.closes {
            drop(connection.detach());
        } else {
            // Checks the connection, and reads what a dropped call has left unread.
            tokio::spawn(timeout(RETURN_TIMEOUT, connection.return_to_pool()));
        }
    }
}
