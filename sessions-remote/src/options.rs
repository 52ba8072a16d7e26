//! The options that every remote store has.

use std::time::Duration;

/// Deadlines and limits of a remote store.
///
/// ```
/// use std::time::Duration;
/// use sessions_remote::Options;
///
/// let options = Options::default().load_deadline(Duration::from_millis(200)).max_in_flight(1000);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
#[non_exhaustive]
pub struct Options {
    /// The deadline of a load, retries included.
    pub load_deadline: Duration,
    /// The deadline of a write, retries included.
    pub commit_deadline: Duration,
    /// The maximum number of calls in flight.
    pub max_in_flight: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { load_deadline: Duration::from_millis(500), commit_deadline: Duration::from_secs(1), max_in_flight: 4096 }
    }
}

impl Options {
    /// Sets the deadline of a load, retries included; 500 ms by default.
    pub const fn load_deadline(mut self, deadline: Duration) -> Self {
        self.load_deadline = deadline;
        self
    }

    /// Sets the deadline of a write, retries included; one second by default.
    ///
    /// Listings and what ends many sessions have a minute instead.
    pub const fn commit_deadline(mut self, deadline: Duration) -> Self {
        self.commit_deadline = deadline;
        self
    }

    /// Sets the maximum number of calls in flight; 4096 by default.
    ///
    /// Further ones fail as [`Busy`](sessions_core::store::StoreErrorKind::Busy). The limit bounds
    /// what accumulates while the database is slow. A refused call costs nothing, and is known to
    /// have done nothing.
    pub const fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = calls;
        self
    }

    /// Returns the name of an option that is 0, which would let nothing through.
    #[must_use]
    pub fn find_zero(&self) -> Option<&'static str> {
        let options = [
            ("load_deadline", self.load_deadline.is_zero()),
            ("commit_deadline", self.commit_deadline.is_zero()),
            ("max_in_flight", self.max_in_flight == 0),
        ];
        options.into_iter().find_map(|(name, is_zero)| is_zero.then_some(name))
    }
}
