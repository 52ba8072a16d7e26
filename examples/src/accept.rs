//! Accepting connections, for frameworks that leave it to the application.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Pause after a connection could not be accepted, for example for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts the next connection. A failure is logged, since it passes and must not end the server.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match try_accept(listener).await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn try_accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // Send responses at once, even when a client pipelines requests. Fails if the client has left.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer))
}
