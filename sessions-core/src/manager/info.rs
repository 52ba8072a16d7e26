//! The description of a session in a listing.

use std::time::SystemTime;

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
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at.to_system_time()
    }

    /// Returns the principal that is signed in, if any.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }
}
