//! A connection to one server, which reconnects whenever it breaks.

use std::iter::successors;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::select;
use redis::ConnectionInfo;
use sessions_remote::vary;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::wire::{Wire, find_addresses};
use super::{Answer, Parcel};
use crate::error::Fault;

/// Time that a request waits for a connection before it looks for another way.
const CONNECTION_WAIT: Duration = Duration::from_millis(30);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Time after which a server is not expected back any moment.
const SHORT_ATTEMPTS: Duration = Duration::from_secs(60);

const LONG: Pace = Pace { limit: Duration::from_secs(1), growth: 2.0, reports_failures: true };
/// A server that is back is noticed after about an eighth of the time that it was away.
const SHORT: Pace = Pace { limit: Duration::from_millis(100), growth: 1.125, reports_failures: false };

/// How attempts to connect follow each other.
#[derive(Clone, Copy)]
struct Pace {
    limit: Duration,
    /// The factor by which each pause is longer than the one before.
    growth: f64,
    reports_failures: bool,
}

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
    /// Since then. For ever if the runtime is a caller's without sockets.
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
        // A late caller does not wait, so that a call that was not sent fails before its deadline.
        let patience = match &*self.phase.borrow() {
            Phase::Ready(wire) => return Ok(Arc::clone(wire)),
            Phase::Connecting(since) => CONNECTION_WAIT.saturating_sub(since.elapsed()),
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
/// Beside attempts that a slow server can answer, short ones are made for a while: a server that
/// returns is reached soon, even if the network has swallowed a longer one.
async fn keep_connecting(lane: Weak<Lane>) {
    let short = async {
        tokio::time::sleep(SHORT.limit).await;
        if tokio::time::timeout(SHORT_ATTEMPTS, repeat_attempts(&lane, SHORT)).await.is_err() {
            std::future::pending().await
        }
    };
    select(pin!(repeat_attempts(&lane, LONG)), pin!(short)).await;
}

/// Makes one attempt after the other, with growing pauses.
///
/// This runs on the runtime with the clock, and only the attempts run on the lane's own. A task
/// there that slept by the clock of the store's runtime would panic when the store is dropped.
async fn repeat_attempts(lane: &Weak<Lane>, pace: Pace) {
    let mut pauses = pauses(pace);
    while let Some((info, runtime)) = lane.upgrade().map(|lane| (lane.info.clone(), lane.runtime.clone())) {
        let attempted = attempt(&info, &runtime, pace.limit).await;
        let Some(lane) = lane.upgrade() else { return };
        let attempted = match attempted {
            // On the store's own runtime, the callers have no other connection.
            Err(error) if error.is_panic() && runtime.id() == lane.clock.id() => {
                Err(Fault::Unreached("the attempt to connect panicked".to_owned()))
            }
            // The runtime has ended, or is a caller's without sockets.
            Err(_) => return,
            Ok(attempted) => attempted,
        };
        match attempted {
            Ok(wire) => {
                lane.phase.send_replace(Phase::Ready(Arc::new(wire)));
                return;
            }
            Err(fault) if pace.reports_failures => _ = lane.phase.send_replace(Phase::Failed(fault)),
            Err(_) => {}
        }
        drop(lane);
        tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

/// Returns the pauses between attempts, which differ from client to client.
///
/// A server that has just started has to accept the connections of all clients.
fn pauses(pace: Pace) -> impl Iterator<Item = Duration> {
    let longer = move |pause: &Duration| Some(LONGEST_PAUSE.min(pause.mul_f64(pace.growth)));
    successors(Some(FIRST_PAUSE), longer).map(vary)
}

/// Tries to connect once. The outer error is that of the task.
async fn attempt(info: &ConnectionInfo, runtime: &Handle, limit: Duration) -> Result<Result<Wire, Fault>, JoinError> {
    const SPAWNED: &str = "a task was spawned";
    // Waited for without the limit: a lookup takes a thread and cannot be aborted.
    let mut lookup = JoinSet::new();
    lookup.spawn_on(find_addresses(info.clone()), runtime);
    let addresses = match lookup.join_next().await.expect(SPAWNED)? {
        Ok(addresses) => addresses,
        Err(error) => return Ok(Err(Fault::of_connecting(&error.into()))),
    };
    let mut attempt = JoinSet::new();
    attempt.spawn_on(Wire::connect(info.clone(), addresses), runtime);
    let attempted = tokio::time::timeout(limit, attempt.join_next()).await;
    // A runtime that is blocked must not collect attempts.
    attempt.shutdown().await;
    Ok(match attempted {
        Ok(joined) => joined.expect(SPAWNED)?.map_err(|error| Fault::of_connecting(&error)),
        Err(_) => Err(Fault::Unreached("timed out".to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use redis::IntoConnectionInfo;

    use super::*;

    /// Returns the number of attempts of a client in the first `secs` seconds.
    fn attempts(secs: u64) -> usize {
        let within = |pace| {
            let ends = pauses(pace).scan(Duration::ZERO, |end, pause| {
                *end += pause;
                Some(*end)
            });
            ends.take_while(|end| *end < Duration::from_secs(secs)).count()
        };
        within(LONG) + within(SHORT)
    }

    #[test]
    fn attempts_become_rare_in_a_long_outage() {
        assert!((20..50).contains(&attempts(1)), "{}", attempts(1));
        assert!(attempts(60) < 250, "{}", attempts(60));
    }

    #[test]
    fn clients_do_not_attempt_together() {
        let all: BTreeSet<_> = (0..100).filter_map(|_| pauses(SHORT).nth(9)).collect();
        assert!(all.len() > 90, "{} of 100 pauses differ", all.len());
    }

    /// Regression: the store was then without a connection for ever.
    #[test]
    fn an_attempt_that_panics_is_followed_by_another() {
        // Without sockets, each attempt panics.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let info = "redis://127.0.0.1:1".into_connection_info().unwrap();
        let own = Lane::new(info, runtime.handle().clone(), runtime.handle().clone(), Duration::ZERO);
        runtime.block_on(async {
            let mut phases = own.phase.subscribe();
            let failed = phases.wait_for(|phase| matches!(phase, Phase::Failed(_)));
            drop(tokio::time::timeout(Duration::from_secs(20), failed).await.unwrap().unwrap());
            tokio::time::timeout(Duration::from_secs(20), phases.changed()).await.unwrap().unwrap();
        });
    }
}
