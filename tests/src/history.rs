//! The requests of clients to several servers and the answers, and a check that a correct store can
//! have given them.
//!
//! Clients work on the same sessions concurrently and record each request with its times and its
//! answer. A request without an answer may or may not have been carried out.
//! [`History::violations`] then checks:
//!
//! - acknowledged writes are kept until the session ends;
//! - a session that was signed out stays signed out;
//! - every key is linearizable: there is an order of all writes and reads, each within the time of
//!   its request, in which every read returns the last write;
//! - increments are exact;
//! - a flash is not read again once a read of it was answered;
//! - no session reads data of another.

mod check;
mod crowd;
mod register;

#[cfg(test)]
mod broken_stores;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

pub use crowd::{Site, work_until};

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sets one of the session's registers to a value that no other request writes.
    Put {
        /// The key of the register.
        key: String,
        /// The value.
        value: String,
    },
    /// Adds one to the session's counter.
    Increment,
    /// Reads all registers and the counter.
    Read,
    /// Sets the session's flash to a value that no other request sets.
    SetFlash {
        /// The value.
        value: String,
    },
    /// Reads the flash, which removes it.
    TakeFlash,
    /// Ends the session.
    SignOut,
}

/// The answer that a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A write is done.
    Done,
    /// The session's entries by key.
    Entries(BTreeMap<String, String>),
    /// The value of the flash, if there was one.
    Flash(Option<String>),
    /// The session has ended, and nothing was done.
    Ended,
    /// Nothing was done, and the session is live.
    Refused,
    /// No answer, or an error: the request may have been carried out.
    Unknown,
    /// An answer that is never valid.
    Fault(String),
}

/// One request and its answer. Times are nanoseconds since the beginning of the history.
#[derive(Clone, Debug)]
pub struct Event {
    /// The number of the session.
    pub session: usize,
    /// The request.
    pub act: Act,
    /// When the request began.
    pub begun: u64,
    /// When the answer arrived.
    pub ended: u64,
    /// The answer.
    pub told: Told,
}

/// All events so far.
#[derive(Debug)]
pub struct History {
    start: Instant,
    events: Mutex<Vec<Event>>,
    answered: AtomicUsize,
}

impl Default for History {
    fn default() -> Self {
        Self { start: Instant::now(), events: Mutex::default(), answered: AtomicUsize::new(0) }
    }
}

/// The key of a session's counter.
pub(crate) const COUNTER: &str = "count";

/// The key under which a session stores its own name.
pub(crate) const OWNER: &str = "owner";

impl History {
    /// Performs a request and records it.
    pub fn record(&self, session: usize, act: Act, perform: impl FnOnce(&Act) -> Told) -> Told {
        let begun = self.now();
        let told = perform(&act);
        let event = Event { session, act, begun, ended: self.now(), told: told.clone() };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        if told != Told::Unknown {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        told
    }

    /// Returns the number of requests so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns whether there were no requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of requests that were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Returns the number of requests, and how many were not answered.
    #[must_use]
    pub fn summary(&self) -> String {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = events.iter().filter(|event| event.told == Told::Unknown).count();
        let sessions = events.iter().map(|event| event.session).max().map_or(0, |last| last + 1);
        format!("{} requests in {sessions} sessions, {unknown} of them without an answer", events.len())
    }

    /// Returns descriptions of the answers that no correct store can have given.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        check::violations(&events)
    }

    /// Returns the violations that remain if acknowledged writes may be lost, as in a failover of a
    /// database that does not wait for its replicas: undone sign-outs, data of another session, and
    /// faults.
    #[must_use]
    pub fn violations_despite_losses(&self) -> Vec<String> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        check::violations_despite_losses(&events)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
