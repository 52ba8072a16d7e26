//! The contract between sessions and the stores that keep them.

mod async_store;
mod forward;

pub use async_store::{Answer, AsyncStore, FromAsync};

use std::fmt;

use crate::error::StoreError;
use crate::id::SessionId;
use crate::maybe_ready::MaybeReady;
use crate::record::{Changes, Record, Refusal};
use crate::timestamp::Timestamp;

/// The future of a store call: ready without an allocation, or boxed.
///
/// ```
/// use sessions_store::StoreFuture;
///
/// let now = StoreFuture::ready(Ok(1));
/// let later = StoreFuture::new(async { Ok(2) });
/// assert_eq!(pollster::block_on(now)? + pollster::block_on(later)?, 3);
/// # Ok::<(), sessions_store::StoreError>(())
/// ```
pub type StoreFuture<T> = MaybeReady<Result<T, StoreError>>;

#[doc = include_str!("docs/store.md")]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the store's name for errors and events.
    fn name(&self) -> &'static str;

    /// Loads a record.
    ///
    /// The store may return a record that is not live at `now` ([`Record::is_live`]). The caller
    /// treats it as absent, and can log that the session has expired.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be read. The kind is
    /// [`Unreadable`](crate::StoreErrorKind::Unreadable) for a damaged record, which the
    /// caller treats as absent, and [`NewerFormat`](crate::StoreErrorKind::NewerFormat) for
    /// a record that only a newer build can read, which stays valid for that build.
    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>>;

    /// Stores a new record. An existing id is reported, never overwritten.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write.
    fn create(&self, record: &Record) -> StoreFuture<Created>;

    /// Applies changes to a live record in one atomic step, or not at all.
    ///
    /// `base` is the record that the request loaded. It names the session, and a store that swaps
    /// whole records needs no read while it is current. The changes apply to the record that the
    /// store holds at commit time, however old `base` is.
    ///
    /// Returns the new record, with commits that came after this one if need be, or why
    /// [`Record::apply`] refused the changes.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write. After
    /// [`TimedOut`](crate::StoreErrorKind::TimedOut) the outcome is unknown.
    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>>;

    /// Ends a session permanently. Returns whether it existed.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write. The session may then still exist, so a logout
    /// has failed.
    fn destroy(&self, id: SessionId) -> StoreFuture<bool>;

    /// Ends all sessions. Returns their number.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write. Some sessions may already have ended.
    fn destroy_all(&self) -> StoreFuture<u64>;

    /// Returns the live records of a principal.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be read.
    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>>;

    /// Counts the sessions of a principal. Sessions that have ended may be counted for a while.
    ///
    /// Logins call this to check the principal limit. The default loads the records to count them,
    /// which a store should avoid.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be read.
    fn count_of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<u64> {
        let number = |records: Vec<Record>| records.len() as u64;
        match self.of_principal(principal, now).try_ready() {
            Ok(answer) => StoreFuture::ready(answer.map(number)),
            Err(later) => StoreFuture::new(async move { later.await.map(number) }),
        }
    }

    /// Ends the sessions of a principal, except one. Returns the ids of the ended sessions.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write. Some sessions may already have ended.
    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>>;

    /// Counts the sessions. Expired sessions may be counted until they are swept.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be read.
    fn count(&self) -> StoreFuture<u64>;

    /// Lists one page of live sessions, beginning where the previous page ended.
    ///
    /// A session that is live during the whole listing is listed at least once. `limit` is a hint.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot be read.
    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page>;

    /// Removes at most `limit` records that have expired at `now`. Returns their ids.
    ///
    /// A sweep never locks the whole store. It checks each record's deadline in the same atomic
    /// step that removes the record. A store whose engine expires records by itself returns no ids.
    ///
    /// # Errors
    ///
    /// The future fails if the store cannot write.
    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>>;
}

/// The outcome of [`Store::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Created {
    /// The record was stored.
    #[non_exhaustive]
    Stored {
        /// The ids of the sessions that were evicted to make room.
        evicted: Vec<SessionId>,
    },
    /// The id already exists. Nothing was stored.
    Exists,
    /// The store is full, and no session may be evicted.
    Full,
    /// The store's answer was lost, or the server that would hold this id cannot be reached.
    ///
    /// The record may have been stored; the store then removes it, if need be later. Nobody knows
    /// its token, so the caller tries again with another id.
    Unanswered,
}

impl Created {
    /// The outcome of a store that evicted nothing.
    pub const STORED: Self = Self::stored(Vec::new());

    /// Creates the outcome of a store that evicted these sessions to make room.
    #[must_use]
    pub const fn stored(evicted: Vec<SessionId>) -> Self {
        Self::Stored { evicted }
    }
}

/// One page of a listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The records of the page.
    pub records: Vec<Record>,
    /// The start of the next page, or `None` on the last page.
    pub next: Option<Cursor>,
}

impl Page {
    /// Creates a page.
    #[must_use]
    pub const fn new(records: Vec<Record>, next: Option<Cursor>) -> Self {
        Self { records, next }
    }
}

/// The start of a page of a listing. Its contents are private to the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(Box<[u8]>);

impl Cursor {
    /// Creates a cursor from bytes that the store chooses.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes that the store chose.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

redacted!(Cursor);
