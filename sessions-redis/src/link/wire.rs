//! An established connection to one server.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::ready;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select, select_ok};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::SockRef};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisConnectionInfo, RedisResult,
    Value,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Mutex, Notify};
use tokio::task::{JoinSet, yield_now};

use super::{Answer, Parcel, Wait, WaitFor, Written};
use crate::engine::LONGEST_LIFE;
use crate::error::Fault;

/// Maximum number of requests that wait to be written. The 50 of redis-rs are too few for a busy
/// server.
const ROOM: usize = 1024;
/// Time after which a connection without a reply to any request is given up.
const SILENCE: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_millis(50);

/// A connection, which ends with its last owner.
pub(super) struct Wire {
    connection: MultiplexedConnection,
    state: Arc<State>,
    /// The task that writes and reads, unless redis-rs has its own.
    _driver: JoinSet<()>,
}

#[derive(Default)]
struct State {
    number: u64,
    under_way: AtomicUsize,
    /// Whether a request has begun since the last tick and the last answer.
    is_used: AtomicBool,
    /// Number of ticks with a request since the last answer. It outlasts the watch: a request whose
    /// deadline is shorter than a silence ends before the silence shows.
    quiet: AtomicUsize,
    is_watched: AtomicBool,
    /// The reason why no more replies will come, once the connection is broken.
    end: OnceLock<String>,
    ends: Notify,
    /// Whether the server is known to lack the native form of a command.
    lacks_native: AtomicBool,
    /// Number of writes that were to wait for replicas.
    writes: AtomicU64,
    last_wait: Mutex<LastWait>,
}

/// The last WAIT: the number of writes before it, and of the replicas that had them.
#[derive(Default)]
struct LastWait {
    writes: u64,
    replicas: i64,
}

impl Wire {
    /// Connects to one of the addresses, and spawns its task on the current runtime.
    pub(super) async fn connect(info: ConnectionInfo, addresses: Vec<SocketAddr>) -> RedisResult<Self> {
        match info.addr() {
            ConnectionAddr::Tcp(..) => {
                Self::on(connect_tcp(addresses, info.tcp_settings()).await?, info.redis_settings()).await
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                Self::on(tokio::net::UnixStream::connect(path).await?, info.redis_settings()).await
            }
            // redis-rs does not expose what is needed for TLS.
            _ => {
                let client = Client::open(info)?;
                let connection = client.get_multiplexed_async_connection_with_config(&config()).await?;
                Ok(Self { connection, state: State::new(), _driver: JoinSet::new() })
            }
        }
    }

    async fn on<S>(stream: S, settings: &RedisConnectionInfo) -> RedisResult<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connection, driver) = MultiplexedConnection::new_with_config(settings, stream, config()).await?;
        let state = State::new();
        let mut task = JoinSet::new();
        task.spawn(drive(driver, Arc::clone(&state)));
        Ok(Self { connection, state, _driver: task })
    }

    /// Sends a parcel and waits for its reply, or for the end of the connection.
    ///
    /// redis-rs notices no silence, and forgets a request that it receives at the very moment when
    /// the connection breaks.
    pub(super) async fn exchange(&self, parcel: Parcel<'_>, asking: bool, slack: Duration) -> Result<Answer, Fault> {
        let _under_way = UnderWay::begin(&self.state);
        self.watch(slack);
        // Notified from here on, so no further check is needed.
        let ends = self.state.ends.notified();
        if self.is_broken() {
            // Nothing was sent, so it is known that nothing was done.
            return Err(Fault::Unreached("the connection had ended".to_owned()));
        }
        let answer = match select(pin!(self.converse(parcel, asking)), pin!(ends)).await {
            Either::Left((answer, _)) => answer,
            // The reply may have arrived meanwhile.
            Either::Right(((), exchange)) => exchange.now_or_never().unwrap_or_else(|| Err(self.state.why_lost())),
        };
        self.state.is_used.store(false, Ordering::Relaxed);
        self.state.quiet.store(0, Ordering::Relaxed);
        answer
    }

    async fn converse(&self, parcel: Parcel<'_>, asking: bool) -> Result<Answer, Fault> {
        let answer = parcel.offer(&self.state.lacks_native, |command| self.send(command, asking)).await?;
        let answer = Answer { connection: self.state.number, ..answer };
        let Some(wait) = parcel.wait else { return Ok(answer) };
        match (wait.judge)(&answer.value) {
            Written::Nothing => Ok(answer),
            written => self.confirm(wait, written, asking).await.map(|()| answer).map_err(Fault::behind_write),
        }
    }

    /// Waits until the replicas have a write.
    async fn confirm(&self, wait: Wait<'_>, written: Written, asking: bool) -> Result<(), Fault> {
        if written == Written::Earlier {
            let mut barrier = redis::cmd("SET");
            barrier.arg(wait.barrier.as_bytes()).arg("").arg("PX").arg(1);
            match self.send(barrier, asking).await {
                // A full server refuses it, and would refuse every repetition. Nothing was written
                // by this call, so WAIT has to do without: in Redis, it waits for all that the
                // server had written when it found nothing, in Valkey for this connection's last
                // write.
                Err(fault) if fault.code() == Some("OOM") => {}
                sent => drop(sent?),
            }
        }
        self.wait_for(wait.what).await
    }

    /// Waits until the replicas have this connection's last write.
    ///
    /// Only one WAIT is under way, as it blocks the connection. Whoever comes meanwhile shares the
    /// next one.
    async fn wait_for(&self, wait: WaitFor) -> Result<(), Fault> {
        let ticket = self.state.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut last = self.state.last_wait.lock().await;
        if last.writes < ticket {
            // Others whose replies arrived together with this one come first.
            yield_now().await;
            let writes = self.state.writes.load(Ordering::SeqCst);
            let mut command = redis::cmd("WAIT");
            command.arg(wait.replicas).arg(wait.within.as_millis().clamp(1, LONGEST_LIFE.into()));
            let Value::Int(replicas) = self.send(command, false).await? else {
                return Err(Fault::Lost("the server did not answer WAIT with a number".to_owned()));
            };
            *last = LastWait { writes, replicas };
        }
        if last.replicas >= i64::from(wait.replicas) {
            return Ok(());
        }
        let (some, all) = (last.replicas, wait.replicas);
        Err(Fault::Lost(format!("{some} of the {all} replicas of `wait_for_replicas` have the write")))
    }

    async fn send(&self, command: Cmd, asking: bool) -> Result<Value, Fault> {
        let mut connection = self.connection.clone();
        let reply = if asking {
            let mut pipeline = redis::pipe();
            pipeline.cmd("ASKING").add_command(command);
            let values = connection.send_packed_commands(&pipeline, 0, 2).await;
            values.map(|mut values| values.pop().unwrap_or_default())
        } else {
            connection.send_packed_command(&command).await
        };
        let reply = Fault::check(reply);
        if let Err(Fault::Lost(cause)) = &reply {
            self.state.give_up(cause);
        }
        reply
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state.end.get().is_some()
    }

    /// Starts to watch for silence, unless that has started.
    fn watch(&self, slack: Duration) {
        // Sequentially consistent with `watch`: either this sees that it has ended, or it sees the
        // request that has begun.
        if !self.state.is_watched.load(Ordering::SeqCst) && !self.state.is_watched.swap(true, Ordering::SeqCst) {
            // On the store's runtime, which has a clock.
            tokio::spawn(watch(Arc::clone(&self.state), SILENCE.saturating_add(slack)));
        }
    }
}

impl State {
    /// Creates the state of a new connection.
    fn new() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self { number: NEXT.fetch_add(1, Ordering::Relaxed), ..Self::default() })
    }

    fn give_up(&self, cause: &str) {
        // The first cause stays.
        let _ = self.end.set(cause.to_owned());
        self.ends.notify_waiters();
    }

    fn why_lost(&self) -> Fault {
        Fault::Lost(self.end.get().cloned().unwrap_or_default())
    }
}

/// Gives a connection up that answers nothing for a while, together with all requests on it.
///
/// A client does not learn that a server lost its power, or that a firewall dropped the connection.
/// redis-rs has a timeout for each request, which one behind many others exceeds though replies
/// keep coming. Counts ticks rather than looks at a clock, so that a process that was itself
/// suspended does not blame the server, and no request looks at a clock.
async fn watch(state: Arc<State>, silence: Duration) {
    let patience = silence.as_millis() / TICK.as_millis() + 1;
    while state.end.get().is_none() {
        tokio::time::sleep(TICK).await;
        if state.is_used.swap(false, Ordering::Relaxed) || state.under_way.load(Ordering::Relaxed) > 0 {
            if state.quiet.fetch_add(1, Ordering::Relaxed) as u128 + 1 >= patience {
                state.give_up(&format!("no answer for {SILENCE:?}"));
            }
            continue;
        }
        state.is_watched.store(false, Ordering::SeqCst);
        // A request that began just now may have found it watched.
        if state.under_way.load(Ordering::SeqCst) == 0 || state.is_watched.swap(true, Ordering::SeqCst) {
            return;
        }
    }
}

/// Counts a request while it is in flight.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(state: &'a State) -> Self {
        state.is_used.store(true, Ordering::Relaxed);
        state.under_way.fetch_add(1, Ordering::SeqCst);
        Self(&state.under_way)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns a configuration without timeouts: requests have their own deadlines.
fn config() -> AsyncConnectionConfig {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    config.set_pipeline_buffer_size(ROOM)
}

/// Looks up the addresses of a server, if it has a host.
pub(super) async fn find_addresses(info: ConnectionInfo) -> io::Result<Vec<SocketAddr>> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Ok(lookup_host((host.as_str(), *port)).await?.collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Tries all addresses at once, as redis-rs does.
async fn connect_tcp(addresses: Vec<SocketAddr>, settings: &TcpSettings) -> RedisResult<TcpStream> {
    let attempts: Vec<_> = addresses.into_iter().map(|address| Box::pin(TcpStream::connect(address))).collect();
    if attempts.is_empty() {
        return Err((ErrorKind::InvalidClientConfig, "the host has no address").into());
    }
    let (stream, _) = select_ok(attempts).await?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_nodelay(settings.nodelay())?;
    if let Some(keepalive) = settings.keepalive() {
        socket.set_tcp_keepalive(keepalive)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(settings.user_timeout())?;
    Ok(stream)
}

/// Writes and reads until the connection breaks.
///
/// With several requests in flight, those that are ready run first, so that one system call writes
/// all of them. A multi-threaded tokio would otherwise write for each: it runs a task that was just
/// woken before those that wait. A single-threaded runtime does not.
async fn drive(driver: impl Future<Output = ()>, state: Arc<State>) {
    let is_hasty = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    let mut driver = pin!(driver);
    let mut others = pin!(yield_now());
    let driven = poll_fn(|context| {
        if is_hasty && state.under_way.load(Ordering::Relaxed) > 1 {
            ready!(others.as_mut().poll(context));
            others.set(yield_now());
        }
        driver.as_mut().poll(context)
    });
    driven.await;
    state.give_up("broken pipe");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Form;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::runtime::Builder;
    use tokio::sync::mpsc;
    use tokio::time::{Instant, sleep};

    const REQUESTS: usize = 20;

    /// Sends a value from many tasks at once, and returns how many arrived together each time.
    fn heard_at_once(runtime: &tokio::runtime::Runtime) -> Vec<usize> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let driver = async move {
            let mut heard = Vec::new();
            let mut said = Vec::new();
            while receiver.recv_many(&mut said, REQUESTS).await > 0 {
                heard.push(said.len());
                said.clear();
            }
            heard
        };
        runtime.block_on(async {
            let state = Arc::<State>::default();
            let (done, heard) = tokio::sync::oneshot::channel();
            let driver = async move { done.send(driver.await).unwrap() };
            tokio::spawn(drive(driver, Arc::clone(&state)));
            // On the worker, which polls all of them before any of the others.
            tokio::spawn(async move {
                state.under_way.store(REQUESTS, Ordering::Relaxed);
                for _ in 0..REQUESTS {
                    let sender = sender.clone();
                    tokio::spawn(async move { sender.send(()).unwrap() });
                }
            });
            heard.await.unwrap()
        })
    }

    #[test]
    fn ready_requests_are_written_together() {
        let mut kinds = [Builder::new_multi_thread(), Builder::new_current_thread()];
        for builder in &mut kinds {
            let runtime = builder.worker_threads(1).build().unwrap();
            assert_eq!(heard_at_once(&runtime), [REQUESTS]);
        }
    }

    /// Answers each command, unless it is silent.
    async fn serve(mut client: DuplexStream, is_silent: Arc<AtomicBool>) {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = client.read(&mut bytes).await {
            let commands = bytes[..length].iter().filter(|byte| **byte == b'*').count();
            if !is_silent.load(Ordering::Relaxed) {
                client.write_all("+OK\r\n".repeat(commands).as_bytes()).await.unwrap();
            }
        }
    }

    /// Regression: a request that was answered counted as silence before the next one.
    #[test]
    fn silence_begins_with_a_request() {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (client, server) = tokio::io::duplex(4096);
            let is_silent = Arc::<AtomicBool>::default();
            tokio::spawn(serve(server, Arc::clone(&is_silent)));
            let wire = Wire::on(client, &RedisConnectionInfo::default()).await.unwrap();
            let parcel = Parcel { slot: 0, first: Form::Short, build: &|_| redis::cmd("PING"), wait: None };
            wire.exchange(parcel, false, Duration::ZERO).await.unwrap();
            // The second tick comes just after the next request.
            sleep(TICK * 2 - Duration::from_millis(1)).await;
            is_silent.store(true, Ordering::Relaxed);
            let begun = Instant::now();
            wire.exchange(parcel, false, Duration::ZERO).await.unwrap_err();
            assert!((SILENCE..=SILENCE + TICK * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        });
    }
}
