//! The session extractor.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use sessions_core::adapter::{self, Admission, Load};
use sessions_core::{Error, ErrorKind};

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
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::of_session(load(request), |loaded| Ok(Self(loaded?)))
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
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::of_session(load(request), |loaded| match loaded {
            Err(error) if error.kind() == ErrorKind::NoMiddleware => Ok(Self(None)),
            loaded => Ok(Self(Some(Session(loaded?)))),
        })
    }
}

/// The future of an extractor.
#[must_use = "futures do nothing unless polled"]
pub struct Extraction<T>(Steps<T>);

/// What the extractor waits for, and how it converts that.
enum Steps<T> {
    Session(Load, Convert<sessions_core::Session, T>),
    SignedIn(Admission, Convert<adapter::SignedIn, T>),
}

type Convert<From, T> = fn(Result<From, Error>) -> Result<T, SessionError>;

impl<T> Extraction<T> {
    pub(crate) const fn of_session(load: Load, convert: Convert<sessions_core::Session, T>) -> Self {
        Self(Steps::Session(load, convert))
    }

    pub(crate) const fn of_signed_in(admission: Admission, convert: Convert<adapter::SignedIn, T>) -> Self {
        Self(Steps::SignedIn(admission, convert))
    }
}

impl<T> Future for Extraction<T> {
    type Output = Result<T, SessionError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Steps::Session(load, convert) => Pin::new(load).poll(context).map(*convert),
            Steps::SignedIn(admission, convert) => Pin::new(admission).poll(context).map(*convert),
        }
    }
}

impl<T> fmt::Debug for Extraction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extraction").finish_non_exhaustive()
    }
}
