//! Explicit calls: handlers that start and finish their session themselves.

use std::time::Duration;

use http::{HeaderMap, Response};
use sessions_core::adapter::{Commit, CommitGuard};
use sessions_core::{Error, Session, Sessions};

use crate::complete::complete;
use crate::error::SessionError;
use crate::exchanges::join;
use crate::headers::write;
use crate::request::{Head, RequestHead};
use crate::sealed_traits::Sealed;

/// Explicit calls that start and finish a session, without a middleware.
///
/// [`finish`](Self::finish) writes the changes to the store and the cookie to the response. Call it
/// once, when the response is complete but not sent yet. If it fails, that response must not be
/// sent: it would claim success for data that was not saved.
///
/// A store write that `finish` has begun is completed even if the handler is dropped. Without a
/// middleware, a handler that is dropped before it finishes changes only what it
/// [saved](Session::save); even a [`Session::destroy`] has no effect then.
///
/// Within a middleware of the same manager, these calls use the middleware's session. Once it is
/// finished explicitly, the middleware has nothing left to do.
pub trait SessionsExt: Sealed {
    /// Loads the session that the request's cookie opens, or returns an empty one.
    ///
    /// An empty session is stored if something is written to it and it is finished.
    ///
    /// Without a middleware around the caller, each call begins an exchange of its own, since it
    /// cannot keep one with a shared request. So call this once per request: two new sessions would
    /// each set a cookie, and the browser would keep only the last. If a middleware of the same
    /// manager wraps an inner service, do not also call `start` outside that middleware. In the
    /// adapters for actix-web and may_minihttp all calls share one session.
    ///
    /// # Errors
    ///
    /// Fails with [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store
    /// cannot be reached, with [`CrossOrigin`](sessions_core::ErrorKind::CrossOrigin) if another
    /// site made the browser send the request, and with
    /// [`TwoTransports`](sessions_core::ErrorKind::TwoTransports) if it has a bearer token beside
    /// our cookie, or two bearer tokens.
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send;

    /// Saves the request's changes and writes the session's headers to the response.
    ///
    /// A response with status 5xx, 408 or 413 drops the request's data but keeps a destroy and a
    /// renewal. A session of another manager is saved by its own manager.
    ///
    /// # Errors
    ///
    /// Fails like [`Session::save`](sessions_core::Session::save) if the changes were not saved, or
    /// may not have been. The response must then not be sent; send the error instead.
    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Ends the request's session and removes its cookie with the response.
    ///
    /// # Errors
    ///
    /// Fails like [`start`](Self::start), and like [`finish`](Self::finish) in the cases that
    /// [`Session::destroy`](sessions_core::Session::destroy) lists: the session may then still be
    /// live, and its cookie stays.
    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Restarts the idle timeout of the request's session; see
    /// [`Session::shift_expiration`](sessions_core::Session::shift_expiration).
    ///
    /// # Errors
    ///
    /// Fails with [`NoSession`](sessions_core::ErrorKind::NoSession) if the request has none, and
    /// like [`start`](Self::start) and [`finish`](Self::finish).
    fn shift_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Sets the idle timeout of the request's session, and keeps its cookie as long; see
    /// [`Session::update_expiration`](sessions_core::Session::update_expiration).
    ///
    /// # Errors
    ///
    /// Same as [`shift_expiration`](Self::shift_expiration), and
    /// [`ZeroExpiry`](sessions_core::ErrorKind::ZeroExpiry) if `idle` is below one millisecond.
    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;
}

impl SessionsExt for Sessions {
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send {
        let load = join(self, request).session_from(&Head::of(request));
        async { Ok(load.await?) }
    }

    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        save(session.exchange().end(response.status().as_u16()), response.headers_mut())
    }

    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        alter(self.start(request), response, |session| {
            session.destroy();
            Ok(())
        })
    }

    fn shift_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        alter(self.start(request), response, Session::shift_expiration)
    }

    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        alter(self.start(request), response, move |session| session.update_expiration(idle))
    }
}

/// Changes the request's session and finishes it.
///
/// Not an `async fn` over the whole response: its body may not be `Send`.
fn alter<B>(
    started: impl Future<Output = Result<Session, SessionError>> + Send,
    response: &mut Response<B>,
    change: impl FnOnce(&Session) -> Result<(), Error> + Send,
) -> impl Future<Output = Result<(), SessionError>> + Send {
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    async move {
        let session = started.await?;
        change(&session)?;
        save(session.exchange().end(status), headers).await
    }
}

async fn save(commit: Commit, headers: &mut HeaderMap) -> Result<(), SessionError> {
    write(CommitGuard::new(commit, complete).await?, headers);
    Ok(())
}
