//! The signals that end a demo.

use std::io;
use std::sync::LazyLock;

use tokio::sync::watch;

/// Whether the shutdown has begun. There is one for the process, as there is for its signals.
static HAS_BEGUN: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
///
/// A server should then answer the requests that are under way and return from `main`, which drops
/// the session manager and so closes the store.
pub async fn shutdown_signal() {
    if signalled().await.is_err() {
        // Without a handler for them, the signals end the process.
        std::future::pending().await
    }
    HAS_BEGUN.send_replace(true);
}

/// Waits until [`shutdown_signal`] has come. A server would wait for streams that go on after it.
pub(crate) async fn until_shutdown() {
    // Fails only if there is no sender, but the static one stays.
    let _ = HAS_BEGUN.subscribe().wait_for(|has_begun| *has_begun).await;
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
