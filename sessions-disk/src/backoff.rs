//! Pauses between attempts on a failing disk.

use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
/// Time without failures after which the next pause is the shortest again.
const CALM: Duration = Duration::from_secs(10);

/// A pause that doubles with each failure.
#[derive(Debug)]
pub(crate) struct Backoff {
    length: Duration,
    until: Instant,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { length: Duration::ZERO, until: Instant::now() }
    }

    /// Ends the pause after a success.
    pub(crate) const fn reset(&mut self) {
        self.length = Duration::ZERO;
    }

    /// Starts a pause twice as long as the last one.
    pub(crate) fn extend(&mut self) {
        self.extend_at(Instant::now());
    }

    fn extend_at(&mut self, now: Instant) {
        let is_calm = now.saturating_duration_since(self.until) > CALM;
        self.length = if is_calm { SHORTEST } else { (self.length * 2).clamp(SHORTEST, LONGEST) };
        self.until = now + self.length;
    }

    /// Returns whether there has been no failure since the last reset.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.length.is_zero()
    }

    /// Returns the rest of the pause.
    pub(crate) fn left(&self) -> Duration {
        if self.is_fresh() { Duration::ZERO } else { self.until.saturating_duration_since(Instant::now()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_a_calm_time_resets_them() {
        let mut backoff = Backoff::new();
        assert!(backoff.is_fresh() && backoff.left().is_zero());
        let mut now = Instant::now();
        for millis in [50, 100, 200, 400, 800, 1000, 1000] {
            backoff.extend_at(now);
            assert_eq!(backoff.length, Duration::from_millis(millis));
            now = backoff.until;
        }
        backoff.extend_at(now + CALM);
        assert_eq!(backoff.length, LONGEST);
        backoff.extend_at(backoff.until + CALM + SHORTEST);
        assert_eq!(backoff.length, SHORTEST);
        backoff.extend_at(backoff.until);
        backoff.reset();
        assert!(backoff.is_fresh() && backoff.left().is_zero());
        backoff.extend_at(Instant::now());
        assert_eq!(backoff.length, SHORTEST);
    }
}
