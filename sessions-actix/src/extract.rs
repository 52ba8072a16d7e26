//! The session extractor.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use sessions_core::adapter::Load;

use crate::error::SessionError;
use crate::{exchanges, request};

/// An extractor of the request's session; the first one in a request loads it.
///
/// It dereferences to [`sessions_core::Session`], which documents what a session can do. The route
/// must be wrapped in a [`SessionMiddleware`](crate::SessionMiddleware).
///
/// If the store cannot be reached, the handler is not called and the client gets a bare 503: the
/// visitor must not be treated as signed out. A handler that handles failures itself takes a
/// `Result<Session, SessionError>`. One that also serves routes without the middleware takes an
/// [`OptionalSession`].
///
/// **Do not take an `Option<Session>`.** actix-web turns every extractor error into `None` there,
/// so everybody would seem to be signed out while the store is down. No extractor can change that.
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
        Extraction(exchanges::innermost(request).map(|exchange| request::load(&exchange, request)))
    }
}

/// An extractor of the session, or of `None` on a route without the middleware.
///
/// Unlike an `Option<Session>`, it fails like [`Session`] if the store cannot be reached.
///
/// ```
/// use sessions_actix::OptionalSession;
///
/// async fn greet(OptionalSession(session): OptionalSession) -> String {
///     let name = session.and_then(|session| session.principal());
///     format!("hello, {}", name.unwrap_or_else(|| "stranger".to_owned()))
/// }
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart in their arguments")]
pub struct OptionalSession(pub Option<Session>);

impl FromRequest for OptionalSession {
    type Error = SessionError;
    type Future = OptionalExtraction;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        OptionalExtraction(Session::from_request(request, payload))
    }
}

/// The future of an extracted [`OptionalSession`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct OptionalExtraction(Extraction);

impl Future for OptionalExtraction {
    type Output = Result<OptionalSession, SessionError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0.0.is_none() {
            return Poll::Ready(Ok(OptionalSession(None)));
        }
        Pin::new(&mut self.0).poll(context).map_ok(|session| OptionalSession(Some(session)))
    }
}

/// The future of an extracted [`Session`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Extraction(Option<Load>);

impl Future for Extraction {
    type Output = Result<Session, SessionError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(load) => Pin::new(load).poll(context).map(|loaded| Ok(Session(loaded?))),
            None => Poll::Ready(Err(SessionError::no_middleware())),
        }
    }
}
