//! The exchange that a request carries from a middleware to the handlers within.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;

use http::{Extensions, Request};
use sessions_core::{Exchange, Session, Sessions};

use crate::error::SessionError;
use crate::head::load;
use crate::request::RequestHead;

/// The exchange of the innermost middleware; those of other managers lie around it.
#[derive(Clone)]
struct Carried {
    exchange: Exchange,
    outer: Option<Arc<Self>>,
}

/// Opens an exchange for a request and lets the request carry it to its handler.
///
/// Returns `None` if the request carries one of this manager already: the middleware that opened it
/// commits it.
pub fn open<B>(sessions: &Sessions, request: &mut Request<B>) -> Option<Exchange> {
    let exchange = sessions.open_for(request.method().as_str());
    let extensions = request.extensions_mut();
    make_room(extensions);
    // Put in first and looked at afterwards: nearly no request carries another, and one look-up has
    // to do.
    let outer = extensions.insert(Carried { exchange: exchange.clone(), outer: None });
    let Some(outer) = outer else { return Some(exchange) };
    if outer.find(sessions).is_some() {
        extensions.insert(outer);
        return None;
    }
    extensions.insert(Carried { exchange: exchange.clone(), outer: Some(Arc::new(outer)) });
    Some(exchange)
}

/// Makes room in extensions that are still empty for what they will hold.
///
/// They grow from room for three to room for seven, and axum itself puts in three: without this,
/// each request would pay for that.
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

/// Loads the session of a request that came through a middleware; of several managers, that of the
/// innermost.
///
/// The middleware commits it when the response is there.
///
/// # Errors
///
/// Returns [`NoMiddleware`](SessionError::is_no_middleware) if the request carries no exchange, and
/// what kept the session from being loaded.
pub fn session<R: RequestHead>(request: &R) -> impl Future<Output = Result<Session, SessionError>> + Send + Unpin {
    let carried = request.extensions().get::<Carried>();
    let mut load = carried.map(|carried| load(&carried.exchange, request.headers()));
    // Not an `async` block, which would move the load once more.
    poll_fn(move |context| match &mut load {
        Some(load) => Pin::new(load).poll(context).map_err(SessionError::from),
        None => Poll::Ready(Err(SessionError::no_middleware())),
    })
}

/// Finds the manager's own exchange.
pub(crate) fn find<'a>(extensions: &'a Extensions, sessions: &Sessions) -> Option<&'a Exchange> {
    extensions.get::<Carried>()?.find(sessions)
}

impl Carried {
    fn find(&self, sessions: &Sessions) -> Option<&Exchange> {
        if self.exchange.sessions().ptr_eq(sessions) {
            return Some(&self.exchange);
        }
        self.outer.as_ref()?.find(sessions)
    }
}
