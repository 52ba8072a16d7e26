//! The description of a session in a listing.

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use sessions_store::{Record, SessionId, Timestamp};

use crate::codec::Values;
use crate::error::Error;

/// The description of a session in a listing, without its secret.
///
/// Its entries can be read, for example the [`Device`](crate::Device) that an application stored at
/// the login. Neither `Debug` nor `Serialize` shows them.
#[derive(Clone)]
pub struct SessionInfo {
    pub(super) record: Record,
    pub(super) values: Values,
}

impl SessionInfo {
    /// Returns the session's public id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.record.id()
    }

    /// Returns when the session was first stored.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.record.created()
    }

    /// Returns when the session was last used, to the minute by default.
    #[must_use]
    pub fn last_seen_at(&self) -> Timestamp {
        self.record.last_seen()
    }

    /// Returns when the session expires if it is not used again, or `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        Some(self.record.expires_at()).filter(|time| *time != Timestamp::NEVER)
    }

    /// Returns the principal that is signed in, if any.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.record.principal()
    }

    /// Returns when the principal last proved who they are; see
    /// [`Session::signed_in_at`](crate::Session::signed_in_at).
    #[must_use]
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.record.signed_in_at()
    }

    /// Returns the value of an entry, or `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the entry is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.record.entry(key).map(|entry| self.values.decode(key, entry.value())).transpose()
    }
}

/// Writes the id as text, and times as milliseconds since the Unix epoch.
impl Serialize for SessionInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut info = serializer.serialize_struct("SessionInfo", 6)?;
        info.serialize_field("id", &self.id())?;
        info.serialize_field("created_at", &self.created_at())?;
        info.serialize_field("last_seen_at", &self.last_seen_at())?;
        info.serialize_field("expires_at", &self.expires_at())?;
        info.serialize_field("principal", &self.principal())?;
        info.serialize_field("signed_in_at", &self.signed_in_at())?;
        info.end()
    }
}

redacted!(SessionInfo { id(), created_at(), last_seen_at() });
