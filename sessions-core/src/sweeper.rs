//! The thread that sweeps expired records out of the store.

use std::sync::Weak;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::sessions::{Sessions, Shared};

/// Is how many records one slice of a sweep removes at most.
const SLICE: usize = 1000;

/// Is the sweeping thread of one manager. It holds the manager weakly, and ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Sweeper {
    /// Wakes the thread by being dropped.
    _alive: Sender<()>,
}

impl Sweeper {
    pub(crate) fn spawn(sessions: Weak<Shared>, interval: Duration) -> Self {
        let (alive, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("sessions-sweeper".to_owned()).spawn(move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let Some(shared) = sessions.upgrade() else { return };
                sweep(&Sessions::from_shared(shared));
            }
        });
        if let Err(error) = thread {
            tracing::error!(%error, "no thread to sweep expired sessions; they are dead, and stay in the store");
        }
        Self { _alive: alive }
    }
}

/// Sweeps slice by slice until nothing is left. A failure ends this round; the next one tries again.
fn sweep(sessions: &Sessions) {
    while let Ok(swept) = pollster::block_on(sessions.sweep(SLICE)) {
        if swept < SLICE {
            return;
        }
    }
}
