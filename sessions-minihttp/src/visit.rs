//! The sessions of one request, until they are finished.

use std::cell::{OnceCell, RefCell};

use sessions_core::{Error, Exchange, Sessions};

use crate::response::Response;
use crate::{TARGET, block_on};

/// The sessions that a request has started. A request that starts none pays nothing.
pub(crate) struct Visit<'r> {
    sessions: &'r Sessions,
    method: &'r str,
    own: OnceCell<Exchange>,
    /// Belong to managers other than the one that the service was wrapped with.
    others: RefCell<Vec<Exchange>>,
}

impl<'r> Visit<'r> {
    pub(crate) const fn new(sessions: &'r Sessions, method: &'r str) -> Self {
        Self { sessions, method, own: OnceCell::new(), others: RefCell::new(Vec::new()) }
    }

    pub(crate) const fn sessions(&self) -> &'r Sessions {
        self.sessions
    }

    /// Returns the request's exchange with a manager; there is only one, so that there is only one
    /// commit.
    pub(crate) fn exchange(&self, sessions: &Sessions) -> Exchange {
        if sessions.ptr_eq(self.sessions) {
            return self.own.get_or_init(|| sessions.open_for(self.method)).clone();
        }
        let mut others = self.others.borrow_mut();
        match others.iter().find(|exchange| exchange.sessions().ptr_eq(sessions)) {
            Some(exchange) => exchange.clone(),
            None => {
                others.push(sessions.open_for(self.method));
                others[others.len() - 1].clone()
            }
        }
    }

    /// Commits what the request changed as `status` says, and puts the cookies into the response.
    /// If something could not be saved, the response becomes a bare error first.
    pub(crate) fn finish(self, status: u16, response: &mut Response) {
        let (own, others) = (self.own.into_inner(), self.others.into_inner());
        if own.is_none() && others.is_empty() {
            return;
        }
        let commit = |exchange: Exchange| match exchange.end_if_unchanged() {
            Some(attach) => Ok(attach),
            None => block_on(exchange.commit(status)),
        };
        let own = own.map(commit);
        // All are committed before anything is written: an error undoes the answer, and no cookie.
        let others: Vec<_> = others.into_iter().map(commit).collect();
        if let Some(error) = own.iter().chain(&others).find_map(|result| result.as_ref().err()) {
            response.refuse(error.status());
        }
        for result in own.into_iter().chain(others) {
            let attach = result.unwrap_or_else(|mut error| {
                report(&error);
                error.take_attach()
            });
            attach.write_to(response.fields());
        }
    }
}

/// Logs why a request failed. The client learns no more than the status.
pub(crate) fn report(error: &Error) {
    let cause: &(dyn std::error::Error + 'static) = error;
    if error.is_servers_fault() {
        tracing::error!(target: TARGET, error = cause, "the session of a request failed");
    } else {
        tracing::debug!(target: TARGET, error = cause, "the session of a request was refused");
    }
}
