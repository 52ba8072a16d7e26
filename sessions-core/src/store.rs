//! The contract between a session and the place that keeps it.

mod async_store;
mod future;
mod memory;

pub use async_store::AsyncStore;
pub use future::StoreFuture;
pub use memory::{MemoryStore, MemoryStoreBuilder};

use std::fmt;

use crate::cookie::SecretHash;
use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::Changes;
use crate::record::{Record, Refusal};

#[doc = include_str!("docs/store.md")]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the store's name, for errors and events.
    fn name(&self) -> &'static str;

    /// Finds a record.
    ///
    /// A record that is not alive at `now` ([`Record::is_live`]) may be returned too, and the
    /// caller treats it as none: a store that still has an expired record lets the log say that the
    /// session expired.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be asked, with
    /// [`Unreadable`](crate::StoreErrorKind::Unreadable) for a record that is damaged, which the
    /// caller treats as no session, and with [`NewerFormat`](crate::StoreErrorKind::NewerFormat)
    /// for one that only a newer build can read, which lives on there.
    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>>;

    /// Stores a new record. A taken id is reported, never overwritten.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write.
    fn create(&self, record: &Record) -> StoreFuture<Created>;

    /// Applies changes to a live record in one atomic step, or not at all.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write; after
    /// [`TimedOut`](crate::StoreErrorKind::TimedOut) the outcome is unknown.
    fn commit(&self, id: SessionId, changes: &Changes) -> StoreFuture<Committed>;

    /// Removes one entry of a live record and returns its value, to exactly one of all who race for
    /// it.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write.
    fn take(&self, id: SessionId, expected: &SecretHash, key: &str, now: Timestamp) -> StoreFuture<Taken>;

    /// Ends a session for good, and says whether there was one.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write. The session may then still live: a logout has
    /// failed.
    fn destroy(&self, id: SessionId) -> StoreFuture<bool>;

    /// Ends all sessions, and says how many there were.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write; some sessions may have been ended.
    fn destroy_all(&self) -> StoreFuture<u64>;

    /// Finds the live records of a principal.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be asked.
    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>>;

    /// Ends a principal's sessions, except one, and returns the ids of those it ended.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write; some sessions may have been ended.
    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>>;

    /// Counts the sessions. Some that have expired may be counted until they are swept.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be asked.
    fn count(&self) -> StoreFuture<u64>;

    /// Lists one page of the live sessions, beginning where the page before it ended.
    ///
    /// Each session that lives through the whole listing is listed at least once. `limit` is a
    /// hint.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be asked.
    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page>;

    /// Removes at most `limit` records that have expired at `now`, and returns their ids.
    ///
    /// A sweep never waits for the whole store, and checks each record's deadline in the same
    /// atomic step that removes it. A store whose engine expires records by itself returns none.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write.
    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>>;
}

/// Says what became of a [`create`](Store::create).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Created {
    /// The record is stored.
    Stored {
        /// Names the sessions that had to make room for it.
        evicted: Vec<SessionId>,
    },
    /// The id is taken; nothing was stored.
    Exists,
    /// There is no room, and nothing that may be evicted.
    Full,
}

impl Created {
    /// Is the answer of a store that evicts nothing.
    pub const STORED: Self = Self::Stored { evicted: Vec::new() };
}

/// Says what became of a [`commit`](Store::commit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Committed {
    /// The changes are applied, and there for the next load.
    Applied,
    /// There is no such record: it was destroyed, it expired, or its secret was replaced since the
    /// request loaded it.
    Gone,
    /// A change could not be applied, so none was.
    Conflict,
    /// The record would exceed the limits of the changes, so none was applied.
    TooLarge,
}

impl From<Refusal> for Committed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Gone => Self::Gone,
            Refusal::Conflict => Self::Conflict,
            Refusal::TooLarge => Self::TooLarge,
        }
    }
}

/// Says what became of a [`take`](Store::take).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// The entry is removed, and this was its value.
    Value(Vec<u8>),
    /// The record has no such entry.
    Absent,
    /// There is no such record: it was destroyed, it expired, or its secret was replaced since the
    /// request loaded it.
    Gone,
}

/// Shows no value.
impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value(..)",
            Self::Absent => "Absent",
            Self::Gone => "Gone",
        })
    }
}

/// Is one page of a listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// Holds the page's records.
    pub records: Vec<Record>,
    /// Says where the next page begins, `None` after the last one.
    pub next: Option<Cursor>,
}

impl Page {
    /// Makes a page.
    #[must_use]
    pub const fn new(records: Vec<Record>, next: Option<Cursor>) -> Self {
        Self { records, next }
    }
}

/// Says where a page of a listing begins. What is in it is the store's business.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(Box<[u8]>);

impl Cursor {
    /// Makes a cursor from bytes that mean something to the store.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes that the store put in.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}
