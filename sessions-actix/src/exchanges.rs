//! The exchanges of a request, kept in its extensions.

use actix_web::{HttpMessage, HttpRequest};
use sessions_core::Sessions;
use sessions_core::adapter::{Exchange, Exchanges};

/// Returns the exchange that a middleware of the manager must end, or `None` if an outer one will.
pub(crate) fn wrap(sessions: &Sessions, request: &HttpRequest) -> Option<Exchange> {
    with(request, |exchanges| exchanges.wrap(sessions, request.method().as_str()))
}

/// Returns the manager's exchange of the request; opens one if there is none.
pub(crate) fn join(sessions: &Sessions, request: &HttpRequest) -> Exchange {
    with(request, |exchanges| exchanges.join(sessions, request.method().as_str()))
}

/// Returns the exchange that extractors use.
pub(crate) fn innermost(request: &HttpRequest) -> Option<Exchange> {
    request.extensions().get::<Exchanges>().and_then(Exchanges::innermost).cloned()
}

fn with<T>(request: &HttpRequest, find: impl FnOnce(&mut Exchanges) -> T) -> T {
    let mut extensions = request.extensions_mut();
    if let Some(exchanges) = extensions.get_mut::<Exchanges>() {
        return find(exchanges);
    }
    let mut exchanges = Exchanges::default();
    let found = find(&mut exchanges);
    extensions.insert(exchanges);
    found
}
