//! The exchanges that a request carries from its middleware to its handlers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::LazyLock;

use http::{Extensions, Request};
use sessions_core::adapter::{Exchange, Exchanges};
use sessions_core::{Session, Sessions};

use crate::error::SessionError;
use crate::request::{RequestHead, load};

/// Opens an exchange for a request and stores it in the request's extensions.
///
/// Returns the exchange if the caller must end it, and `None` if an outer middleware will.
#[must_use = "an exchange that nobody ends saves nothing"]
pub fn open<B>(sessions: &Sessions, request: &mut Request<B>) -> Option<Exchange> {
    // Cheap to clone for all standard methods.
    let method = request.method().clone();
    let extensions = request.extensions_mut();
    make_room(extensions);
    extensions.get_or_insert_default::<Exchanges>().wrap(sessions, method.as_str())
}

/// Reserves room in extensions that are still empty.
///
/// They grow from room for three to room for seven, and axum itself inserts three: without this,
/// each request would pay for growing them.
fn make_room(extensions: &mut Extensions) {
    static ROOMY: LazyLock<Extensions> = LazyLock::new(|| {
        let mut extensions = Extensions::new();
        extensions.insert([(); 0]);
        extensions.insert([(); 1]);
        extensions.insert([(); 2]);
        extensions.insert([(); 3]);
        extensions.clear();
        extensions
    });
    if extensions.is_empty() {
        *extensions = ROOMY.clone();
    }
}

/// Loads the session of a request that came through a middleware.
///
/// With several managers, it is the session of the innermost one. The middleware saves it once the
/// response is ready.
///
/// # Errors
///
/// Fails with [`NoMiddleware`](sessions_core::ErrorKind::NoMiddleware) if there is no middleware.
/// Otherwise the same as [`SessionsExt::start`](crate::SessionsExt::start).
pub fn session<R: RequestHead>(
    request: &R,
) -> impl Future<Output = Result<Session, SessionError>> + Send + Unpin + use<R> {
    let mut load = load(request);
    // Not an `async` block, which would move the load once more.
    poll_fn(move |context| Pin::new(&mut load).poll(context).map_err(SessionError::from))
}

/// Returns a manager's exchange, opening one if there is none. A middleware ends it if it opened
/// it.
pub(crate) fn join<R: RequestHead>(sessions: &Sessions, request: &R) -> Exchange {
    let exchange = request.extensions().get::<Exchanges>().and_then(|exchanges| exchanges.find(sessions));
    exchange.cloned().unwrap_or_else(|| sessions.open_for(request.method().as_str()))
}
