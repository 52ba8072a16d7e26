//! One server, and the connection to it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Answer, Parcel};
use crate::error::{Cause, Fault, Refusal};

/// Is how long a request waits for a connection before it looks again where to go.
const PATIENCE: Duration = Duration::from_millis(100);
/// Is for how many milliseconds a connection may say nothing at all, though it was asked, before it is given up. Nobody tells a client
/// of a server that lost its power, or of a firewall that forgot.
const SILENCE: u64 = 250;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Is one server, and the one connection that all requests to it share. It is connected at the first request, and again whenever the
/// connection breaks.
pub(crate) struct Node {
    client: Client,
    handle: Handle,
    phase: watch::Sender<Phase>,
    generation: AtomicU64,
    born: Instant,
    /// Says since when nothing was heard though something was asked, in milliseconds of the node's life; 0 for no silence.
    silent_since: AtomicU64,
}

#[derive(Clone)]
enum Phase {
    Idle,
    Connecting,
    Ready(Live),
    /// The last try failed; another follows.
    Failed(Cause),
}

#[derive(Clone)]
struct Live {
    generation: u64,
    connection: MultiplexedConnection,
}

impl Node {
    pub(crate) fn new(client: Client, handle: Handle) -> Arc<Self> {
        Arc::new(Self {
            client,
            handle,
            phase: watch::Sender::new(Phase::Idle),
            generation: AtomicU64::new(0),
            born: Instant::now(),
            silent_since: AtomicU64::new(0),
        })
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn send(self: &Arc<Self>, parcel: &Parcel, asking: bool) -> Result<Answer, Fault> {
        let Live { generation, mut connection } = self.connection().await?;
        parcel.note_sent();
        let mut vigil = Vigil::begin(self, generation);
        let answer = exchange(&mut connection, parcel, asking).await;
        vigil.end();
        match answer {
            Ok(answer) => refused(answer),
            Err(error) => {
                let fault = Fault::of_sent(&error);
                if matches!(fault, Fault::Lost(_)) {
                    self.replace(generation);
                }
                Err(fault)
            }
        }
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

    /// Returns how long there has been this node, in milliseconds, but never 0.
    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Begins to connect, unless that has begun.
    pub(crate) fn connect(self: &Arc<Self>) {
        self.connect_if(|phase| matches!(phase, Phase::Idle));
    }

    /// Gives up whatever connection there is, and connects again.
    pub(crate) fn reconnect(self: &Arc<Self>) {
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
            self.handle.spawn(keep_connecting(Arc::downgrade(self)));
        }
    }

    async fn try_to_connect(client: &Client) -> RedisResult<MultiplexedConnection> {
        // The deadlines are the requests' own.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.client.get_connection_info().addr().to_string();
        f.debug_tuple("Node").field(&address).finish()
    }
}

/// Tries until there is a connection, or nobody left to use it.
async fn keep_connecting(node: Weak<Node>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(client) = node.upgrade().map(|node| node.client.clone()) else {
            return;
        };
        let connected = Node::try_to_connect(&client).await;
        let Some(node) = node.upgrade() else {
            return;
        };
        match connected {
            Ok(connection) => {
                let generation = node.generation.fetch_add(1, Ordering::Relaxed);
                node.phase.send_replace(Phase::Ready(Live { generation, connection }));
                return;
            }
            Err(error) => node.phase.send_replace(Phase::Failed(Cause::new(&error))),
        };
        drop(node);
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

async fn exchange(connection: &mut MultiplexedConnection, parcel: &Parcel, asking: bool) -> RedisResult<Answer> {
    let Some(pipeline) = parcel.pipeline(asking) else {
        let value = connection.send_packed_command(&parcel.command).await?;
        return Ok(Answer { value, replicas: 0 });
    };
    let values = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
    Ok(parcel.answer(values))
}

pub(super) fn refused(answer: Answer) -> Result<Answer, Fault> {
    match answer.value {
        Value::ServerError(error) => Err(Fault::Refused(Refusal::new(&error))),
        _ => Ok(answer),
    }
}

/// Watches over a request, and gives its connection up if that was silent until the request's time was over.
struct Vigil<'a> {
    node: &'a Arc<Node>,
    generation: u64,
    ended: bool,
}

impl<'a> Vigil<'a> {
    fn begin(node: &'a Arc<Node>, generation: u64) -> Self {
        let begins = node.age();
        let _ = node.silent_since.compare_exchange(0, begins, Ordering::Relaxed, Ordering::Relaxed);
        Self { node, generation, ended: false }
    }

    fn end(&mut self) {
        self.node.silent_since.store(0, Ordering::Relaxed);
        self.ended = true;
    }
}

impl Drop for Vigil<'_> {
    fn drop(&mut self) {
        let since = self.node.silent_since.load(Ordering::Relaxed);
        let is_silent = since != 0 && self.node.age().saturating_sub(since) >= SILENCE;
        if !self.ended && is_silent {
            self.node.silent_since.store(0, Ordering::Relaxed);
            self.node.replace(self.generation);
        }
    }
}
