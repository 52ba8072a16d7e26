//! The thread that sweeps expired records out of the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use sessions_store::{Record, Timestamp};

use crate::manager::event::TARGET;
use crate::manager::sessions::{Inner, Sessions};
use crate::platform::{Clock, SystemClock};

/// Maximum number of records that one slice of a sweep removes.
const SLICE: usize = 1000;

/// Pause between two slices.
///
/// Without it, the system could preempt the thread at any moment, even while it holds a lock that
/// requests are waiting for.
const REST: Duration = Duration::from_millis(1);

/// Pause after the system's clock has jumped forward.
///
/// If it was set wrong, live sessions seem to have expired. They survive if it is set right before
/// the pause is over.
const PAUSE_AFTER_JUMP: Duration = Record::CLOCK_TOLERANCE;

/// Starts the sweeping thread of one manager, which ends when the returned sender is dropped.
///
/// It holds only a weak reference to the manager.
pub(super) fn spawn(sessions: Weak<Inner>, interval: Duration) -> Sender<()> {
    let (alive, ended) = mpsc::channel();
    let thread = thread::Builder::new().name("sessions-sweeper".to_owned()).spawn(move || {
        let mut rounds = Rounds { interval, last: Reading::now() };
        let mut pause = interval;
        while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let Some(inner) = sessions.upgrade() else { return };
            pause = rounds.run(Reading::now(), || sweep(&Sessions { inner }));
        }
    });
    if let Err(error) = thread {
        tracing::error!(target: TARGET, %error, "cannot start the thread that sweeps expired sessions: they open nothing, but stay in the store");
    }
    alive
}

/// The rounds of a sweeping thread.
struct Rounds {
    interval: Duration,
    /// The clocks at the last round.
    last: Reading,
}

impl Rounds {
    /// Runs a round, unless the clock has jumped, and returns the pause before the next.
    fn run(&mut self, now: Reading, sweep: impl FnOnce() -> bool) -> Duration {
        if now.has_jumped_since(&std::mem::replace(&mut self.last, now)) {
            tracing::warn!(target: TARGET, "the system clock has jumped forward: nothing is swept for five minutes");
            return PAUSE_AFTER_JUMP;
        }
        let is_behind = sweep();
        if is_behind { REST.min(self.interval) } else { self.interval }
    }
}

/// The system's clocks, whatever the manager's is: tests move theirs as they like.
#[derive(Clone, Copy)]
struct Reading {
    /// A clock that nobody can set.
    monotonic: Instant,
    wall: Timestamp,
}

impl Reading {
    #[expect(clippy::disallowed_methods, reason = "shows whether the wall clock was set")]
    fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemClock.now() }
    }

    /// Returns whether the wall clock was set forward, or the machine was suspended.
    fn has_jumped_since(self, earlier: &Self) -> bool {
        let passed = self.monotonic.saturating_duration_since(earlier.monotonic);
        self.wall.since(earlier.wall) > passed.saturating_add(Record::CLOCK_TOLERANCE)
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

    /// Regression: a clock that was hours ahead for one round ended sessions that were in use.
    #[test]
    fn a_clock_that_jumps_forward_pauses_the_sweeper() {
        let (minute, interval) = (Duration::from_secs(60), Duration::from_secs(10));
        let start = Reading::now();
        let mut rounds = Rounds { interval, last: start };
        for (monotonic, wall, is_swept) in [
            (1, 1, true),
            (2, 7, true),
            (3, 13 * 60, false),
            (8, 8, true),
            (9, 9 + 6, false),
            (14, 14 + 6, true),
            (24 * 60, 24 * 60, true),
        ] {
            let now =
                Reading { monotonic: start.monotonic + minute * monotonic, wall: start.wall.after(minute * wall) };
            let mut was_swept = false;
            let pause = rounds.run(now, || std::mem::replace(&mut was_swept, true));
            let expected = if is_swept { interval } else { 5 * minute };
            assert_eq!((was_swept, pause), (is_swept, expected), "after {monotonic} minutes");
        }
    }
}
