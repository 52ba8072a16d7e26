//! How a demo is asked to end.

use std::io;

/// Returns when the process is asked to end: by Ctrl-C, or by SIGTERM as service managers send it.
///
/// A server that then answers what is under way and returns from `main` drops its sessions, and
/// with the last of them the store is closed.
pub async fn asked_to_end() {
    if signalled().await.is_err() {
        // Without a way to hear of signals, the system ends the process by itself.
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
