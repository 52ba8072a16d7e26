//! The thread that sweeps expired records out of the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::manager::event::TARGET;
use crate::manager::sessions::{Inner, Sessions};

/// Maximum number of records that one slice of a sweep removes.
const SLICE: usize = 1000;

/// Pause between two slices.
///
/// Without it, the system could preempt the thread at any moment, even while it holds a lock that
/// requests are waiting for.
const REST: Duration = Duration::from_millis(1);

/// The sweeping thread of one manager, stopped on drop. It holds only a weak reference to the
/// manager.
#[derive(Debug)]
pub(crate) struct Sweeper {
    /// Wakes the thread by being dropped.
    _alive: Sender<()>,
}

impl Sweeper {
    pub(crate) fn spawn(sessions: Weak<Inner>, interval: Duration) -> Self {
        let (alive, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("sessions-sweeper".to_owned()).spawn(move || {
            let mut pause = interval;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let Some(inner) = sessions.upgrade() else { return };
                let is_behind = sweep(&Sessions { inner });
                pause = if is_behind { REST.min(interval) } else { interval };
            }
        });
        if let Err(error) = thread {
            tracing::error!(target: TARGET, %error, "cannot start the thread that sweeps expired sessions: they open nothing, but stay in the store");
        }
        Self { _alive: alive }
    }
}

/// Sweeps a slice and returns whether there is more. A failure or a panic of the store ends this
/// round; the next one retries.
fn sweep(sessions: &Sessions) -> bool {
    let swept = catch_unwind(AssertUnwindSafe(|| pollster::block_on(sessions.sweep(SLICE))));
    swept.is_ok_and(|swept| swept.is_ok_and(|swept| swept >= SLICE as u64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::platform::ManualClock;

    #[test]
    fn full_slice_is_followed_at_once() {
        let clock = Arc::new(ManualClock::default());
        let sessions = Sessions::builder().clock(Arc::clone(&clock)).sweep_every(None).build().unwrap();
        for _ in 0..SLICE + 1 {
            pollster::block_on(async {
                let session = sessions.open().session([]).await.unwrap();
                session.set("k", "v").unwrap();
                drop(session.exchange().end(200).await.unwrap());
            });
        }
        assert!(!sweep(&sessions), "nothing has expired");
        clock.advance(Duration::from_secs(13 * 60 * 60));
        assert_eq!([sweep(&sessions), sweep(&sessions)], [true, false]);
        assert_eq!(pollster::block_on(sessions.count()).unwrap(), 0);
    }
}
