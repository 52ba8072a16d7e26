//! What a database must offer: a dozen primitives, each of them one try.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, ready};

use sessions_store::{Record, SessionId, Timestamp};

/// A database that keeps one value per session.
///
/// An engine keeps bytes and compares them; it knows nothing of what a commit means. Each method is
/// one try: the store around the engine adds the deadline, the retries and the queue of commits.
///
/// A method may be called again after a [`Failure`], also after one that is
/// [`Lost`](Failure::lost), and its future may be dropped at any await. Everything must be visible
/// to every client of the database as soon as the future is ready.
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// The store's name for errors and events.
    const NAME: &'static str;

    /// Whether the database drops expired values by itself. [`sweep`](Self::sweep) is then never
    /// called.
    const EXPIRES_VALUES: bool = false;

    /// Whether sessions are listed under their principals apart from their values, by
    /// [`list`](Self::list) and [`unlist`](Self::unlist), which are otherwise never called.
    const LISTS_PRINCIPALS: bool = false;

    /// Returns the database's name in errors, such as `127.0.0.1:6379`.
    fn database(&self) -> String {
        "the database".to_owned()
    }

    /// Returns the value of a session.
    fn get(&self, id: SessionId) -> impl Future<Output = Answer<Option<Vec<u8>>>> + Send;

    /// Stores a value, unless the session has one. Returns whether it did.
    fn insert(&self, new: &Record) -> impl Future<Output = Answer<bool>> + Send;

    /// Replaces the value of a session if it still begins with the [mark](Record::mark) of
    /// `before`.
    ///
    /// `now` is the time of the commit, for engines that need how long a value lives.
    fn swap(&self, before: &Record, after: &Record, now: Timestamp) -> impl Future<Output = Answer<Swap>> + Send;

    /// Removes the value of a session.
    ///
    /// Returns what it was, if the engine keeps principals apart from the values, otherwise an
    /// empty value; `None` if there was none.
    fn delete(&self, id: SessionId) -> impl Future<Output = Answer<Option<Vec<u8>>>> + Send;

    /// Returns whether another session may be reached while one is not, since the values lie on
    /// several servers.
    ///
    /// A new session whose server does not answer is then created under another id.
    fn is_sharded(&self) -> bool {
        false
    }

    /// Lists a session under its principal, before its value is written: at a login, and when its
    /// absolute deadline moves on.
    ///
    /// Only an engine whose values and principals cannot be written in one atomic step needs this.
    /// An entry without a value, or of a value that has another principal, must do no harm.
    fn list(&self, record: &Record) -> impl Future<Output = Answer<()>> + Send {
        let _ = record;
        ready(Ok(()))
    }

    /// Removes a session from the list of a principal that it does not have any more.
    fn unlist(&self, principal: &str, id: SessionId) -> impl Future<Output = Answer<()>> + Send {
        let _ = (principal, id);
        ready(Ok(()))
    }

    /// Returns the values of a principal's sessions, page by page.
    ///
    /// It may return others too, such as a value whose principal has changed.
    fn of_principal(&self, principal: &str, from: Option<&[u8]>) -> impl Future<Output = Answer<Values>> + Send;

    /// Counts the sessions of a principal, and perhaps some that have ended.
    ///
    /// Every login asks for it. This default loads them.
    fn count_of_principal(&self, principal: &str) -> impl Future<Output = Answer<u64>> + Send {
        async move {
            let (mut count, mut from) = (0, None);
            loop {
                let page = self.of_principal(principal, from.as_deref()).await?;
                count += page.values.len() as u64;
                from = page.next;
                if from.is_none() {
                    return Ok(count);
                }
            }
        }
    }

    /// Removes the values of a principal's sessions except one, and returns their ids.
    ///
    /// Each value is removed only if the session is still the principal's.
    fn delete_of_principal(
        &self,
        principal: &str,
        except: Option<SessionId>,
    ) -> impl Future<Output = Answer<Vec<SessionId>>> + Send;

    /// Returns about `limit` values, beginning where the previous page ended.
    fn page(&self, from: Option<&[u8]>, limit: usize) -> impl Future<Output = Answer<Values>> + Send;

    /// Counts the values.
    fn count(&self) -> impl Future<Output = Answer<u64>> + Send;

    /// Removes all values, and returns their number.
    fn delete_all(&self) -> impl Future<Output = Answer<u64>> + Send;

    /// Removes at most `limit` values that have expired at `now`, and returns their ids.
    ///
    /// The deadline is checked in the atomic step that removes a value. A value of a newer format
    /// is kept. If the database has a clock, it should also require that the value has expired by
    /// that clock, so that one server whose clock is hours ahead does not remove everyone's
    /// sessions.
    fn sweep(&self, limit: usize, now: Timestamp) -> impl Future<Output = Answer<Vec<SessionId>>> + Send;
}

/// The answer of an engine to one try.
pub type Answer<T> = Result<T, Failure>;

/// The outcome of [`Engine::swap`].
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth outcome of a comparison")]
pub enum Swap {
    /// The value was replaced.
    Done,
    /// The value is another one, which is returned.
    Changed(Vec<u8>),
    /// There is no value.
    Missing,
}

/// Hides the value.
impl fmt::Debug for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Changed(_) => "Changed(..)",
            Self::Missing => "Missing",
        })
    }
}

/// One page of values.
#[derive(Default)]
#[non_exhaustive]
pub struct Values {
    /// The values of the page, in no particular order.
    pub values: Vec<Vec<u8>>,
    /// The start of the next page, or `None` on the last page.
    pub next: Option<Vec<u8>>,
}

impl Values {
    /// Creates a page.
    #[must_use]
    pub const fn new(values: Vec<Vec<u8>>, next: Option<Vec<u8>>) -> Self {
        Self { values, next }
    }
}

/// Shows the number of values only.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// The failure of one try of an engine.
///
/// Its cause is logged and shown, so it must not contain a value, a key or a password.
#[derive(Debug)]
pub struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) cause: Box<dyn StdError + Send + Sync>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Unreached,
    Refused,
    Full,
    Lost,
    Unreadable,
}

impl FailureKind {
    /// Returns whether the same call may succeed later.
    pub(crate) const fn may_pass(self) -> bool {
        matches!(self, Self::Unreached | Self::Lost)
    }
}

impl Failure {
    /// Creates a failure of a try that did nothing and may succeed later.
    ///
    /// There is no connection, or the database asks to try again.
    pub fn unreached(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Unreached, cause: cause.into() }
    }

    /// Creates a failure of a try that did nothing; retrying would not help.
    ///
    /// Examples are a wrong password and a missing table.
    pub fn refused(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Refused, cause: cause.into() }
    }

    /// Creates a failure of a try that did nothing, since the database has no room.
    pub fn full(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Full, cause: cause.into() }
    }

    /// Creates a failure of a try that may have taken effect.
    ///
    /// The call was sent, and no answer came.
    pub fn lost(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Lost, cause: cause.into() }
    }

    /// Creates a failure for a stored value that does not belong to this store.
    pub fn unreadable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Unreadable, cause: cause.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::Unreached => "the database cannot be reached",
            FailureKind::Refused => "the database refused the call",
            FailureKind::Full => "the database is full",
            FailureKind::Lost => "the database did not answer",
            FailureKind::Unreadable => "the stored value is not a session",
        })
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}
