//! Accepting connections.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use may::coroutine::{self, Builder, JoinHandle};
use may::net::{TcpListener, TcpStream};

use crate::TARGET;
use crate::connection::{App, Connection};
use crate::service::SessionService;
use crate::wire::{Limits, Watch, Wire};

/// Pause after a connection could not be accepted, for example for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The accept loop; each connection gets its own coroutine.
struct Server<S> {
    app: Arc<App<S>>,
    listener: TcpListener,
    watch: Arc<Watch>,
    limits: Limits,
}

/// Listens on an address and serves connections. Returns the address too, which may have been one
/// of several, or without a port.
pub(crate) fn start<S>(
    app: App<S>,
    limits: Limits,
    address: impl ToSocketAddrs,
) -> io::Result<(SocketAddr, JoinHandle<()>)>
where
    S: SessionService + Send + 'static,
{
    let listener = bind(address.to_socket_addrs()?)?;
    let address = listener.local_addr()?;
    let server = Server { app: Arc::new(app), listener, watch: Watch::start(limits), limits };
    let running = may::go!(Builder::new().name("sessions-minihttp".to_owned()), move || server.run())?;
    Ok((address, running))
}

/// Binds to the first address that can be bound.
fn bind(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpListener> {
    let mut result = Err(io::Error::new(ErrorKind::InvalidInput, "no address to listen on"));
    for address in addresses {
        // may shares a port with other sockets that do the same (`SO_REUSEPORT`). A second server
        // would start without an error, and each would get a part of the connections. So the port
        // must be free for a socket that does not share it.
        let exclusive = std::net::TcpListener::bind(address).map(drop);
        result = exclusive.and_then(|()| TcpListener::bind(address));
        if result.is_ok() {
            break;
        }
    }
    result
}

impl<S: SessionService + Send + 'static> Server<S> {
    fn run(&self) {
        loop {
            let accepted = self.listener.accept().and_then(|(stream, peer)| self.serve(stream, peer));
            match accepted {
                Err(error) if !is_of_connection(&error) => {
                    tracing::error!(target: TARGET, error = &error as &dyn std::error::Error, "cannot accept a connection");
                    coroutine::sleep(PAUSE);
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let id = number(&stream);
        // Responses are already written in one piece, so delaying them gains nothing.
        stream.set_nodelay(true)?;
        let wire = Wire::new(stream, Arc::clone(&self.watch), self.limits)?;
        let connection = Connection::new(Arc::clone(&self.app), id, peer, wire);
        may::go!(Builder::new().id(id), move || connection.run()).map(drop)
    }
}

/// Returns whether an error concerns a single connection only.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::InvalidInput
    )
}

#[cfg(unix)]
fn number(stream: &TcpStream) -> usize {
    use std::os::fd::AsRawFd as _;
    usize::try_from(stream.as_raw_fd()).unwrap_or_default()
}

#[cfg(windows)]
fn number(stream: &TcpStream) -> usize {
    use std::os::windows::io::AsRawSocket as _;
    usize::try_from(stream.as_raw_socket()).unwrap_or_default()
}
