//! The exchanges of a request, kept in its extensions.

use actix_web::{HttpMessage, HttpRequest};
use sessions_core::Sessions;
use sessions_core::adapter::{Exchange, Exchanges, Load};

use crate::request::Head;

/// Returns the exchange that a middleware of the manager must end, or `None` if an outer one will.
pub(crate) fn wrap(sessions: &Sessions, request: &HttpRequest) -> Option<Exchange> {
    request.extensions_mut().get_or_insert_with(Exchanges::default).wrap(sessions, request.method().as_str())
}

/// Returns the manager's exchange of the request; opens one if there is none.
pub(crate) fn join(sessions: &Sessions, request: &HttpRequest) -> Exchange {
    // Looked for first, since a handler may hold a borrow of the extensions: a second one that may
    // write would panic.
    let found = request.extensions().get::<Exchanges>().and_then(|exchanges| exchanges.find(sessions).cloned());
    found.unwrap_or_else(|| {
        request.extensions_mut().get_or_insert_with(Exchanges::default).join(sessions, request.method().as_str())
    })
}

/// Loads the session that extractors use.
pub(crate) fn load(request: &HttpRequest) -> Load {
    Exchanges::load(request.extensions().get(), &Head(request))
}
