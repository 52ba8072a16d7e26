//! The exchanges of one request, and who ends them.

use std::mem;

use smallvec::SmallVec;

use crate::exchange::Exchange;
use crate::manager::Sessions;

/// The exchanges of one request, one for each manager.
///
/// An adapter keeps this with the request. A middleware [wraps](Self::wrap) the request and ends
/// the exchange that it gets. Explicit calls [join](Self::join) the request and share the exchange
/// of an enclosing middleware. Extractors use the [innermost](Self::innermost) exchange.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {
    /// Innermost first, and after them those of explicit calls. Nearly every request has one.
    entries: SmallVec<[Entry; 1]>,
}

#[derive(Clone, Debug)]
struct Entry {
    exchange: Exchange,
    /// A middleware ends the exchange.
    is_wrapped: bool,
}

impl Exchanges {
    /// Makes the manager's exchange the innermost one.
    ///
    /// Returns it if the caller must end it, and `None` if an outer middleware will.
    #[must_use = "an exchange that nobody ends saves nothing"]
    pub fn wrap(&mut self, sessions: &Sessions, method: &str) -> Option<Exchange> {
        let position = self.entries.iter().position(|entry| entry.exchange.sessions().ptr_eq(sessions));
        let mut entry = match position {
            Some(position) => self.entries.remove(position),
            None => Entry { exchange: sessions.open_for(method), is_wrapped: false },
        };
        // An outer explicit call may have opened it, but cannot be relied on to end it.
        let exchange = (!mem::replace(&mut entry.is_wrapped, true)).then(|| entry.exchange.clone());
        self.entries.insert(0, entry);
        exchange
    }

    /// Returns the manager's exchange; opens one if there is none.
    #[must_use = "without the exchange there is no session"]
    pub fn join(&mut self, sessions: &Sessions, method: &str) -> Exchange {
        if let Some(exchange) = self.find(sessions) {
            return exchange.clone();
        }
        let exchange = sessions.open_for(method);
        self.entries.push(Entry { exchange: exchange.clone(), is_wrapped: false });
        exchange
    }

    /// Returns the manager's exchange, if there is one.
    #[must_use]
    pub fn find(&self, sessions: &Sessions) -> Option<&Exchange> {
        self.iter().find(|exchange| exchange.sessions().ptr_eq(sessions))
    }

    /// Returns the exchange of the innermost middleware, if there is a middleware.
    ///
    /// An exchange of an explicit call does not count: perhaps nobody ends it.
    #[must_use]
    pub fn innermost(&self) -> Option<&Exchange> {
        self.entries.first().filter(|entry| entry.is_wrapped).map(|entry| &entry.exchange)
    }

    /// Iterates over the exchanges, innermost first.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.entries.iter().map(|entry| &entry.exchange)
    }

    /// Takes the exchanges out, innermost first.
    pub fn into_exchanges(self) -> impl Iterator<Item = Exchange> {
        self.entries.into_iter().map(|entry| entry.exchange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managers() -> [Sessions; 2] {
        [(); 2].map(|()| Sessions::builder().build().unwrap())
    }

    fn is_innermost(exchanges: &Exchanges, sessions: &Sessions) -> bool {
        exchanges.innermost().unwrap().sessions().ptr_eq(sessions)
    }

    #[test]
    fn outermost_middleware_ends_the_exchange() {
        let [ours, theirs] = managers();
        let mut exchanges = Exchanges::default();
        assert!(exchanges.wrap(&ours, "GET").is_some());
        assert!(exchanges.wrap(&theirs, "GET").is_some());
        assert!(exchanges.wrap(&ours, "GET").is_none());
        assert!(exchanges.wrap(&theirs, "GET").is_none());
        assert_eq!(exchanges.iter().count(), 2);
    }

    #[test]
    fn extractors_use_the_innermost_manager() {
        let [ours, theirs] = managers();
        let mut exchanges = Exchanges::default();
        assert!(exchanges.innermost().is_none());
        for sessions in [&ours, &theirs, &ours] {
            #[expect(unused_must_use, reason = "the compiler warns of an exchange that nobody ends")]
            exchanges.wrap(sessions, "GET");
            assert!(is_innermost(&exchanges, sessions));
        }
    }

    #[test]
    fn each_manager_has_its_own_exchange() {
        let [ours, theirs] = managers();
        let mut exchanges = Exchanges::default();
        assert!(exchanges.find(&ours).is_none());
        for sessions in [&ours, &theirs] {
            #[expect(unused_must_use, reason = "the compiler warns of an exchange that nobody uses")]
            exchanges.join(sessions, "GET");
            assert!(exchanges.find(sessions).unwrap().sessions().ptr_eq(sessions));
        }
        let taken: Vec<_> = exchanges.into_exchanges().collect();
        assert!(taken.len() == 2 && taken[0].sessions().ptr_eq(&ours) && taken[1].sessions().ptr_eq(&theirs));
    }

    #[test]
    fn middleware_ends_an_explicitly_opened_exchange() {
        let [ours, theirs] = managers();
        let mut exchanges = Exchanges::default();
        let (_, _) = (exchanges.join(&ours, "GET"), exchanges.join(&theirs, "GET"));
        assert!(exchanges.innermost().is_none());
        assert!(exchanges.wrap(&theirs, "GET").is_some());
        assert!(is_innermost(&exchanges, &theirs));
        assert!(exchanges.wrap(&ours, "GET").is_some());
        assert!(exchanges.wrap(&ours, "GET").is_none());
        assert_eq!(exchanges.iter().count(), 2);
    }
}
