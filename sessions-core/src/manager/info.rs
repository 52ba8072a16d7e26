//! What a listing says of a session.

use std::time::SystemTime;

use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::Record;

/// Is what a listing says of a session: nothing secret, and none of its data.
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
    /// Returns the public name of the session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns when the session was first stored.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// Returns when the session was last seen, to the minute by default.
    #[must_use]
    pub const fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    /// Returns when the session ends unless it is used before, `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at.to_system_time()
    }

    /// Returns who is signed in, if anybody.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }
}
