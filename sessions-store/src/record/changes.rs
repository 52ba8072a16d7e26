//! The changes that one request asks a store to apply.

mod edits;

pub(crate) use edits::Edits;
pub use edits::{Change, Verb};

use std::fmt;

use crate::record::Record;
use crate::record::SecretHash;
use crate::record::layout::Scope;
use crate::record::lifetime::Lifetime;
use crate::record::limits::Limits;
use crate::timestamp::Timestamp;

/// One request's writes to one session, applied to the live record in one atomic step.
///
/// Each change names one key rather than the whole record, so two requests that change different
/// keys both survive. A store applies the changes as follows:
///
/// 1. The record must be live at [`now`](Self::now), and every [`Verb::Require`] and
///    [`Verb::RequireAbsent`] must hold. The [`expected_secret`](Self::expected_secret) must be the
///    record's own or one that a rotation has sent. A secret that a rotation has replaced suffices
///    for changes that neither renew nor sign in. A secret that a renewal has replaced suffices for
///    changes that only remove flashes that were read.
/// 2. Clears come first, then the other changes in any order: no two of them name the same key of
///    the same kind.
/// 3. The secret, the principal and the lifetime are replaced if there are new ones, a rotation
///    begins or ends, and the session was last seen at [`now`](Self::now).
/// 4. The resulting record must be within the [`limits`](Self::limits) or smaller than before.
///
/// A store calls [`Record::apply`](crate::Record::apply), which does exactly this. It does not read
/// the changes itself: a later version may add a [`Verb`].
///
/// The methods that take `self` add changes.
#[derive(Clone, Debug)]
#[must_use]
pub struct Changes {
    pub(crate) now: Timestamp,
    pub(crate) expected_secret: SecretHash,
    /// Boxed, since most commits have none.
    pub(crate) head: Option<Box<HeadChanges>>,
    pub(crate) limits: Limits,
    pub(crate) edits: Edits,
}

/// What changes besides entries and flashes.
///
/// A login must renew the secret, or whoever planted the token is signed in, too.
#[derive(Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "built field by field")]
pub struct HeadChanges {
    /// The new secret, if the session is renewed or rotates.
    pub secret: Option<NewSecret>,
    /// The new principal, if the request signs in.
    pub principal: Option<Box<str>>,
    /// The new lifetime, if it changes.
    pub lifetime: Option<Lifetime>,
    /// The principal has proved again who they are.
    pub confirms: bool,
    /// The request asks to restart the idle timeout. Any commit does; this makes one necessary.
    pub shifts: bool,
}

/// Shows whether there is a principal, but not which.
impl fmt::Debug for HeadChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadChanges")
            .field("secret", &self.secret)
            .field("signs_in", &self.principal.is_some())
            .field("lifetime", &self.lifetime)
            .field("confirms", &self.confirms)
            .field("shifts", &self.shifts)
            .finish()
    }
}

/// A secret that a commit gives to a session.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a commit knows them all")]
pub enum NewSecret {
    /// It replaces the record's own at once.
    Renewed(SecretHash),
    /// It replaces the record's own when it is first used.
    Rotating {
        /// The hash of the secret.
        hash: SecretHash,
        /// A rotation that has begun after this time is left alone.
        unless_since: Timestamp,
    },
}

impl NewSecret {
    /// Returns the hash of the secret.
    #[must_use]
    pub const fn hash(self) -> SecretHash {
        match self {
            Self::Renewed(hash) | Self::Rotating { hash, .. } => hash,
        }
    }
}

impl Changes {
    /// Creates changes that only record that the session was seen at `now`.
    pub fn new(now: Timestamp, expected_secret: SecretHash) -> Self {
        Self { now, expected_secret, head: None, limits: Limits::FORMAT, edits: Edits::default() }
    }

    /// Takes the changes, leaving none.
    pub fn take(&mut self) -> Self {
        let none = Self::new(self.now, self.expected_secret).limited_to(self.limits);
        std::mem::replace(self, none)
    }

    /// Returns the time of the commit, which the record's deadlines are compared with.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the hash of the secret that the record must have.
    #[must_use]
    pub const fn expected_secret(&self) -> &SecretHash {
        &self.expected_secret
    }

    /// Returns what changes besides entries and flashes, if anything.
    #[must_use]
    pub fn head(&self) -> Option<&HeadChanges> {
        self.head.as_deref()
    }

    /// Returns the hash of the new secret, if the session is renewed.
    #[must_use]
    pub fn new_secret(&self) -> Option<&SecretHash> {
        match &self.head.as_ref()?.secret {
            Some(NewSecret::Renewed(hash)) => Some(hash),
            _ => None,
        }
    }

    /// Returns the hash of the secret that a rotation sends to the client, if one begins.
    ///
    /// A rotation that has begun after the time beside it is left alone.
    #[must_use]
    pub fn rotation(&self) -> Option<(&SecretHash, Timestamp)> {
        match &self.head.as_ref()?.secret {
            Some(NewSecret::Rotating { hash, unless_since }) => Some((hash, *unless_since)),
            _ => None,
        }
    }

    /// Returns the new principal, if the request signs in.
    #[must_use]
    pub fn new_principal(&self) -> Option<&str> {
        self.head.as_ref()?.principal.as_deref()
    }

    /// Sets the entries of another record that have no change, and adds to those that are
    /// incremented.
    pub fn copy_entries(&mut self, record: &Record) {
        self.edits.copy_entries(record);
    }

    /// Takes the new principal out, if the request signs in.
    pub fn take_principal(&mut self) -> Option<Box<str>> {
        self.head.as_mut()?.principal.take()
    }

    /// Returns the session's new lifetime, if it changes.
    #[must_use]
    pub fn new_lifetime(&self) -> Option<Lifetime> {
        self.head.as_ref()?.lifetime
    }

    /// Returns whether the principal has just proved who they are, by signing in or again.
    #[must_use]
    pub fn confirms(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.confirms || head.principal.is_some())
    }

    /// Returns whether anything changes besides entries, flashes and the time of last use.
    #[must_use]
    pub const fn changes_head(&self) -> bool {
        self.head.is_some()
    }

    /// Returns whether nothing changes but the time of last use, so that the changes may be applied
    /// twice.
    #[must_use]
    pub const fn is_touch(&self) -> bool {
        !self.changes_head() && self.edits.is_empty()
    }

    /// Returns the limits of the resulting record, by default those of the format.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns whether the changes only remove flashes that the request has read.
    pub(crate) fn only_consumes(&self) -> bool {
        !self.changes_head() && !self.edits.is_empty() && !self.edits.has_writes()
    }

    /// Returns whether entries or flashes change, other than by the removal of flashes that were
    /// read.
    #[must_use]
    pub fn has_writes(&self) -> bool {
        self.edits.has_writes()
    }

    /// Returns whether all entries are removed before the changes are applied.
    #[must_use]
    pub const fn clears_entries(&self) -> bool {
        self.edits.clears(Scope::Entries)
    }

    /// Returns whether all flashes are removed before the changes are applied.
    #[must_use]
    pub const fn clears_flashes(&self) -> bool {
        self.edits.clears(Scope::Flashes)
    }

    /// Iterates over the changes, at most one per key and kind (entry, flash, requirement).
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.edits.iter()
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Replaces the secret.
    pub fn renew(self, secret: SecretHash) -> Self {
        self.with(|changes| changes.head.get_or_insert_default().secret = Some(NewSecret::Renewed(secret)))
    }

    /// Sends the client a new secret, which replaces the record's own when it is first used.
    ///
    /// A rotation that has begun after `unless_since` is left alone: other requests of the client
    /// may be under way with its secret.
    pub fn rotate(self, secret: SecretHash, unless_since: Timestamp) -> Self {
        self.with(|changes| {
            changes.head.get_or_insert_default().secret = Some(NewSecret::Rotating { hash: secret, unless_since })
        })
    }

    /// Binds the session to a principal.
    ///
    /// A login also [renews](Self::renew) the secret: otherwise, a token from before the login
    /// opens the session.
    pub fn bind(self, principal: impl Into<Box<str>>) -> Self {
        self.with(|changes| changes.head.get_or_insert_default().principal = Some(principal.into()))
    }

    /// Records that the principal has proved again who they are.
    pub fn confirm(self) -> Self {
        self.with(|changes| changes.head.get_or_insert_default().confirms = true)
    }

    /// Replaces the timeouts, and whether the cookie persists.
    pub fn lifetime(self, lifetime: Lifetime) -> Self {
        self.with(|changes| changes.head.get_or_insert_default().lifetime = Some(lifetime))
    }

    /// Limits the size of the resulting record.
    pub const fn limited_to(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a [`Verb::Require`].
    pub fn require(self, key: &str, value: Option<&[u8]>) -> Self {
        self.with(|changes| changes.edits.require(key, value))
    }

    /// Adds a [`Verb::Set`].
    pub fn set(self, key: &str, value: &[u8]) -> Self {
        self.with(|changes| changes.edits.put(Verb::Set, key, value, 0))
    }

    /// Adds a [`Verb::SetImmutable`].
    pub fn set_immutable(self, key: &str, value: &[u8]) -> Self {
        self.with(|changes| changes.edits.put(Verb::SetImmutable, key, value, 0))
    }

    /// Adds a [`Verb::Remove`].
    pub fn remove(self, key: &str) -> Self {
        self.with(|changes| changes.edits.put(Verb::Remove, key, b"", 0))
    }

    /// Adds a [`Verb::Increment`].
    pub fn increment(self, key: &str, by: i64) -> Self {
        self.with(|changes| changes.edits.put(Verb::Increment, key, b"", by))
    }

    /// Adds a [`Verb::SetFlash`].
    pub fn set_flash(self, key: &str, value: &[u8]) -> Self {
        self.with(|changes| changes.edits.put(Verb::SetFlash, key, value, 0))
    }

    /// Adds a [`Verb::RemoveFlash`].
    pub fn remove_flash(self, key: &str) -> Self {
        self.with(|changes| changes.edits.put(Verb::RemoveFlash, key, b"", 0))
    }

    /// Adds a [`Verb::ConsumeFlash`].
    pub fn consume_flash(self, key: &str, seen: &[u8]) -> Self {
        self.with(|changes| changes.edits.put(Verb::ConsumeFlash, key, seen, 0))
    }

    /// Clears the entries and discards earlier changes to entries.
    pub fn clear_entries(self) -> Self {
        self.with(|changes| changes.edits.clear(Scope::Entries))
    }

    /// Clears the flashes and discards earlier changes to flashes.
    pub fn clear_flashes(self) -> Self {
        self.with(|changes| changes.edits.clear(Scope::Flashes))
    }
}
