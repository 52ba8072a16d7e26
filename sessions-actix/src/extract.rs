//! The session extractor.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use sessions_core::ErrorKind;
use sessions_core::adapter::Load;

use crate::error::SessionError;
use crate::exchanges::load;

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
/// The [crate's documentation](crate) has an example.
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
    type Future = Extraction<Load, Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::new(load(request), |loaded| Ok(Self(loaded?)))
    }
}

/// An extractor of the session, or of `None` on a route without the middleware.
///
/// Unlike an `Option<Session>`, it fails like [`Session`] if the store cannot be reached.
///
/// ```
/// use actix_web::{App, web};
/// use sessions_actix::OptionalSession;
///
/// async fn greet(OptionalSession(session): OptionalSession) -> String {
///     let name = session.and_then(|session| session.principal());
///     format!("hello, {}", name.unwrap_or_else(|| "stranger".to_owned()))
/// }
///
/// # use actix_web::test::{TestRequest, call_and_read_body, init_service};
/// # #[actix_web::main]
/// # async fn main() {
/// // Without the middleware:
/// let app = init_service(App::new().route("/", web::get().to(greet))).await;
/// assert_eq!(call_and_read_body(&app, TestRequest::default().to_request()).await, "hello, stranger");
/// # }
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart in their arguments")]
pub struct OptionalSession(pub Option<Session>);

impl FromRequest for OptionalSession {
    type Error = SessionError;
    type Future = Extraction<Load, Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::new(load(request), |loaded| match loaded {
            Err(error) if error.kind() == ErrorKind::NoMiddleware => Ok(Self(None)),
            loaded => Ok(Self(Some(Session(loaded?)))),
        })
    }
}

/// The future of an extractor.
#[must_use = "futures do nothing unless polled"]
pub struct Extraction<F: Future, T> {
    future: F,
    convert: fn(F::Output) -> Result<T, SessionError>,
}

impl<F: Future, T> Extraction<F, T> {
    pub(crate) const fn new(future: F, convert: fn(F::Output) -> Result<T, SessionError>) -> Self {
        Self { future, convert }
    }
}

impl<F: Future + Unpin, T> Future for Extraction<F, T> {
    type Output = Result<T, SessionError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.future).poll(context).map(self.convert)
    }
}

impl<F: Future, T> fmt::Debug for Extraction<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extraction").finish_non_exhaustive()
    }
}
