//! The explicit form: a handler that starts and finishes its session itself.

use std::future::Future;
use std::time::Duration;

use http::{HeaderMap, Response};
use sessions_core::{Commit, Error, Session, Sessions};

use crate::carried::find;
use crate::dropped::Completing;
use crate::head::{load, write};
use crate::request::RequestHead;
use crate::sealed::Sealed;

/// Starts and finishes sessions by hand, with the request's and the response's own types.
///
/// What a request changes in its session reaches the store, and the cookie the client, with
/// [`finish`](Self::finish), which is called once, when the response is made and its head not yet
/// sent. If it fails, that response must not be sent: it would tell of something that was not
/// saved.
///
/// A call that has asked the store to write goes to its end, though its handler is dropped since
/// the client hung up. A handler that is dropped before it finishes changes nothing, and ends
/// nothing either: [`Session::destroy`] needs its finish.
///
/// Within a middleware of the same manager these are the middleware's session, and finishing it by
/// hand leaves nothing for the middleware to do.
pub trait SessionsExt: Sealed {
    /// Loads the session that a request's cookie names, or begins an empty one, which is stored
    /// when it is written to and finished.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store cannot
    /// be asked.
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, Error>> + Send;

    /// Saves what the request changed and writes to the response what its session needs: the
    /// cookie, and what caches must know.
    ///
    /// A response with a 5xx status drops the request's data, and keeps a destroy and a renewal.
    ///
    /// # Errors
    ///
    /// Returns why nothing was saved; see [`Commit`].
    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ends the request's session for good, and removes its cookie with the response.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](sessions_core::ErrorKind::StoreUnavailable) if the store fails:
    /// the session may then still live.
    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Begins the idle limit of the request's session anew, and that of its cookie.
    ///
    /// # Errors
    ///
    /// Returns [`NoSession`](sessions_core::ErrorKind::NoSession) if the request has none, and what
    /// [`start`](Self::start) and [`finish`](Self::finish) return.
    fn shift_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Gives the request's session an idle limit of its own, from now on.
    ///
    /// # Errors
    ///
    /// As [`shift_expiration`](Self::shift_expiration).
    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl SessionsExt for Sessions {
    fn start<R: RequestHead>(&self, request: &R) -> impl Future<Output = Result<Session, Error>> + Send {
        let exchange = find(request.extensions(), self).cloned();
        let exchange = exchange.unwrap_or_else(|| self.open_for(request.method().as_str()));
        load(&exchange, request.headers())
    }

    fn finish<B>(
        &self,
        session: &Session,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        attach(session.commit(response.status().as_u16()), response.headers_mut())
    }

    fn destroy<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        alter(self.start(request), response, |session| {
            session.destroy();
            Ok(())
        })
    }

    fn shift_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        alter(self.start(request), response, Session::shift_expiration)
    }

    fn update_expiration<R: RequestHead, B>(
        &self,
        request: &R,
        response: &mut Response<B>,
        idle: Duration,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        alter(self.start(request), response, move |session| session.update_expiration(idle))
    }
}

/// Does one thing to the request's session and finishes it.
///
/// Not an `async fn` and not over the whole response: its body may be one that cannot be sent to
/// another thread.
fn alter<B>(
    started: impl Future<Output = Result<Session, Error>> + Send,
    response: &mut Response<B>,
    change: impl FnOnce(&Session) -> Result<(), Error> + Send,
) -> impl Future<Output = Result<(), Error>> + Send {
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    async move {
        let session = started.await?;
        change(&session)?;
        attach(session.commit(status), headers).await
    }
}

async fn attach(commit: Commit, headers: &mut HeaderMap) -> Result<(), Error> {
    write(Completing::new(commit).await?, headers);
    Ok(())
}
