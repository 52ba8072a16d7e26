//! One deadline over all tries of a call, pauses between them, and what is known when it ends.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sessions_store::{StoreError, StoreErrorKind};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

use crate::engine::{Answer, Failure, FailureKind};
use crate::runtime::TRY_ENDS;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Deadline of a call while the database is known to be down.
const DEADLINE_WHILE_DOWN: Duration = Duration::from_millis(50);
/// Deadline in place of one that a clock cannot show.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// When a call must be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) begun: Instant,
    pub(crate) at: Instant,
    pub(crate) span: Duration,
    /// How long a database that cannot be reached is tried again.
    pub(crate) patience: Duration,
    /// How long one try may take: its connection may have become silent.
    pub(crate) longest_try: Duration,
}

impl Deadline {
    /// Returns the deadline of a call that starts now.
    pub(crate) fn after(span: Duration) -> Self {
        let now = Instant::now();
        let at = now.checked_add(span).unwrap_or_else(|| now + FOREVER);
        Self { begun: now, at, span, patience: span, longest_try: span }
    }

    /// Returns when a try that starts now must be over.
    fn of_try(self) -> Instant {
        Instant::now().checked_add(self.longest_try).map_or(self.at, |end| end.min(self.at))
    }
}

/// A call that failed, as every commit that shared it is told.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: StoreErrorKind,
    pub(crate) is_full: bool,
    /// Whether the same call may succeed later.
    pub(crate) may_pass: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The answer to a call, and whether an earlier try may have done the same.
pub(crate) struct Outcome<T> {
    pub(crate) answer: Result<T, Fault>,
    pub(crate) is_in_doubt: bool,
}

impl<T> Outcome<T> {
    /// Returns the answer, where a fault leaves open whether an earlier try has done it.
    pub(crate) fn settle(self) -> Result<T, Fault> {
        self.answer.map_err(|fault| if self.is_in_doubt { fault.in_doubt() } else { fault })
    }
}

/// Whether the database could not be reached for a whole deadline, by anybody.
///
/// Until it is reached again, calls fail after 50 ms rather than after a whole deadline each, which
/// would make every request wait and fill up what is in flight. A database may take longer than
/// that to answer, so a probe that nobody waits for has a whole deadline.
#[derive(Debug)]
pub(crate) struct Outage {
    is_known: AtomicBool,
    /// The turn to probe.
    probe: Arc<Mutex<()>>,
    opened: Instant,
    /// Milliseconds from then to the last answer, of whichever server.
    answered: AtomicU64,
    /// The database's name in errors.
    database: String,
}

impl Fault {
    pub(crate) const fn of(kind: StoreErrorKind) -> Self {
        Self { kind, is_full: false, may_pass: false, cause: None }
    }

    pub(crate) fn new(kind: StoreErrorKind, cause: impl Into<Arc<dyn StdError + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::of(kind) }
    }

    /// Marks that the call may have been done all the same.
    pub(crate) fn in_doubt(self) -> Self {
        Self { kind: StoreErrorKind::TimedOut, ..self }
    }

    pub(crate) fn into_error(self, store: &'static str) -> StoreError {
        let error = StoreError::new(store, self.kind);
        match self.cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Unreached | FailureKind::Refused | FailureKind::Full => StoreErrorKind::Unavailable,
            FailureKind::Lost => StoreErrorKind::TimedOut,
            FailureKind::Unreadable => StoreErrorKind::Unreadable,
        };
        let is_full = failure.kind == FailureKind::Full;
        Self { is_full, may_pass: failure.kind.may_pass(), ..Self::new(kind, failure.cause) }
    }
}

impl Outage {
    pub(crate) fn of(database: String) -> Self {
        Self {
            is_known: AtomicBool::new(false),
            probe: Arc::default(),
            opened: Instant::now(),
            answered: AtomicU64::new(0),
            database,
        }
    }

    /// Starts the deadline of a call.
    pub(crate) fn start(&self, span: Duration) -> Deadline {
        Deadline::after(if self.is_known.load(Ordering::Relaxed) { span.min(DEADLINE_WHILE_DOWN) } else { span })
    }

    /// Returns the turn to probe whether the database can be reached again: in an outage, and not
    /// while another call has it.
    pub(crate) fn begin_probe(&self) -> Option<OwnedMutexGuard<()>> {
        if self.is_known.load(Ordering::Relaxed) { Arc::clone(&self.probe).try_lock_owned().ok() } else { None }
    }

    /// Tries until there is an answer that another try would not change, or the deadline has
    /// passed.
    pub(crate) async fn repeat<T, F>(&self, deadline: Deadline, call: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Answer<T>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut is_in_doubt = false;
        let mut last = None;
        let mut unreached_since = None;
        loop {
            let end = deadline.of_try();
            if end <= Instant::now() {
                // Not sent, so that it is known that it was not done.
                let unsent = || Failure::unreached("the deadline passed before the call was sent");
                return Outcome { answer: Err(last.unwrap_or_else(unsent).into()), is_in_doubt };
            }
            let failure = match timeout_at(end, TRY_ENDS.scope(end, call())).await {
                Ok(Ok(value)) => {
                    self.note_answer();
                    return Outcome { answer: Ok(value), is_in_doubt };
                }
                Ok(Err(failure)) => failure,
                Err(_) if end < deadline.at => Failure::lost(self.silence(deadline.longest_try)),
                Err(_) => return Outcome { answer: Err(self.elapsed(deadline, last)), is_in_doubt: true },
            };
            is_in_doubt |= failure.kind == FailureKind::Lost;
            if !failure.kind.may_pass() {
                return Outcome { answer: Err(failure.into()), is_in_doubt };
            }
            unreached_since = match failure.kind {
                FailureKind::Unreached => unreached_since.or_else(|| Some(Instant::now())),
                _ => None,
            };
            last = Some(failure);
            let until = unreached_since.and_then(|since| since.checked_add(deadline.patience));
            let pause_now = vary(pause);
            if Instant::now() + pause_now >= until.map_or(deadline.at, |until| until.min(deadline.at)) {
                return Outcome { answer: Err(self.elapsed(deadline, last)), is_in_doubt };
            }
            sleep(pause_now).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Ends the outage. Stores only what has changed, since all threads read it.
    fn note_answer(&self) {
        let now = self.since_opened(Instant::now());
        if self.answered.load(Ordering::Relaxed) != now {
            self.answered.store(now, Ordering::Relaxed);
        }
        if self.is_known.load(Ordering::Relaxed) {
            self.is_known.store(false, Ordering::Relaxed);
        }
    }

    fn since_opened(&self, time: Instant) -> u64 {
        time.saturating_duration_since(self.opened).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Describes a call whose deadline has passed.
    fn elapsed(&self, deadline: Deadline, last: Option<Failure>) -> Fault {
        if let Some(failure) = last {
            // If another call was answered meanwhile, it is one server of several, or all
            // connections are in use.
            let is_answered = self.answered.load(Ordering::Relaxed) > self.since_opened(deadline.begun);
            if failure.kind == FailureKind::Unreached && !is_answered {
                self.is_known.store(true, Ordering::Relaxed);
            }
            return failure.into();
        }
        let cause: Box<dyn StdError + Send + Sync> = self.silence(deadline.span).into();
        Fault::new(StoreErrorKind::TimedOut, cause)
    }

    fn silence(&self, time: Duration) -> String {
        format!("{} did not answer within {time:?}", self.database)
    }
}

/// Returns a pause between tries, half of which is left to chance.
///
/// So clients of a database that was down do not come back together.
#[must_use]
pub fn vary(pause: Duration) -> Duration {
    pause - pause.mul_f64(0.5 * chance())
}

/// Returns a random number from 0 to 1. It need not be secret.
pub(crate) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: nobody probed again, and calls of a slow database failed for ever.
    #[test]
    fn a_probe_that_panics_leaves_its_turn() {
        let outage = Outage::of("the database".to_owned());
        assert!(outage.begin_probe().is_none());
        outage.is_known.store(true, Ordering::Relaxed);
        let turn = outage.begin_probe().unwrap();
        assert!(outage.begin_probe().is_none());
        let probe = std::thread::spawn(move || {
            let _turn = turn;
            panic!("the engine panicked");
        });
        assert!(probe.join().is_err());
        assert!(outage.begin_probe().is_some());
    }
}
