//! A connection to one server, which reconnects whenever it breaks.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::select;
use redis::ConnectionInfo;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::wire::Wire;
use super::{Answer, Parcel};
use crate::error::Fault;

/// Time that a request waits for a connection before it looks for another way.
const PATIENCE: Duration = Duration::from_millis(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Together with the pause, the longest time that a server is back without being noticed.
const SHORT_TIMEOUT: Duration = Duration::from_millis(100);
const SHORT_PAUSE: Duration = Duration::from_millis(80);

/// A connection to one server, shared by all requests of one runtime.
///
/// It connects at once, and again whenever it breaks. redis-rs's `ConnectionManager` does not leave
/// a connection that went silent.
pub(super) struct Lane {
    info: ConnectionInfo,
    /// Runtime of the connection's socket and task.
    runtime: Handle,
    /// Runtime with a clock, which that of a caller may lack, and with the tasks that use it.
    clock: Handle,
    phase: watch::Sender<Phase>,
    slack: Duration,
}

enum Phase {
    /// Since then. For ever if the runtime has no sockets.
    Connecting(Instant),
    Ready(Arc<Wire>),
    /// The last try failed; another follows.
    Failed(Fault),
}

impl Lane {
    /// Starts to connect.
    pub(super) fn new(info: ConnectionInfo, runtime: Handle, clock: Handle, slack: Duration) -> Arc<Self> {
        let (phase, mut phases) = watch::channel(Phase::Connecting(Instant::now()));
        // Holds a receiver for as long as both the lane and its runtime exist.
        runtime.spawn(async move { while phases.changed().await.is_ok() {} });
        let lane = Arc::new(Self { info, runtime, clock, phase, slack });
        lane.clock.spawn(keep_connecting(Arc::downgrade(&lane)));
        lane
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Ready(_))
    }

    /// Returns whether the runtime has ended.
    pub(super) fn is_over(&self) -> bool {
        self.phase.is_closed()
    }

    pub(super) async fn send(self: &Arc<Self>, parcel: Parcel<'_>, asking: bool) -> Result<Answer, Fault> {
        let wire = self.wire().await?;
        let answer = wire.exchange(parcel, asking, self.slack).await;
        if wire.is_broken() {
            self.reconnect_if(|current| Arc::ptr_eq(current, &wire));
        }
        answer
    }

    async fn wire(&self) -> Result<Arc<Wire>, Fault> {
        // Who comes late does not wait at all, so that what was not sent ends before its deadline.
        let patience = match &*self.phase.borrow() {
            Phase::Ready(wire) => return Ok(Arc::clone(wire)),
            Phase::Connecting(since) => PATIENCE.saturating_sub(since.elapsed()),
            Phase::Failed(fault) => return Err(fault.clone()),
        };
        let mut phases = self.phase.subscribe();
        let settled = phases.wait_for(|phase| !matches!(phase, Phase::Connecting(_)));
        let settled = tokio::time::timeout(patience, settled).await;
        match settled.ok().and_then(Result::ok).as_deref() {
            Some(Phase::Ready(wire)) => Ok(Arc::clone(wire)),
            Some(Phase::Failed(fault)) => Err(fault.clone()),
            Some(Phase::Connecting(_)) | None => Err(Fault::Unreached("still connecting".to_owned())),
        }
    }

    /// Gives up the current connection, if there is one and it is due, and connects again.
    pub(super) fn reconnect_if(self: &Arc<Self>, is_due: impl FnOnce(&Arc<Wire>) -> bool) {
        let begins = self.phase.send_if_modified(|phase| {
            let due = matches!(phase, Phase::Ready(wire) if is_due(wire));
            if due {
                *phase = Phase::Connecting(Instant::now());
            }
            due
        });
        if begins {
            self.clock.spawn(keep_connecting(Arc::downgrade(self)));
        }
    }
}

/// Tries to connect until there is a connection, or no user of it.
///
/// Beside attempts that a slow server can answer, short ones are made: a server that returns is
/// reached at once, even if the network has swallowed a longer one.
async fn keep_connecting(lane: Weak<Lane>) {
    let short = async {
        tokio::time::sleep(SHORT_TIMEOUT).await;
        repeat_attempts(&lane, SHORT_TIMEOUT, SHORT_PAUSE).await;
    };
    select(pin!(repeat_attempts(&lane, CONNECT_TIMEOUT, LONGEST_PAUSE)), pin!(short)).await;
}

/// Makes one attempt after the other, with growing pauses.
///
/// This runs on the runtime with the clock, and only the attempts run on the lane's own. A task
/// there that slept by the clock of the store's runtime would panic when the store is dropped.
async fn repeat_attempts(lane: &Weak<Lane>, limit: Duration, longest_pause: Duration) {
    let mut pause = FIRST_PAUSE;
    while let Some((info, runtime)) = lane.upgrade().map(|lane| (lane.info.clone(), lane.runtime.clone())) {
        let mut attempt = JoinSet::new();
        attempt.spawn_on(async move { Wire::connect(&info).await }, &runtime);
        let attempted = tokio::time::timeout(limit, attempt.join_next()).await;
        let phase = match attempted {
            Ok(Some(Ok(Ok(wire)))) => Phase::Ready(Arc::new(wire)),
            Ok(Some(Ok(Err(error)))) => Phase::Failed(Fault::of_connecting(&error)),
            Err(_) => Phase::Failed(Fault::Unreached("timed out".to_owned())),
            // Without sockets on its runtime the task panics, and after the runtime's end it never
            // runs.
            Ok(Some(Err(_)) | None) => return,
        };
        let is_over = matches!(phase, Phase::Ready(_));
        let Some(lane) = lane.upgrade() else { return };
        lane.phase.send_replace(phase);
        drop(lane);
        if is_over {
            return;
        }
        // A runtime that is blocked must not collect attempts.
        attempt.shutdown().await;
        tokio::time::sleep(pause).await;
        pause = longest_pause.min(pause * 2);
    }
}
