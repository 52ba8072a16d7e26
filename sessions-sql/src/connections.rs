//! The connections of a store, each lent to one call at a time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, iter, mem};

use sessions_remote::{Answer, Failure, try_ends};
use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::driver::{Connection, Database, Driver, Origin};
use crate::failure::{Place, of_connecting};
use crate::table::Table;

/// Time for a connection to show that it is usable, when it is given back to the pool.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);
/// Time before the end of a try at which it no longer waits for a connection.
const MARGIN: Duration = Duration::from_millis(5);
/// How long a connection is lent again without going back to the pool, which ends old ones.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The connections of a store.
///
/// Calls queue here, and not in the pool. A call that gives up leaves this queue at once, while
/// sqlx needs a task to wait for a connection, which would stay in the pool's queue after the call,
/// in front of later calls and of the application's own queries.
pub(crate) struct Connections<D: Database> {
    pool: Pool<D::Sqlx>,
    pub(crate) place: Place,
    runtime: Handle,
    /// One for each connection that the pool may open.
    turns: Arc<Semaphore>,
    /// How long one try waits for a connection.
    patience: Duration,
    pub(crate) origin: Origin,
    /// Whether a connection of the pool has been found to be as it must be.
    is_examined: AtomicBool,
    /// Whether a write that was refused as read-only is being tried again.
    pub(crate) is_retrying: AtomicBool,
    ready: Mutex<Ready<D>>,
}

/// Connections that can be lent at once. The pool would first ask the database whether one that is
/// given back still answers.
struct Ready<D: Database> {
    connections: VecDeque<Borrowed<D>>,
    /// Number of times that all connections were closed. A connection lent before the last time is
    /// closed when it comes back.
    generation: usize,
}

/// A connection of the pool, and when it was borrowed.
type Borrowed<D> = (PoolConnection<<D as Driver>::Sqlx>, Instant);

impl<D: Database> Connections<D> {
    pub(crate) fn new(pool: Pool<D::Sqlx>, origin: Origin, table: Table, runtime: Handle, patience: Duration) -> Self {
        let place = Place { table, database: format!("{} database {}", D::NAME, D::place(&pool.connect_options())) };
        let turns = Arc::new(Semaphore::new(pool.options().get_max_connections() as usize));
        let ready = Mutex::new(Ready { connections: VecDeque::new(), generation: 0 });
        let [is_examined, is_retrying] = [(); 2].map(|()| AtomicBool::new(false));
        Self { pool, place, runtime, turns, patience, origin, is_examined, is_retrying, ready }
    }

    /// Lends a connection.
    pub(crate) async fn lend(self: &Arc<Self>) -> Answer<Lease<D>> {
        let lease = timeout_at(self.patience_ends(), self.borrow()).await;
        let lease = lease.unwrap_or_else(|_| Err(of_connecting::<D>(&sqlx::Error::PoolTimedOut, &self.place)))?;
        // Each one of its own, since others may be behind the next. A pool of the application's
        // would cost a round trip per call.
        let is_known = self.origin == Origin::Given && self.is_examined.load(Ordering::Relaxed);
        if is_known || lease.is_answered { Ok(lease) } else { self.examined(lease).await }
    }

    /// Waits until a connection is ready, or the pool has one, which it may have to make.
    async fn borrow(self: &Arc<Self>) -> Answer<Lease<D>> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let mut lease = Lease::new(self, turn);
        let ready = self.next_ready();
        lease.is_answered = ready.is_some();
        lease.borrowed = ready.or_else(|| Some((self.pool.try_acquire()?, Instant::now())));
        if lease.borrowed.is_some() {
            return Ok(lease);
        }
        // It is made on the runtime, and not where the call is polled: a coroutine's stack is
        // small, and a call that gives up must not take back what the next one needs.
        let acquiring = self.runtime.spawn(async move {
            let new = lease.home.pool.acquire().await.map_err(|error| of_connecting::<D>(&error, &lease.home.place))?;
            lease.borrowed = Some((new, Instant::now()));
            Ok(lease)
        });
        acquiring.await.unwrap_or_else(|_| Err(Failure::unreached("the runtime of the connections has ended")))
    }

    /// Examines a connection, which also shows that it answers.
    pub(crate) async fn examined(&self, mut lease: Lease<D>) -> Answer<Lease<D>> {
        let answer = timeout_at(self.patience_ends(), D::examine(lease.connection(), self.origin)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        // Without an answer, the others are probably lost too.
        let fault =
            answer.inspect_err(|_| self.clear(false)).map_err(|error| of_connecting::<D>(&error, &self.place))?;
        fault.map_or(Ok(()), |fault| Err(Failure::refused(fault)))?;
        lease.end(true);
        self.is_examined.store(true, Ordering::Relaxed);
        Ok(lease)
    }

    /// Returns until when the current try waits for a connection.
    pub(crate) fn patience_ends(&self) -> Instant {
        let patience = Instant::now() + self.patience;
        try_ends().and_then(|end| end.checked_sub(MARGIN)).map_or(patience, |end| end.min(patience))
    }

    /// Takes the connection that has been ready for the longest time. So most of them go back after
    /// a rush, and the pool can close them.
    fn next_ready(&self) -> Option<Borrowed<D>> {
        loop {
            let ready = self.ready().connections.pop_front()?;
            if ready.1.elapsed() < KEPT_FOR {
                return Some(ready);
            }
            self.give_back(ready, false);
        }
    }

    /// Closes all connections, those in use when they come back. Or lets the pool check those that
    /// nobody uses.
    pub(crate) fn clear(&self, closes: bool) {
        self.ready().generation += usize::from(closes);
        let mut idle = mem::take(&mut self.ready().connections);
        // All of them first, since one that is given back can be acquired again.
        idle.extend(iter::from_fn(|| Some((self.pool.try_acquire()?, Instant::now()))));
        idle.into_iter().for_each(|idle| self.give_back(idle, closes));
    }

    fn give_back(&self, borrowed: Borrowed<D>, closes: bool) {
        // A timer can be made here, and the pool may start tasks, also for a connection's drop.
        let _entered = self.runtime.enter();
        let (mut connection, _) = borrowed;
        if closes {
            drop(connection.detach());
        } else {
            // Checks the connection, and reads what a dropped call has left unread.
            tokio::spawn(timeout(RETURN_TIMEOUT, connection.return_to_pool()));
        }
    }

    fn ready(&self) -> MutexGuard<'_, Ready<D>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Database> Drop for Connections<D> {
    fn drop(&mut self) {
        self.ready().connections.drain(..).for_each(|ready| self.give_back(ready, true));
    }
}

/// A connection that is lent to a call, and given back wherever the call is dropped.
///
/// sqlx gives a connection back by a task, which it can start only within a runtime, and which
/// waits for the database without a limit. A call may be dropped anywhere, and in the middle of a
/// statement. So a lease starts that task itself, and a connection that stays silent is dropped
/// rather than kept out of the pool for ever.
pub(crate) struct Lease<D: Database> {
    borrowed: Option<Borrowed<D>>,
    home: Arc<Connections<D>>,
    generation: usize,
    /// Whether a write that is refused as read-only is tried again. If one was being tried again
    /// when this was lent, the database has no successor yet.
    pub(crate) may_retry: bool,
    /// The turn to write.
    pub(crate) write_turn: Option<OwnedSemaphorePermit>,
    /// Ends when the connection is there for the next call.
    _turn: Option<OwnedSemaphorePermit>,
    /// Whether all that was sent has been answered.
    is_answered: bool,
    /// Whether the connection must be closed, for example in the middle of a transaction.
    pub(crate) closes: bool,
}

impl<D: Database> Lease<D> {
    /// Creates a lease whose connection is borrowed afterwards.
    ///
    /// A connection that is borrowed while all are closed must be closed too.
    fn new(home: &Arc<Connections<D>>, turn: Option<OwnedSemaphorePermit>) -> Self {
        let may_retry = home.origin != Origin::Given && !home.is_retrying.load(Ordering::Relaxed);
        let (home, generation, [is_answered, closes]) = (Arc::clone(home), home.ready().generation, [false; 2]);
        Self { borrowed: None, home, generation, may_retry, write_turn: None, _turn: turn, is_answered, closes }
    }

    /// Returns the connection for one statement, which then [ends](Self::end).
    pub(crate) fn connection(&mut self) -> &mut Connection<D> {
        self.is_answered = false;
        &mut self.borrowed.as_mut().expect("it is there until the lease is dropped").0
    }

    /// Returns the connection for what may consist of several statements.
    ///
    /// If that is dropped half-way, or fails, the connection is closed. sqlx does not know of a
    /// transaction whose BEGIN is under way, and would give the connection back with it: what the
    /// next calls acknowledge would never be committed.
    pub(crate) fn begin(&mut self) -> &mut Connection<D> {
        self.closes = true;
        self.connection()
    }

    /// Ends what was sent.
    pub(crate) const fn end(&mut self, is_answered: bool) {
        self.is_answered = is_answered;
        self.closes &= !is_answered;
    }
}

impl<D: Database> Drop for Lease<D> {
    fn drop(&mut self) {
        let Some(borrowed) = self.borrowed.take() else { return };
        let mut ready = self.home.ready();
        self.closes |= self.generation != ready.generation;
        if self.is_answered && !self.closes && self.home.origin != Origin::Given {
            ready.connections.push_back(borrowed);
        } else {
            drop(ready);
            self.home.give_back(borrowed, self.closes);
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use tokio::runtime::Runtime;

    use super::*;
    use crate::sqlite::Sqlite;

    const CONNECTIONS: usize = 4;

    /// Returns the connections of a pool with such options.
    fn connections_of(runtime: &Runtime, options: SqlitePoolOptions) -> Arc<Connections<Sqlite>> {
        let _entered = runtime.enter();
        let pool = options.connect_lazy_with(SqliteConnectOptions::new().in_memory(true));
        let table = Table::new(None, "sessions", '"').unwrap();
        let patience = Duration::from_secs(20);
        Arc::new(Connections::new(pool, Origin::Direct, table, runtime.handle().clone(), patience))
    }

    /// Returns connections that can be lent at once, and how often one was given back to the pool.
    fn connections(runtime: &Runtime) -> (Arc<Connections<Sqlite>>, Arc<AtomicUsize>) {
        let returns = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&returns);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS as u32).after_release(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(true) })
        });
        let connections = connections_of(runtime, pool);
        let lent = [(); CONNECTIONS].map(|()| runtime.block_on(connections.lend()).unwrap());
        drop(lent);
        assert_eq!((connections.ready().connections.len(), returns.load(Ordering::SeqCst)), (CONNECTIONS, 0));
        (connections, returns)
    }

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    /// Regression: only one that was lent again went back, and most of a rush were kept for ever.
    #[test]
    fn an_old_connection_goes_back_to_the_pool() {
        let runtime = runtime();
        let (connections, _) = connections(&runtime);
        connections.ready().connections[0].1 -= KEPT_FOR;
        let _lease = runtime.block_on(connections.lend()).unwrap();
        assert_eq!(connections.ready().connections.len(), CONNECTIONS - 2);
    }

    /// Regression: what the pool had checked was taken again to be checked.
    #[test]
    fn each_connection_is_checked_once() {
        let runtime = runtime();
        let (connections, returns) = connections(&runtime);
        for round in 1..=100 {
            connections.clear(false);
            while connections.pool.num_idle() < CONNECTIONS {
                std::thread::yield_now();
            }
            assert!(returns.load(Ordering::SeqCst) <= round * CONNECTIONS, "{returns:?} in round {round}");
        }
    }

    /// Regression: it was lent again, and reads went to the primary that had been demoted.
    #[test]
    fn a_connection_lent_before_all_were_closed_is_closed() {
        let runtime = runtime();
        let (connections, returns) = connections(&runtime);
        let leases = [(); 2].map(|()| runtime.block_on(connections.lend()).unwrap());
        connections.clear(true);
        drop(leases);
        assert_eq!((connections.ready().connections.len(), connections.pool.size()), (0, 0));
        assert_eq!(returns.load(Ordering::SeqCst), 0);
        drop(runtime.block_on(connections.lend()).unwrap());
        assert_eq!(connections.ready().connections.len(), 1, "a new one is kept");
    }

    /// Regression: it was taken for a newer one, and lent again.
    #[test]
    fn a_connection_made_while_all_were_closed_is_closed() {
        let runtime = runtime();
        let [begun, end] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
        let (begins, ends) = (Arc::clone(&begun), Arc::clone(&end));
        let pool = SqlitePoolOptions::new().after_connect(move |_, _| {
            begins.add_permits(1);
            let ends = Arc::clone(&ends);
            Box::pin(async move { ends.acquire_owned().await.map(drop).map_err(|_| sqlx::Error::PoolClosed) })
        });
        let connections = connections_of(&runtime, pool);
        let lent = runtime.spawn({
            let connections = Arc::clone(&connections);
            async move { connections.lend().await.map(drop) }
        });
        runtime.block_on(begun.acquire()).unwrap().forget();
        connections.clear(true);
        end.add_permits(1);
        runtime.block_on(lent).unwrap().unwrap();
        assert_eq!((connections.ready().connections.len(), connections.pool.size()), (0, 0));
    }

    /// Regression: one that had become read-only was lent again for half an hour.
    #[test]
    fn a_connection_that_must_close_is_not_lent_again() {
        let runtime = runtime();
        let (connections, returns) = connections(&runtime);
        let mut lease = runtime.block_on(connections.lend()).unwrap();
        lease.end(true);
        lease.closes = true;
        drop(lease);
        assert_eq!(
            (connections.ready().connections.len(), connections.pool.size()),
            (CONNECTIONS - 1, CONNECTIONS as u32 - 1)
        );
        assert_eq!(returns.load(Ordering::SeqCst), 0);
    }
}
