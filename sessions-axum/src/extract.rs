//! The extractor.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;

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

    fn from_request_parts(parts: &mut Parts, _state: &S) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        let mut load = sessions_http::session(parts);
        poll_fn(move |context| Pin::new(&mut load).poll(context).map(|loaded| Ok(Self(loaded?))))
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
