//! An established connection to one server.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::ready;

use futures_util::FutureExt;
use futures_util::future::{Either, select, select_ok};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::SockRef};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, RedisConnectionInfo, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, yield_now};

use super::{Answer, Parcel};

/// Maximum number of requests that wait to be written. The 50 of redis-rs are too few for a busy
/// server.
const ROOM: usize = 1024;

/// A connection, which ends with its last owner.
pub(super) struct Wire {
    connection: MultiplexedConnection,
    state: Arc<State>,
    /// The task that writes and reads. redis-rs has its own if there is none.
    driver: Option<AbortHandle>,
}

#[derive(Default)]
struct State {
    under_way: AtomicUsize,
    /// Whether the connection is broken, so that no more replies will come.
    is_broken: AtomicBool,
    breaks: Notify,
}

impl Wire {
    /// Connects, and spawns its task on the current runtime.
    pub(super) async fn connect(client: &Client) -> RedisResult<Self> {
        let info = client.get_connection_info();
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                Self::on(connect_tcp(host, *port, info.tcp_settings()).await?, info.redis_settings()).await
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                Self::on(tokio::net::UnixStream::connect(path).await?, info.redis_settings()).await
            }
            // redis-rs does not expose what a client has for TLS.
            _ => {
                let connection = client.get_multiplexed_async_connection_with_config(&config()).await?;
                Ok(Self { connection, state: Arc::default(), driver: None })
            }
        }
    }

    async fn on<S>(stream: S, settings: &RedisConnectionInfo) -> RedisResult<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connection, driver) = MultiplexedConnection::new_with_config(settings, stream, config()).await?;
        let state = Arc::<State>::default();
        let driver = tokio::spawn(drive(driver, Arc::clone(&state)));
        Ok(Self { connection, state, driver: Some(driver.abort_handle()) })
    }

    /// Sends a parcel and waits for its reply, or for the end of the connection.
    ///
    /// redis-rs forgets a request that it receives at the very moment when the connection breaks.
    pub(super) async fn exchange(&self, parcel: &Parcel<'_>, asking: bool) -> RedisResult<Answer> {
        let _under_way = UnderWay::begin(&self.state);
        // Notified of breaks from here on, so no further check is needed.
        let breaks = self.state.breaks.notified();
        if self.state.is_broken.load(Ordering::Relaxed) {
            return Err(broken());
        }
        match select(pin!(send(self.connection.clone(), parcel, asking)), pin!(breaks)).await {
            Either::Left((answer, _)) => answer,
            // The reply may have arrived meanwhile.
            Either::Right(((), exchange)) => exchange.now_or_never().unwrap_or_else(|| Err(broken())),
        }
    }

    /// Reports to all waiting requests that no reply will come.
    pub(super) fn give_up(&self) {
        self.state.give_up();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

impl State {
    fn give_up(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
        self.breaks.notify_waiters();
    }
}

/// Counts a request while it is in flight.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(state: &'a State) -> Self {
        state.under_way.fetch_add(1, Ordering::Relaxed);
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

/// Tries all addresses of a host at once, as redis-rs does.
async fn connect_tcp(host: &str, port: u16, settings: &TcpSettings) -> RedisResult<TcpStream> {
    let attempts: Vec<_> =
        lookup_host((host, port)).await?.map(|address| Box::pin(TcpStream::connect(address))).collect();
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
    state.give_up();
}

async fn send(mut connection: MultiplexedConnection, parcel: &Parcel<'_>, asking: bool) -> RedisResult<Answer> {
    let Some(pipeline) = parcel.pipeline(asking) else {
        let value = connection.send_packed_command(&parcel.command).await?;
        return Ok(Answer { value, replicas: 0 });
    };
    let values = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
    Ok(parcel.answer(values))
}

fn broken() -> redis::RedisError {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;
    use tokio::sync::mpsc;

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
}
