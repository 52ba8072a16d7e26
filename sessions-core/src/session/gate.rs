//! Admitting signed-in visitors only.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::exchange::{Blocked, Stage};
use crate::request::Gate;
use crate::session::{Load, Session};

/// The session of a visitor whom a [`Gate`] has admitted.
///
/// Adapters whose extractors need a type of their own wrap this.
#[derive(Clone)]
pub struct SignedIn {
    session: Session,
    principal: String,
    gate: Gate,
}

/// The future that [`Gate::admit_loaded`] returns.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Admission {
    load: Load,
    gate: Option<Gate>,
}

impl Gate {
    /// Admits a visitor who is signed in.
    ///
    /// # Errors
    ///
    /// Returns [`NotSignedIn`](crate::ErrorKind::NotSignedIn) if nobody is signed in, and the
    /// reason if that is unknown, for example because the store could not be reached. Returns
    /// [`ConfirmationRequired`](crate::ErrorKind::ConfirmationRequired) as [`SignedIn::within`]
    /// does.
    pub fn admit(self, session: Session) -> Result<SignedIn, Error> {
        if let Some(principal) = session.principal() {
            let within = self.within;
            let user = SignedIn { session, principal, gate: self };
            return within.map_or(Ok(()), |time| user.within(time)).map(|()| user);
        }
        // A bearer token that opens no session is like no token: nobody is signed in.
        if let Stage::Blocked(blocked) = session.shared.lock().stage
            && blocked != Blocked::NoSuchBearer
        {
            return Err(blocked.error());
        }
        Err(self.refuse(ErrorKind::NotSignedIn, &session.shared.sessions.config().pages))
    }

    /// Admits a visitor, as [`admit`](Self::admit) does, once the session is loaded.
    pub const fn admit_loaded(self, load: Load) -> Admission {
        Admission { load, gate: Some(self) }
    }
}

impl Future for Admission {
    type Output = Result<SignedIn, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let session = ready!(Pin::new(&mut self.load).poll(context))?;
        let gate = self.gate.take().expect("a future is not polled after it was ready");
        Poll::Ready(gate.admit(session))
    }
}

impl SignedIn {
    /// Returns who is signed in.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Returns the session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Checks that the visitor proved who they are less than `time` ago.
    ///
    /// # Errors
    ///
    /// Returns [`ConfirmationRequired`](crate::ErrorKind::ConfirmationRequired). Its response sends
    /// a browser that asks for a page, or posts a form, to the
    /// [`confirm_page`](crate::SessionsBuilder::confirm_page) with 303, htmx by `HX-Redirect`, and
    /// is a bare 401 otherwise.
    pub fn within(&self, time: Duration) -> Result<(), Error> {
        if self.session.signed_in_within(time) {
            return Ok(());
        }
        Err(self.gate.refuse(ErrorKind::ConfirmationRequired, &self.session.shared.sessions.config().pages))
    }
}

impl Deref for SignedIn {
    type Target = Session;

    fn deref(&self) -> &Self::Target {
        &self.session
    }
}

redacted!(SignedIn { session });
