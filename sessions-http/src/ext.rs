//! The explicit calls: a handler that starts and finishes its session itself.

use std::time::Duration;

use http::{HeaderMap, Response};
use sessions_core::{Commit, CommitGuard, Error, Session, Sessions};

use crate::complete::complete;
use crate::error::SessionError;
use crate::exchanges::join;
use crate::headers::{load, write};
use crate::request::RequestHead;
use crate::sealed::Sealed;

/// Starts and finishes sessions by hand, with the request's and the response's own types.
///
/// Changes reach the store, and the cookie the client, with [`finish`](Self::finish), which is
/// called once, when the response is made and not yet sent. If it fails, that response must not be
/// sent: it would claim success for data that was not saved.
///
/// A call that has asked the store to write goes to its end even if its handler is dropped. A
/// handler that is dropped before it finishes changes nothing, and a [`Session::destroy`] in it
/// ends nothing either.
///
/// Within a middleware of the same manager, these calls use the middleware's session, and finishing
/// it by hand leaves nothing for the middleware to do.
pub trait SessionsExt: Sealed {
    /// Loads the session that the request's cookie opens, or begins an empty one, which is stored if
    /// something is written to it and it is finished.
    ///
    /// # Errors
    ///
    /// Fails with [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store
    /// cannot be reached.
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send;

    /// Saves what the request changed, and writes the session's headers to the response: the cookie,
    /// and what caches must know.
    ///
    /// A response with a 5xx status drops the request's data, and keeps a destroy and a renewal.
    ///
    /// # Errors
    ///
    /// Fails if nothing was saved. The response must then not be sent; send the error in its place.
    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Ends the request's session for good, and removes its cookie with the response.
    ///
    /// # Errors
    ///
    /// Fails with [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store
    /// fails: the session may then still live.
    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;

    /// Restarts the idle timeout of the request's session, and of its cookie.
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

    /// Gives the request's session an idle timeout of its own.
    ///
    /// # Errors
    ///
    /// As [`shift_expiration`](Self::shift_expiration).
    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;
}

impl SessionsExt for Sessions {
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send {
        let load = load(&join(self, request), request.headers());
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
/// Not an `async fn` over the whole response: its body may be one that cannot be sent to another
/// thread.
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
