//! Where the exchange of a request is found.

use std::mem;

use actix_web::{HttpMessage, HttpRequest};
use sessions_core::{Exchange, Sessions};

/// What a request's extensions keep: one exchange for each manager that has to do with the request.
struct Opened {
    /// What extractors see.
    innermost: Entry,
    others: Vec<Entry>,
}

struct Entry {
    exchange: Exchange,
    /// A middleware commits it.
    is_wrapped: bool,
}

/// Returns the exchange that a middleware of the manager has to commit, `None` if one around it
/// does.
pub(crate) fn wrap(sessions: &Sessions, request: &HttpRequest) -> Option<Exchange> {
    let mut extensions = request.extensions_mut();
    if let Some(opened) = extensions.get_mut::<Opened>() {
        let entry = opened.bring_inside(sessions, request);
        // Who has opened it by a call from further out is not sure to finish it.
        return (!mem::replace(&mut entry.is_wrapped, true)).then(|| entry.exchange.clone());
    }
    let entry = Entry { exchange: open(sessions, request), is_wrapped: true };
    let exchange = entry.exchange.clone();
    extensions.insert(Opened::new(entry));
    Some(exchange)
}

/// Returns the manager's exchange of the request, opening it if there is none.
pub(crate) fn join(sessions: &Sessions, request: &HttpRequest) -> Exchange {
    let mut extensions = request.extensions_mut();
    if let Some(exchange) = extensions.get::<Opened>().and_then(|opened| opened.find(sessions)) {
        return exchange.clone();
    }
    let exchange = open(sessions, request);
    let entry = Entry { exchange: exchange.clone(), is_wrapped: false };
    match extensions.get_mut::<Opened>() {
        Some(opened) => opened.others.push(entry),
        None => drop(extensions.insert(Opened::new(entry))),
    }
    exchange
}

/// Returns the exchange that extractors see.
pub(crate) fn innermost(request: &HttpRequest) -> Option<Exchange> {
    request.extensions().get::<Opened>().map(|opened| opened.innermost.exchange.clone())
}

fn open(sessions: &Sessions, request: &HttpRequest) -> Exchange {
    sessions.open_for(request.method().as_str())
}

impl Opened {
    const fn new(innermost: Entry) -> Self {
        Self { innermost, others: Vec::new() }
    }

    fn find(&self, sessions: &Sessions) -> Option<&Exchange> {
        let mut entries = std::iter::once(&self.innermost).chain(&self.others);
        entries.find(|entry| entry.is_of(sessions)).map(|entry| &entry.exchange)
    }

    fn bring_inside(&mut self, sessions: &Sessions, request: &HttpRequest) -> &mut Entry {
        if !self.innermost.is_of(sessions) {
            let position = self.others.iter().position(|entry| entry.is_of(sessions));
            let entry = match position {
                Some(position) => self.others.swap_remove(position),
                None => Entry { exchange: open(sessions, request), is_wrapped: false },
            };
            self.others.push(mem::replace(&mut self.innermost, entry));
        }
        &mut self.innermost
    }
}

impl Entry {
    fn is_of(&self, sessions: &Sessions) -> bool {
        self.exchange.sessions().ptr_eq(sessions)
    }
}
