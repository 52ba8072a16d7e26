//! The options that every remote store has.

use std::time::Duration;

use crate::open_error::OpenError;
use crate::url::UrlOptions;

/// Writes the setters of [`Options`], for it and for builders with one in the field that is named.
///
/// Doc comments before the name are added to those of `load_deadline`.
#[doc(hidden)]
#[macro_export]
macro_rules! option_setters {
    ($(#[$hint:meta])* $($field:ident)?) => {
        /// Sets the deadline of a load, retries included; 500 ms by default.
        ///
        /// In an outage, each request waits this long. Once no call has reached the database for a
        /// whole deadline, requests wait only 50 ms. A longer deadline hides longer interruptions,
        /// but lets more requests pile up.
        $(#[$hint])*
        pub const fn load_deadline(mut self, deadline: ::core::time::Duration) -> Self {
            self$(.$field)?.load_deadline = deadline;
            self
        }

        /// Sets the deadline of a write, retries included; one second by default.
        ///
        /// The response waits for it. It is twice as long as for a load because more is lost: a
        /// visitor can reload a page, but has to enter a form again, and does not know whether the
        /// first try was saved after all.
        ///
        /// Listings and bulk deletions have one minute instead, and five times this deadline if the
        /// database cannot be reached.
        pub const fn commit_deadline(mut self, deadline: ::core::time::Duration) -> Self {
            self$(.$field)?.commit_deadline = deadline;
            self
        }

        /// Sets the maximum number of calls in flight; 4096 by default.
        ///
        /// Further ones fail as [`Busy`](sessions_store::StoreErrorKind::Busy). The limit
        /// bounds what accumulates while the database is slow: with the default, 256 MiB if every
        /// call holds a record of 64 KiB. A refused call costs nothing, and is known to have done
        /// nothing. A healthy database does 4096 calls within their deadline (`cargo xtask bench
        /// databases` prints its commits per second), so only one that hardly answers refuses any.
        pub const fn max_in_flight(mut self, calls: usize) -> Self {
            self$(.$field)?.max_in_flight = calls;
            self
        }
    };
}

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
    /// Their names in URLs.
    pub(crate) const IN_URLS: &[&str] = &["load_deadline_ms", "commit_deadline_ms", "max_in_flight"];

    option_setters!();

    /// Takes over the options of a URL: `load_deadline_ms`, `commit_deadline_ms`, `max_in_flight`.
    ///
    /// # Errors
    ///
    /// Fails if a value is no whole number.
    pub fn read(&mut self, url: &UrlOptions) -> Result<(), OpenError> {
        let millis = |name| Ok(url.number(name)?.map(|millis| Duration::from_millis(millis.into())));
        self.load_deadline = millis("load_deadline_ms")?.unwrap_or(self.load_deadline);
        self.commit_deadline = millis("commit_deadline_ms")?.unwrap_or(self.commit_deadline);
        self.max_in_flight = url.number("max_in_flight")?.map_or(self.max_in_flight, |calls| calls as usize);
        Ok(())
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// Fails if one is 0, which would let nothing through.
    pub fn check(&self) -> Result<(), OpenError> {
        let options = [
            ("load_deadline", self.load_deadline.is_zero()),
            ("commit_deadline", self.commit_deadline.is_zero()),
            ("max_in_flight", self.max_in_flight == 0),
        ];
        match options.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(OpenError::zero(name)),
            None => Ok(()),
        }
    }
}
