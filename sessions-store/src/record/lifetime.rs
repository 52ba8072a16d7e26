//! How long one session lives.

use std::time::Duration;

use super::layout::NO_LIMIT;
use crate::timestamp::{Timestamp, whole_millis};

/// The timeouts of one session, and whether browsers keep its cookie.
///
/// Every record has its own: a login with "keep me signed in" lives longer than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Lifetime {
    pub(super) idle_millis: u64,
    pub(super) absolute_deadline: Timestamp,
    pub(super) persists: bool,
}

impl Lifetime {
    /// No timeouts, and a cookie that ends with the browser.
    pub const ENDLESS: Self = Self { idle_millis: NO_LIMIT, absolute_deadline: Timestamp::NEVER, persists: false };

    /// Sets the idle timeout, `None` for none.
    pub fn with_idle(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.idle_millis = idle.into().map_or(NO_LIMIT, whole_millis);
        self
    }

    /// Sets the deadline that activity does not extend, [`Timestamp::NEVER`] for none.
    pub const fn with_absolute_deadline(mut self, deadline: Timestamp) -> Self {
        self.absolute_deadline = deadline;
        self
    }

    /// Sets whether browsers keep the cookie after they are closed, until the session expires.
    pub const fn with_persistent_cookie(mut self, persists: bool) -> Self {
        self.persists = persists;
        self
    }

    /// Returns the longest time without use, or `None` if there is no limit.
    #[must_use]
    pub const fn idle(&self) -> Option<Duration> {
        match self.idle_millis {
            NO_LIMIT => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }

    /// Returns the deadline that activity does not extend, [`Timestamp::NEVER`] for none.
    #[must_use]
    pub const fn absolute_deadline(&self) -> Timestamp {
        self.absolute_deadline
    }

    /// Returns whether browsers keep the cookie after they are closed.
    #[must_use]
    pub const fn cookie_persists(&self) -> bool {
        self.persists
    }

    /// Returns when the session expires if it was last seen at `last_seen`.
    #[must_use]
    pub fn ends_at(&self, last_seen: Timestamp) -> Timestamp {
        let idle_deadline = last_seen.as_millis().saturating_add(self.idle_millis);
        Timestamp::from_millis(idle_deadline).min(self.absolute_deadline)
    }
}
