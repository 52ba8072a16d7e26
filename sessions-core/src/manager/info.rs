//! The description of a session in a listing.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::Record;

/// The description of a session in a listing: no secret and no data.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    id: SessionId,
    created: Timestamp,
    last_seen: Timestamp,
    expires_at: Timestamp,
    principal: Option<Box<str>>,
}

impl From<&Record> for SessionInfo {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id(),
            created: record.created(),
            last_seen: record.last_seen(),
            expires_at: record.expires_at(),
            principal: record.principal().map(Into::into),
        }
    }
}

impl SessionInfo {
    /// Returns the session's public id.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns when the session was first stored.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// Returns when the session was last used, to the minute by default.
    #[must_use]
    pub const fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    /// Returns when the session expires if it is not used again, or `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        (self.expires_at != Timestamp::NEVER).then_some(self.expires_at)
    }

    /// Returns the principal that is signed in, if any.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }
}

/// Writes the id as text, and times as milliseconds since the Unix epoch.
impl Serialize for SessionInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut info = serializer.serialize_struct("SessionInfo", 5)?;
        info.serialize_field("id", &self.id())?;
        info.serialize_field("created", &self.created())?;
        info.serialize_field("last_seen", &self.last_seen())?;
        info.serialize_field("expires_at", &self.expires_at())?;
        info.serialize_field("principal", &self.principal())?;
        info.end()
    }
}
