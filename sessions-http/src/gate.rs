//! Admitting signed-in visitors only.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};

use http::Uri;
use sessions_core::adapter::{Exchanges, Gate, SignedIn};

use crate::error::SessionError;
use crate::request::{Head, RequestHead, load};

/// Loads the session of a request that came through a middleware, if its visitor is signed in.
///
/// # Errors
///
/// Fails with [`NotSignedIn`](sessions_core::ErrorKind::NotSignedIn) if nobody is signed in.
/// Its response sends a browser that asks for a page, or posts a form, to the
/// [`login_page`](sessions_core::SessionsBuilder::login_page), and is a bare 401 otherwise. Fails
/// like [`session`](crate::session) if it is not known who is signed in.
pub fn signed_in<R: RequestHead>(
    request: &R,
) -> impl Future<Output = Result<SignedIn, SessionError>> + Send + Unpin + use<R> {
    signed_in_from(request, request.uri())
}

/// Does the same as [`signed_in`] for a framework that changes the URI of a request.
///
/// `original` is the URI that the client sent, to which it returns after signing in.
///
/// # Errors
///
/// Same as [`signed_in`].
pub fn signed_in_from<R: RequestHead>(
    request: &R,
    original: &Uri,
) -> impl Future<Output = Result<SignedIn, SessionError>> + Send + Unpin + use<R> {
    let exchange = request.extensions().get::<Exchanges>().and_then(Exchanges::innermost);
    let mut loading = exchange.map(|exchange| {
        let gate = Gate::of(&Head::with_uri(request, original));
        (load(exchange, request), Some(gate))
    });
    poll_fn(move |context| {
        let Some((load, gate)) = &mut loading else { return Poll::Ready(Err(SessionError::no_middleware())) };
        let session = ready!(Pin::new(load).poll(context))?;
        let gate = gate.take().expect("a future is not polled after it was ready");
        Poll::Ready(gate.admit(session).map_err(SessionError::from))
    })
}
