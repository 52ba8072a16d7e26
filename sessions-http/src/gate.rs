//! Admitting signed-in visitors only.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use http::Uri;
use sessions_core::adapter::{Gate, SignedIn};

use crate::error::SessionError;
use crate::request::{Head, RequestHead, load};

/// Loads the session of a request that came through a middleware, if its visitor is signed in.
///
/// # Errors
///
/// Fails with [`NotSignedIn`](sessions_core::ErrorKind::NotSignedIn) if nobody is signed in.
/// Its response sends a browser that asks for a page, or posts a form, to the
/// [`login_page`](sessions_core::SessionsBuilder::login_page) with 303, htmx by `HX-Redirect`, and
/// is a bare 401 otherwise. Fails like [`session`](crate::session) if it is not known who is signed
/// in.
pub fn signed_in<R: RequestHead>(
    request: &R,
) -> impl Future<Output = Result<SignedIn, SessionError>> + Send + Unpin + use<R> {
    signed_in_from(request, request.uri(), None)
}

/// Does the same as [`signed_in`] for a middleware, or for a framework that changes the URI.
///
/// `original` is the URI that the client sent, to which it returns after signing in. With `within`,
/// the visitor must have proved who they are less than that time ago.
///
/// # Errors
///
/// Same as [`signed_in`] and [`SignedIn::within`].
pub fn signed_in_from<R: RequestHead>(
    request: &R,
    original: &Uri,
    within: Option<Duration>,
) -> impl Future<Output = Result<SignedIn, SessionError>> + Send + Unpin + use<R> {
    let gate = Gate::of(&Head::with_uri(request, original)).within(within);
    let mut admission = gate.admit_loaded(load(request));
    poll_fn(move |context| Pin::new(&mut admission).poll(context).map_err(SessionError::from))
}
