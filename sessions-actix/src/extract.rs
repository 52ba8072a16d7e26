//! The session as an argument of a handler.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use sessions_core::Load;

use crate::error::SessionError;
use crate::{head, opened};

/// Is the session of a request, as a handler's argument; loaded once, when the first argument of this type is extracted.
///
/// What it can do is in its target, [`sessions_core::Session`]. The route must be wrapped in a
/// [`SessionMiddleware`](crate::SessionMiddleware).
///
/// If the store cannot be asked, the handler is not called and the client gets a bare 503; a handler that would rather go on takes an
/// `Option<Session>` or a `Result<Session, SessionError>`.
///
/// ```
/// use sessions_actix::{Session, SessionError};
///
/// async fn whoami(session: Session) -> Result<String, SessionError> {
///     Ok(session.get::<String>("name")?.unwrap_or_else(|| "nobody".to_owned()))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Session(sessions_core::Session);

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

impl Deref for Session {
    type Target = sessions_core::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromRequest for Session {
    type Error = SessionError;
    type Future = Extraction;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction(opened::innermost(request).map(|exchange| exchange.session(head::cookies(request))))
    }
}

/// Is the extraction of a [`Session`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Extraction(Option<Load>);

impl Future for Extraction {
    type Output = Result<Session, SessionError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(load) => Pin::new(load).poll(context).map(|loaded| Ok(Session(loaded?))),
            None => Poll::Ready(Err(SessionError::not_wrapped())),
        }
    }
}
