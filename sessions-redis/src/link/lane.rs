//! One connection to one server, connected again whenever it breaks.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Answer, Parcel};
use crate::error::{Cause, Fault};

/// Is how long a request waits for a connection before it looks again where to go.
const PATIENCE: Duration = Duration::from_millis(100);
/// Is for how many milliseconds a connection may say nothing at all, though it was asked, before it is given up. Nobody tells a client
/// of a server that lost its power, or of a firewall that forgot.
const SILENCE: u64 = 250;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Is one connection to one server, which all requests of one runtime share. It is connected at the first request, and again whenever it
/// breaks.
pub(super) struct Lane {
    client: Client,
    home: Home,
    phase: watch::Sender<Phase>,
    generation: AtomicU64,
    born: Instant,
    /// Says since when nothing was heard though something was asked, in milliseconds of the lane's life; 0 for no silence.
    silent_since: AtomicU64,
}

/// Is where a connection lives.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// Has the connection's socket and its task.
    pub(super) runtime: Handle,
    /// Has a clock, which the runtime of a caller may lack.
    pub(super) clock: Handle,
}

#[derive(Clone)]
enum Phase {
    Idle,
    Connecting,
    Ready(Live),
    /// The last try failed; another follows.
    Failed(Cause),
    /// The runtime has no sockets, or has ended.
    Homeless,
}

#[derive(Clone)]
struct Live {
    generation: u64,
    connection: MultiplexedConnection,
    /// Says that nothing will be answered any more. Redis-rs may not tell those whose request it took in that very moment.
    is_broken: watch::Sender<bool>,
}

impl Lane {
    pub(super) fn new(client: Client, home: Home) -> Arc<Self> {
        Arc::new(Self {
            client,
            home,
            phase: watch::Sender::new(Phase::Idle),
            generation: AtomicU64::new(0),
            born: Instant::now(),
            silent_since: AtomicU64::new(0),
        })
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Ready(_))
    }

    /// Calls `then` when the lane is dropped, or the runtime ends that it lives on.
    pub(super) fn at_end(&self, then: impl FnOnce() + Send + 'static) {
        let mut phases = self.phase.subscribe();
        let at_end = AtEnd(Some(then));
        self.home.runtime.spawn(async move {
            let _at_end = at_end;
            while phases.changed().await.is_ok() {}
        });
    }

    pub(super) async fn send(self: &Arc<Self>, parcel: &Parcel<'_>, asking: bool) -> Result<Answer, Fault> {
        let Live { generation, mut connection, is_broken } = self.connection().await?;
        parcel.note_sent();
        let mut vigil = Vigil::begin(self, generation);
        let answer = until_broken(&is_broken, exchange(&mut connection, parcel, asking)).await;
        vigil.end();
        answer.map_err(|error| {
            let fault = Fault::of_sent(&error);
            if matches!(fault, Fault::Lost(_)) {
                is_broken.send_replace(true);
                self.replace(generation);
            }
            fault
        })
    }

    async fn connection(self: &Arc<Self>) -> Result<Live, Fault> {
        if let Phase::Ready(live) = &*self.phase.borrow() {
            return Ok(live.clone());
        }
        self.connect();
        let mut phases = self.phase.subscribe();
        let settled = phases.wait_for(|phase| matches!(phase, Phase::Ready(_) | Phase::Failed(_)));
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        match settled.ok().and_then(Result::ok).as_deref() {
            Some(Phase::Ready(live)) => Ok(live.clone()),
            Some(Phase::Failed(cause)) => Err(Fault::Unreached(cause.clone())),
            _ => Err(Fault::Unreached(Cause::text("still connecting".to_owned()))),
        }
    }

    /// Returns how long there has been this lane, in milliseconds, but never 0.
    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Begins to connect, unless that has begun.
    pub(super) fn connect(self: &Arc<Self>) {
        self.connect_if(|phase| matches!(phase, Phase::Idle));
    }

    /// Gives up whatever connection there is, and connects again.
    pub(super) fn reconnect(self: &Arc<Self>) {
        self.connect_if(|phase| matches!(phase, Phase::Ready(_)));
    }

    /// Gives up this connection, unless somebody has before.
    fn replace(self: &Arc<Self>, broken: u64) {
        self.connect_if(|phase| matches!(phase, Phase::Ready(live) if live.generation == broken));
    }

    fn connect_if(self: &Arc<Self>, is_due: impl FnOnce(&Phase) -> bool) {
        let begins = self.phase.send_if_modified(|phase| {
            let due = is_due(phase);
            if due {
                *phase = Phase::Connecting;
            }
            due
        });
        if begins {
            // On a runtime without sockets this task panics, and on one that has ended it never runs.
            let lane = Arc::downgrade(self);
            let homeless = AtEnd(Some(move || become_homeless(&lane)));
            self.home.runtime.spawn(keep_connecting(Arc::downgrade(self), homeless));
        }
    }

    /// Connects, wherever this is polled.
    async fn try_to_connect(client: &Client, clock: &Handle) -> RedisResult<MultiplexedConnection> {
        // The deadlines are the requests' own, and this one goes by our clock.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connecting = {
            let _entered = clock.enter();
            tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        };
        let timed_out = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        connecting.await.map_err(timed_out)?
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("is_ready", &self.is_ready()).finish_non_exhaustive()
    }
}

/// Does something when it is dropped.
struct AtEnd<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

fn become_homeless(lane: &Weak<Lane>) {
    if let Some(lane) = lane.upgrade() {
        lane.phase.send_if_modified(|phase| {
            let is_unfinished = !matches!(phase, Phase::Ready(_));
            if is_unfinished {
                *phase = Phase::Homeless;
            }
            is_unfinished
        });
    }
}

/// Tries until there is a connection, or nobody left to use it.
async fn keep_connecting<F: FnOnce()>(lane: Weak<Lane>, _homeless: AtEnd<F>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some((client, home)) = lane.upgrade().map(|lane| (lane.client.clone(), lane.home.clone())) else {
            return;
        };
        let connected = Lane::try_to_connect(&client, &home.clock).await;
        let Some(lane) = lane.upgrade() else {
            return;
        };
        match connected {
            Ok(connection) => {
                let generation = lane.generation.fetch_add(1, Ordering::Relaxed);
                let is_broken = watch::Sender::new(false);
                lane.phase.send_replace(Phase::Ready(Live { generation, connection, is_broken }));
                return;
            }
            Err(error) => lane.phase.send_replace(Phase::Failed(Cause::new(&error))),
        };
        drop(lane);
        let pausing = {
            let _entered = home.clock.enter();
            tokio::time::sleep(pause)
        };
        pausing.await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

async fn exchange(connection: &mut MultiplexedConnection, parcel: &Parcel<'_>, asking: bool) -> RedisResult<Answer> {
    let Some(pipeline) = parcel.pipeline(asking) else {
        let value = connection.send_packed_command(&parcel.command).await?;
        return Ok(Answer { value, replicas: 0 });
    };
    let values = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
    Ok(parcel.answer(values))
}

/// Waits for an answer for as long as there can be one.
async fn until_broken(
    is_broken: &watch::Sender<bool>,
    exchange: impl Future<Output = RedisResult<Answer>>,
) -> RedisResult<Answer> {
    let mut is_broken = is_broken.subscribe();
    match select(pin!(exchange), pin!(is_broken.wait_for(|is_broken| *is_broken))).await {
        Either::Left((answer, _)) => answer,
        // It may have been answered meanwhile.
        Either::Right((_, exchange)) => {
            exchange.now_or_never().unwrap_or_else(|| Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()))
        }
    }
}

/// Watches over a request, and gives its connection up if that was silent until the request's time was over.
struct Vigil<'a> {
    lane: &'a Arc<Lane>,
    generation: u64,
    ended: bool,
}

impl<'a> Vigil<'a> {
    fn begin(lane: &'a Arc<Lane>, generation: u64) -> Self {
        if lane.silent_since.load(Ordering::Relaxed) == 0 {
            let _ = lane.silent_since.compare_exchange(0, lane.age(), Ordering::Relaxed, Ordering::Relaxed);
        }
        Self { lane, generation, ended: false }
    }

    fn end(&mut self) {
        self.lane.silent_since.store(0, Ordering::Relaxed);
        self.ended = true;
    }
}

impl Drop for Vigil<'_> {
    fn drop(&mut self) {
        let since = self.lane.silent_since.load(Ordering::Relaxed);
        let is_silent = since != 0 && self.lane.age().saturating_sub(since) >= SILENCE;
        if !self.ended && is_silent {
            self.lane.silent_since.store(0, Ordering::Relaxed);
            self.lane.replace(self.generation);
        }
    }
}
