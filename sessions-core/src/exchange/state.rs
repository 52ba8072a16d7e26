//! The state of a session during its request.

mod ending;
mod turns;
mod writes;

pub(crate) use writes::Writes;

use std::time::Duration;

use crate::cookie::{Secret, SecretHash, Token};
use crate::error::{Error, ErrorKind};
use crate::exchange::outcome::Blocked;
use crate::exchange::view::View;
use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::{LONGEST_PRINCIPAL, Record};
use turns::Saves;

/// The session of one request: what was loaded and what the request did to it.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) headers_sent: bool,
    /// The client sent a cookie with our name.
    pub(crate) carried: bool,
    /// The request came over plain HTTP, so the browser would drop a `Secure` cookie.
    pub(crate) by_plain_http: bool,
    pub(crate) stage: Stage,
    view: View,
    pub(crate) renewal: bool,
    login: Option<Box<str>>,
    pub(crate) idle: Option<Duration>,
    /// A write was refused after the headers were sent, so no save may report success.
    refused_late: bool,
    /// How often the request has called `destroy`.
    destroys: u32,
    saves: Option<Box<Saves>>,
}

/// What is known of the request's stored session.
#[derive(Default)]
pub(crate) enum Stage {
    /// The request has no stored session.
    #[default]
    Absent,
    /// The request's token opens a stored session.
    Live(Live),
    /// The request's tokens open several sessions, so none of them is used.
    Ambiguous(Vec<SessionId>),
    /// The request's tokens could not be checked.
    Blocked(Blocked),
    /// The request's token was replaced by a newer one a moment ago.
    ///
    /// The request sees an empty session, since the token may have been planted before a login.
    Superseded(Record),
    /// The session ended or was renewed during the request.
    Lost,
    /// The request destroyed the session, and the store has not ended it yet.
    Doomed(SessionId),
}

/// The token of a stored session.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) token: Token,
    /// The cookie is sealed with a key that is no longer the first one.
    pub(crate) is_stale: bool,
    /// The time of last use must be written.
    pub(crate) touch_due: bool,
}

/// The result of a lookup.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) carried: bool,
    pub(super) by_plain_http: bool,
    pub(super) stage: Stage,
    pub(super) record: Option<Record>,
}

impl Live {
    pub(super) const fn new(id: SessionId, secret: Secret) -> Self {
        Self { token: Token::new(id, secret), is_stale: false, touch_due: false }
    }

    /// Hashes the token's secret.
    pub(super) fn hash(&self) -> SecretHash {
        self.token.secret().hash(self.id())
    }

    pub(crate) fn id(&self) -> SessionId {
        self.token.id()
    }
}

impl State {
    /// Sets the result of the lookup. The view is still empty.
    pub(super) fn load(&mut self, loaded: Loaded) {
        (self.carried, self.by_plain_http) = (loaded.carried, loaded.by_plain_http);
        self.stage = loaded.stage;
        if let Some(record) = loaded.record {
            self.view.load(record);
        }
    }

    pub(crate) const fn live(&self) -> Option<&Live> {
        match &self.stage {
            Stage::Live(live) => Some(live),
            _ => None,
        }
    }

    pub(crate) const fn live_mut(&mut self) -> Option<&mut Live> {
        match &mut self.stage {
            Stage::Live(live) => Some(live),
            _ => None,
        }
    }

    pub(crate) fn id(&self) -> Option<SessionId> {
        self.live().map(Live::id)
    }

    pub(crate) const fn view(&mut self) -> &mut View {
        &mut self.view
    }

    /// Returns the session's record as this request knows it.
    pub(crate) const fn base(&self) -> Option<&Record> {
        self.view.base()
    }

    /// Returns the record if the session is stored.
    pub(crate) const fn live_base(&self) -> Option<&Record> {
        if self.live().is_some() { self.base() } else { None }
    }

    /// Replaces the record below the request's own writes.
    pub(crate) fn rebase(&mut self, base: Option<Record>) {
        self.view.rebase(base);
    }

    /// Returns the view for writing an entry or flash.
    pub(crate) fn writable(&mut self) -> Result<&mut View, Error> {
        if self.headers_sent && self.live().is_none() {
            self.refused_late = true;
            let is_lost = matches!(self.stage, Stage::Lost);
            return Err(Error::new(if is_lost { ErrorKind::Gone } else { ErrorKind::AlreadyCommitted }));
        }
        Ok(self.view())
    }

    /// Returns an error if there is no session and the request starts none.
    pub(crate) fn require_session(&mut self) -> Result<(), Error> {
        let begins = self.login.is_some() || self.view().would_store();
        if self.live().is_some() || begins { Ok(()) } else { Err(Error::new(ErrorKind::NoSession)) }
    }

    pub(crate) fn principal(&self) -> Option<&str> {
        match &self.login {
            Some(_) => self.login.as_deref(),
            None => self.base().and_then(Record::principal),
        }
    }

    /// Returns whether the loaded record has a principal.
    ///
    /// A login in this request does not count: the cookie that its response sets already prevents
    /// caching.
    pub(super) fn is_signed_in(&self) -> bool {
        self.base().is_some_and(Record::is_signed_in)
    }

    pub(crate) fn login(&mut self, principal: &str) -> Result<(), Error> {
        if principal.len() > LONGEST_PRINCIPAL {
            return Err(Error::new(ErrorKind::TooLarge));
        }
        if self.principal().is_some_and(|other| other != principal) {
            self.view.drop_data();
        }
        // The other login of the same person has the entries, and whose cookie stays is unknown.
        if let Stage::Superseded(record) = &self.stage {
            if record.principal() == Some(principal) {
                self.view.copy_entries(record);
            }
            self.stage = Stage::Absent;
        }
        self.login = Some(principal.into());
        self.renewal = true;
        Ok(())
    }

    pub(crate) fn destroy(&mut self) {
        self.destroys += 1;
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Live(live) => Stage::Doomed(live.id()),
            Stage::Absent | Stage::Lost => Stage::Absent,
            // What is blocked or superseded stays so, and the commit ends the ambiguous sessions.
            stage @ (Stage::Ambiguous(_) | Stage::Blocked(_) | Stage::Superseded(_) | Stage::Doomed(_)) => stage,
        };
        self.forget();
    }

    /// Records that the session ended or now has a newer token. A login starts a session of its
    /// own.
    pub(crate) fn lose(&mut self, signs_in: bool) {
        // Whoever renewed the session meanwhile is signed out too.
        if !matches!(self.stage, Stage::Doomed(_)) {
            self.stage = if signs_in { Stage::Absent } else { Stage::Lost };
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.view = View::default();
        self.renewal = false;
        self.take_cookie();
        self.drop_request_data();
    }

    /// Returns when the session expires with the request's changes, or `None` if it is not stored
    /// yet.
    pub(crate) fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        let record = self.base()?;
        Some(match self.idle {
            Some(limit) => now.after(limit).min(record.absolute_deadline()),
            None => record.expires_at(),
        })
    }
}
