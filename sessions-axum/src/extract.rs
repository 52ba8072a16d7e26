//! The extractor.

use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::error::SessionError;

/// Extracts the session of a request, for a handler within a [`SessionLayer`](crate::SessionLayer).
///
/// It is core's [`Session`](sessions_core::Session), whose documentation tells what it can do. The first of a request loads it; all of
/// them are the same session.
///
/// A route without a layer answers 500, and tells the log why. A store that cannot be asked gives 503: the request must not
/// go on as if nobody were signed in.
#[derive(Clone, Debug)]
pub struct Session(sessions_core::Session);

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(sessions_http::session(parts).await?))
    }
}

impl Deref for Session {
    type Target = sessions_core::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<sessions_core::Session> for Session {
    fn from(session: sessions_core::Session) -> Self {
        Self(session)
    }
}

impl From<Session> for sessions_core::Session {
    fn from(session: Session) -> Self {
        session.0
    }
}
