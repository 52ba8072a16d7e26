//! A connection to one server, which reconnects whenever it breaks.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use redis::{ConnectionInfo, RedisResult};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::error::Elapsed;

use super::wire::Wire;
use super::{Answer, Parcel};
use crate::error::Fault;

/// Time that a request waits for a connection before it looks for another way.
const PATIENCE: Duration = Duration::from_millis(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection to one server, shared by all requests of one runtime.
///
/// It connects at the first request, and again whenever it breaks.
pub(super) struct Lane {
    info: ConnectionInfo,
    home: Home,
    phase: watch::Sender<Phase>,
    slack: Duration,
}

/// The runtimes of a connection.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// Runtime of the connection's socket and task.
    pub(super) runtime: Handle,
    /// Runtime with a clock, which that of a caller may lack, and with the tasks that use it.
    pub(super) clock: Handle,
}

#[derive(Clone)]
enum Phase {
    Idle,
    /// Since then.
    Connecting(Instant),
    Ready(Arc<Wire>),
    /// The last try failed; another follows.
    Failed(Fault),
    /// The runtime has no sockets, or has ended.
    Homeless,
}

impl Lane {
    pub(super) fn new(info: ConnectionInfo, home: Home, slack: Duration) -> Arc<Self> {
        Arc::new(Self { info, home, phase: watch::Sender::new(Phase::Idle), slack })
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Ready(_))
    }

    /// Calls `then` when the lane is dropped, or its runtime ends.
    pub(super) fn at_end(&self, then: impl FnOnce() + Send + 'static) {
        let mut phases = self.phase.subscribe();
        let at_end = AtEnd(Some(then));
        self.home.runtime.spawn(async move {
            let _at_end = at_end;
            while phases.changed().await.is_ok() {}
        });
    }

    pub(super) async fn send(self: &Arc<Self>, parcel: Parcel<'_>, asking: bool) -> Result<Answer, Fault> {
        let wire = self.wire().await?;
        let answer = wire.exchange(parcel, asking, self.slack).await;
        if wire.is_broken() {
            self.replace(&wire);
        }
        answer
    }

    async fn wire(self: &Arc<Self>) -> Result<Arc<Wire>, Fault> {
        if let Phase::Ready(wire) = &*self.phase.borrow() {
            return Ok(Arc::clone(wire));
        }
        self.connect();
        // Who comes late does not wait at all, so that what was not sent ends before its deadline.
        let patience = match *self.phase.borrow() {
            Phase::Connecting(since) => PATIENCE.saturating_sub(since.elapsed()),
            _ => PATIENCE,
        };
        let mut phases = self.phase.subscribe();
        let settled = phases.wait_for(|phase| matches!(phase, Phase::Ready(_) | Phase::Failed(_)));
        let settled = tokio::time::timeout(patience, settled).await;
        match settled.ok().and_then(Result::ok).as_deref() {
            Some(Phase::Ready(wire)) => Ok(Arc::clone(wire)),
            Some(Phase::Failed(fault)) => Err(fault.clone()),
            _ => Err(Fault::Unreached("still connecting".to_owned())),
        }
    }

    /// Starts to connect, unless that has started.
    pub(super) fn connect(self: &Arc<Self>) {
        self.connect_if(|phase| matches!(phase, Phase::Idle));
    }

    /// Gives up the current connection, if any, and connects again.
    pub(super) fn reconnect(self: &Arc<Self>) {
        self.connect_if(|phase| matches!(phase, Phase::Ready(_)));
    }

    /// Gives up this connection, unless that has been done.
    fn replace(self: &Arc<Self>, broken: &Arc<Wire>) {
        self.connect_if(|phase| matches!(phase, Phase::Ready(wire) if Arc::ptr_eq(wire, broken)));
    }

    fn connect_if(self: &Arc<Self>, is_due: impl FnOnce(&Phase) -> bool) {
        let begins = self.phase.send_if_modified(|phase| {
            let due = is_due(phase);
            if due {
                *phase = Phase::Connecting(Instant::now());
            }
            due
        });
        if begins {
            self.home.clock.spawn(keep_connecting(Arc::downgrade(self)));
        }
    }

    /// Starts to connect on the lane's own runtime.
    ///
    /// Without sockets there the task panics, and after the runtime's end it never runs.
    fn attempt(&self) -> JoinSet<RedisResult<Wire>> {
        let info = self.info.clone();
        let mut attempt = JoinSet::new();
        attempt.spawn_on(async move { Wire::connect(&info).await }, &self.home.runtime);
        attempt
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("is_ready", &self.is_ready()).finish_non_exhaustive()
    }
}

/// A guard that calls a function when it is dropped.
struct AtEnd<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

/// Tries to connect until there is a connection, or no user of it.
///
/// This runs on the runtime with the clock, and only the attempts run on the lane's own. A task
/// there that slept by the clock of the store's runtime would panic when the store is dropped.
async fn keep_connecting(lane: Weak<Lane>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(mut attempt) = lane.upgrade().map(|lane| lane.attempt()) else {
            return;
        };
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, attempt.join_next()).await;
        let Some(lane) = lane.upgrade() else {
            return;
        };
        let phase = Phase::after(connected);
        let is_over = !matches!(phase, Phase::Failed(_));
        lane.phase.send_replace(phase);
        drop(lane);
        if is_over {
            return;
        }
        // Only one attempt may be running, even on a runtime that is blocked.
        attempt.shutdown().await;
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

impl Phase {
    /// Returns the next state after an attempt to connect that ended or timed out.
    fn after(attempt: Result<Option<Result<RedisResult<Wire>, JoinError>>, Elapsed>) -> Self {
        match attempt {
            Ok(Some(Ok(Ok(wire)))) => Self::Ready(Arc::new(wire)),
            Ok(Some(Ok(Err(error)))) => Self::Failed(Fault::of_connecting(&error)),
            Ok(Some(Err(_)) | None) => Self::Homeless,
            Err(_) => Self::Failed(Fault::Unreached("timed out".to_owned())),
        }
    }
}
