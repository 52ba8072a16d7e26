//! The sessions of one request until they are finished.

use std::cell::RefCell;
use std::net::SocketAddr;

use sessions_core::adapter::{CommitError, Exchange, Exchanges, SessionHeaders};
use sessions_core::{Error, Sessions};
use tracing::field::{debug, display};

use crate::response::Response;
use crate::{TARGET, block_on};

/// The sessions that a request has started. A request that starts none costs nothing.
pub(crate) struct Visit<'r> {
    sessions: &'r Sessions,
    method: &'r str,
    peer: SocketAddr,
    exchanges: RefCell<Exchanges>,
}

impl<'r> Visit<'r> {
    pub(crate) fn new(sessions: &'r Sessions, method: &'r str, peer: SocketAddr) -> Self {
        Self { sessions, method, peer, exchanges: RefCell::default() }
    }

    pub(crate) const fn sessions(&self) -> &'r Sessions {
        self.sessions
    }

    /// Returns the address of the other end of the connection.
    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Returns the request's exchange with a manager, the same one at every call.
    pub(crate) fn exchange(&self, sessions: &Sessions) -> Exchange {
        self.exchanges.borrow_mut().join(sessions, self.method)
    }

    /// Ends the exchanges with `status` and writes their headers to the response.
    ///
    /// If a commit fails, the response becomes a bare error first.
    pub(crate) fn finish(self, status: u16, response: &mut Response) {
        // All exchanges are ended before anything is written: an error replaces the response but
        // not the cookies.
        let end = |exchange: Exchange| exchange.end(status).try_ready().unwrap_or_else(block_on);
        let mut results = self.exchanges.into_inner().into_exchanges().map(end);
        let first = results.next();
        // Allocates only in a request with several managers.
        let others: Vec<_> = results.collect();
        if let Some(error) = first.iter().chain(&others).find_map(|result| result.as_ref().err()) {
            response.refuse(error.status());
        }
        for result in first.into_iter().chain(others) {
            result.unwrap_or_else(report_failure).write_to(response.headers());
        }
    }
}

/// Logs a failed commit and returns the headers that the response must still carry.
fn report_failure(error: CommitError) -> SessionHeaders {
    let (error, headers) = error.into_parts();
    report(&error);
    headers
}

/// Logs why a request failed. The client learns only the status.
pub(crate) fn report(error: &Error) {
    let (kind, status, cause) = (debug(error.kind()), error.status(), display(error.chain()));
    if error.is_servers_fault() {
        tracing::error!(target: TARGET, kind, status, error = cause, "a request failed because of its session");
    } else {
        tracing::debug!(target: TARGET, kind, status, error = cause, "a request was refused because of its session");
    }
}
