//! The signals that end a demo.

use std::io;

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
///
/// A server should then answer the requests that are under way and return from `main`, which drops
/// the session manager and so closes the store.
pub async fn shutdown_signal() {
    if signalled().await.is_err() {
        // Without a handler for them, the signals end the process.
        std::future::pending().await
    }
}

#[cfg(unix)]
async fn signalled() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signalled() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
