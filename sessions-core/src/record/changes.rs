//! What one request writes, as a store is told it.

mod edits;

use std::time::Duration;

pub(crate) use edits::{Edit, Edits, Scope, Verb};

use crate::cookie::SecretHash;
use crate::platform::Timestamp;
use crate::record::limits::Limits;

/// Is one request's writes to one session, to be applied to the live record in one atomic step.
///
/// A change says what to do with one key, not what the whole record becomes, so two requests that
/// change different keys both survive. To apply: the record must carry
/// [`expected_secret`](Self::expected_secret) and be alive at [`now`](Self::now), and every
/// [`Change::Require`] must hold; then the clears, then the other changes in any order, since no
/// two of them name the same key of the same kind; then the secret, the principal and the idle
/// limit, where they are new. The record that comes of it must be within the
/// [`limits`](Self::limits), or smaller than it was. The session was last seen [`now`](Self::now).
/// [`Record::apply`](crate::Record::apply) does exactly that, and a store that keeps whole records
/// calls it.
///
/// The methods that take `self` make changes without a [`Session`](crate::Session), for those who
/// test a store.
#[derive(Clone, Debug)]
pub struct Changes {
    now: Timestamp,
    expected_secret: SecretHash,
    new_secret: Option<SecretHash>,
    new_principal: Option<Box<str>>,
    new_idle: Option<Duration>,
    limits: Limits,
    edits: Edits,
}

/// Is what to do with one key of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<'a> {
    /// The entry must now have this value (`None`: not exist), else nothing is applied.
    Require {
        /// Names the entry.
        key: &'a str,
        /// Is the value that it must have.
        value: Option<&'a [u8]>,
    },
    /// Sets an entry. Where the record's entry is immutable, nothing is applied.
    Set {
        /// Names the entry.
        key: &'a str,
        /// Is the new value.
        value: &'a [u8],
    },
    /// Sets an entry, immutable from now on, whatever it was.
    SetImmutable {
        /// Names the entry.
        key: &'a str,
        /// Is the new value.
        value: &'a [u8],
    },
    /// Removes an entry, if it exists.
    Remove {
        /// Names the entry.
        key: &'a str,
    },
    /// Adds to an entry that holds a decimal integer; a missing one counts as 0. Where it holds
    /// anything else, is immutable, or would leave the range of `i64`, nothing is applied.
    Increment {
        /// Names the entry.
        key: &'a str,
        /// Is what to add.
        by: i64,
    },
    /// Sets a flash.
    SetFlash {
        /// Names the flash.
        key: &'a str,
        /// Is the new value.
        value: &'a [u8],
    },
    /// Removes a flash, if it exists.
    RemoveFlash {
        /// Names the flash.
        key: &'a str,
    },
    /// Removes a flash that was read, unless it has another value by now: a newer message was not
    /// read.
    ConsumeFlash {
        /// Names the flash.
        key: &'a str,
        /// Is the value that was read.
        seen: &'a [u8],
    },
}

/// Shows what is done to which key, never the values.
impl std::fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, key) = match self {
            Self::Require { key, .. } => ("Require", key),
            Self::Set { key, .. } => ("Set", key),
            Self::SetImmutable { key, .. } => ("SetImmutable", key),
            Self::Remove { key } => ("Remove", key),
            Self::Increment { key, .. } => ("Increment", key),
            Self::SetFlash { key, .. } => ("SetFlash", key),
            Self::RemoveFlash { key } => ("RemoveFlash", key),
            Self::ConsumeFlash { key, .. } => ("ConsumeFlash", key),
        };
        f.debug_struct(name).field("key", key).finish_non_exhaustive()
    }
}

impl Changes {
    /// Begins changes that only say that the session was seen at `now`.
    #[must_use]
    pub fn new(now: Timestamp, expected_secret: SecretHash) -> Self {
        Self::of_request(now, expected_secret, None, None, None, Limits::FORMAT, Edits::default())
    }

    pub(crate) const fn of_request(
        now: Timestamp,
        expected_secret: SecretHash,
        new_secret: Option<SecretHash>,
        new_principal: Option<Box<str>>,
        new_idle: Option<Duration>,
        limits: Limits,
        edits: Edits,
    ) -> Self {
        Self { now, expected_secret, new_secret, new_principal, new_idle, limits, edits }
    }

    /// Takes the changes out, and leaves none.
    pub(crate) fn take(&mut self) -> Self {
        let nothing = Self::new(self.now, self.expected_secret);
        std::mem::replace(self, nothing)
    }

    pub(crate) fn into_edits(self) -> Edits {
        self.edits
    }

    pub(crate) const fn edits(&self) -> &Edits {
        &self.edits
    }

    /// Returns when the request commits; the record's deadlines are checked against it.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the secret's hash that the request found; a record with another one is gone for this
    /// request.
    #[must_use]
    pub const fn expected_secret(&self) -> &SecretHash {
        &self.expected_secret
    }

    /// Returns the hash of the secret that replaces the expected one, if the session is renewed.
    #[must_use]
    pub const fn new_secret(&self) -> Option<&SecretHash> {
        self.new_secret.as_ref()
    }

    /// Returns who signs in with this request, if anybody.
    #[must_use]
    pub fn new_principal(&self) -> Option<&str> {
        self.new_principal.as_deref()
    }

    /// Returns the session's new idle limit, if it changes.
    #[must_use]
    pub const fn new_idle(&self) -> Option<Duration> {
        self.new_idle
    }

    /// Returns how much the record may hold afterwards. Without a request's limits, as much as its
    /// format has room for.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Says whether all entries of the record go before the changes are applied.
    #[must_use]
    pub const fn clears_entries(&self) -> bool {
        self.edits.clears_entries()
    }

    /// Says whether all flashes of the record go before the changes are applied.
    #[must_use]
    pub const fn clears_flashes(&self) -> bool {
        self.edits.clears_flashes()
    }

    /// Goes through the changes, at most one for each key of a kind (entry, flash, requirement).
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.edits.changes()
    }

    /// Replaces the secret.
    #[must_use]
    pub const fn renew(mut self, secret: SecretHash) -> Self {
        self.new_secret = Some(secret);
        self
    }

    /// Binds the session to a principal.
    #[must_use]
    pub fn bind(mut self, principal: impl Into<Box<str>>) -> Self {
        self.new_principal = Some(principal.into());
        self
    }

    /// Replaces the idle limit.
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.new_idle = Some(idle);
        self
    }

    /// Limits what the record may hold afterwards.
    #[must_use]
    pub const fn limited_to(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a [`Change::Require`].
    #[must_use]
    pub fn require(mut self, key: &str, value: Option<&[u8]>) -> Self {
        self.edits.require(key, value);
        self
    }

    /// Adds a [`Change::Set`].
    #[must_use]
    pub fn set(mut self, key: &str, value: &[u8]) -> Self {
        self.edits.put(Verb::Set, key, value, 0);
        self
    }

    /// Adds a [`Change::SetImmutable`].
    #[must_use]
    pub fn set_immutable(mut self, key: &str, value: &[u8]) -> Self {
        self.edits.put(Verb::SetImmutable, key, value, 0);
        self
    }

    /// Adds a [`Change::Remove`].
    #[must_use]
    pub fn remove(mut self, key: &str) -> Self {
        self.edits.put(Verb::Remove, key, b"", 0);
        self
    }

    /// Adds a [`Change::Increment`].
    #[must_use]
    pub fn increment(mut self, key: &str, by: i64) -> Self {
        self.edits.put(Verb::Increment, key, b"", by);
        self
    }

    /// Adds a [`Change::SetFlash`].
    #[must_use]
    pub fn set_flash(mut self, key: &str, value: &[u8]) -> Self {
        self.edits.put(Verb::SetFlash, key, value, 0);
        self
    }

    /// Adds a [`Change::RemoveFlash`].
    #[must_use]
    pub fn remove_flash(mut self, key: &str) -> Self {
        self.edits.put(Verb::RemoveFlash, key, b"", 0);
        self
    }

    /// Adds a [`Change::ConsumeFlash`].
    #[must_use]
    pub fn consume_flash(mut self, key: &str, seen: &[u8]) -> Self {
        self.edits.put(Verb::ConsumeFlash, key, seen, 0);
        self
    }

    /// Clears the entries, and forgets the changes of entries made so far.
    #[must_use]
    pub fn clear_entries(mut self) -> Self {
        self.edits.clear_entries();
        self
    }

    /// Clears the flashes, and forgets the changes of flashes made so far.
    #[must_use]
    pub fn clear_flashes(mut self) -> Self {
        self.edits.clear_flashes();
        self
    }
}
