//! The state of a session during its request.

mod ending;
mod turns;
mod writes;

pub(crate) use turns::Dropped;

use std::time::Duration;

use sessions_store::view::{HeadChanges, View};
use sessions_store::{Lifetime, Record, SecretHash, SessionId, Timestamp};

use crate::cookie::{Secret, Token, Transport};
use crate::error::{Error, ErrorKind};
use crate::exchange::outcome::Blocked;
use crate::manager::{Expiry, Login};
use turns::Saves;

/// The session of one request: what was loaded and what the request did to it.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) headers_sent: bool,
    /// The handler has got the session.
    pub(super) is_loaded: bool,
    /// The request has ended with nothing to write, and nobody holds its session.
    pub(crate) is_over: bool,
    pub(crate) transport: Transport,
    pub(crate) stage: Stage,
    pub(crate) view: View,
    pub(crate) renewal: bool,
    /// What the request changes besides entries and flashes. A new secret is added by the commit.
    ///
    /// Boxed, since most requests change nothing of it.
    head: Option<Box<HeadChanges>>,
    /// A write or a logout was refused or dropped, so no save may report success.
    is_refused: bool,
    /// The request has read the record of a principal, which its view no longer has.
    has_seen_principal: bool,
    /// The request has signed in although its token was already replaced.
    was_overtaken: bool,
    /// Number of `destroy` calls of the request.
    pub(crate) destroys: u32,
    /// The response has reported that the last `destroy` failed.
    pub(crate) is_destroy_reported: bool,
    saves: Option<Box<Saves>>,
}

/// The state of the request's stored session.
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
    /// The client should get a new secret.
    pub(crate) rotation_due: bool,
    /// The response must send the cookie again. A touch goes with it, to confirm that the token is
    /// still the newest.
    pub(crate) cookie_due: bool,
    /// A newer token is on its way to the client, so this one is not sent again.
    pub(crate) is_replaced: bool,
    /// The token is one that a rotation has sent.
    pub(crate) is_successor: bool,
}

/// The result of a lookup.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) transport: Transport,
    pub(super) stage: Stage,
    pub(super) record: Option<Record>,
}

impl Live {
    pub(super) const fn new(id: SessionId, secret: Secret) -> Self {
        Self::opened_by(Token::new(id, secret), false, false)
    }

    /// A successor's first use is due to be written, which ends the rotation.
    pub(super) const fn opened_by(token: Token, is_stale: bool, is_successor: bool) -> Self {
        let touch_due = is_stale || is_successor;
        Self { token, is_stale, touch_due, rotation_due: false, cookie_due: false, is_replaced: false, is_successor }
    }

    /// Replaces the token by a renewed one.
    pub(super) fn replace_token(&mut self, token: Token) {
        self.token = token;
        (self.is_replaced, self.is_successor) = (false, false);
    }

    /// Returns the hash of the secret that the session must have for this request's writes.
    ///
    /// This is the secret of the record that the request loaded, so that its writes still apply
    /// after another request has ended a rotation.
    pub(super) fn expected_secret(&self, base: &Record) -> SecretHash {
        if self.is_successor { self.hash() } else { base.secret_hash() }
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
        self.is_loaded = true;
        self.transport = loaded.transport;
        self.stage = loaded.stage;
        // A new session's token could not be sent, since no cookie is set.
        if self.by_bearer() && matches!(self.stage, Stage::Absent | Stage::Superseded(_)) {
            self.stage = Stage::Blocked(Blocked::NoSuchBearer);
        }
        self.view.rebase(loaded.record);
    }

    /// Returns whether the request carries a bearer token, so that its response sets no cookie.
    pub(crate) const fn by_bearer(&self) -> bool {
        matches!(self.transport, Transport::Bearer)
    }

    pub(crate) const fn live(&self) -> Option<&Live> {
        if let Stage::Live(live) = &self.stage { Some(live) } else { None }
    }

    pub(crate) const fn live_mut(&mut self) -> Option<&mut Live> {
        if let Stage::Live(live) = &mut self.stage { Some(live) } else { None }
    }

    pub(crate) fn id(&self) -> Option<SessionId> {
        self.live().map(Live::id)
    }

    /// Returns the session's record as this request knows it.
    pub(crate) const fn base(&self) -> Option<&Record> {
        self.view.base()
    }

    /// Returns the record if the session is stored.
    pub(crate) const fn live_base(&self) -> Option<&Record> {
        if self.live().is_some() { self.base() } else { None }
    }

    /// Returns the hash of the secret that the stored session must have for this request's writes.
    pub(crate) fn expected_secret(&self) -> Option<SecretHash> {
        Some(self.live()?.expected_secret(self.base()?))
    }

    /// Returns the lifetime that the request gives to the session, if any.
    pub(super) fn new_lifetime(&self) -> Option<Lifetime> {
        self.head.as_ref()?.lifetime
    }

    /// Continues with the record that the store has now. `known` is the hash of the newest secret
    /// that this request knows.
    ///
    /// A record that was renewed meanwhile belongs to whoever has its new secret: this request's
    /// token may have been planted before a login. So the session is lost to this request, even if
    /// its writes were committed before the renewal.
    #[inline]
    pub(crate) fn follow(&mut self, record: Record, known: &SecretHash, is_shown: bool) {
        let Stage::Live(live) = &mut self.stage else { return };
        if record.has_had_other_secrets() {
            if !record.continues_from(known) {
                return self.lose();
            }
            live.is_replaced |= record.newest_secret() != *known;
        }
        if is_shown {
            self.view.rebase(Some(record));
        }
    }

    /// Lets the response send a persistent cookie again, after a commit that sends none has
    /// restarted the idle timeout.
    pub(crate) fn resend_cookie(&mut self, lifetime: Lifetime) {
        let is_due = lifetime.cookie_persists() && !self.by_bearer();
        if let Some(live) = self.live_mut() {
            live.cookie_due |= is_due;
        }
    }

    /// Returns whether the session ended or was renewed during the request.
    pub(crate) const fn is_lost(&self) -> bool {
        matches!(self.stage, Stage::Lost)
    }

    /// Returns the view for writing an entry or flash.
    pub(crate) fn writable(&mut self) -> Result<&mut View, Error> {
        if self.headers_sent && self.live().is_none() {
            self.is_refused = true;
            return Err(Error::new(if self.is_lost() { ErrorKind::Gone } else { ErrorKind::HeadersSent }));
        }
        Ok(&mut self.view)
    }

    /// Returns an error if there is no session and the request starts none.
    pub(crate) fn require_session(&mut self) -> Result<(), Error> {
        let begins = self.signs_in() || self.view.would_store();
        if self.live().is_some() || begins { Ok(()) } else { Err(Error::new(ErrorKind::NoSession)) }
    }

    pub(crate) fn principal(&self) -> Option<&str> {
        let login = self.head.as_ref().and_then(|head| head.principal.as_deref());
        login.or_else(|| self.base().and_then(Record::principal))
    }

    /// Returns whether the request signs a principal in.
    pub(super) fn signs_in(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.principal.is_some())
    }

    /// Returns whether the request has given its stored session a new secret that is not saved yet.
    pub(crate) const fn is_renewing(&self) -> bool {
        self.renewal && self.live().is_some()
    }

    /// Returns when the principal last proved who they are.
    pub(crate) fn signed_in_at(&self, now: Timestamp) -> Option<Timestamp> {
        let proves = self.head.as_ref().is_some_and(|head| head.confirms || head.principal.is_some());
        if proves { Some(now) } else { self.base().and_then(Record::signed_in_at) }
    }

    /// Returns whether the request has loaded a record with a principal.
    ///
    /// A login in this request does not count: the cookie that its response sets already prevents
    /// caching.
    pub(super) fn saw_principal(&self) -> bool {
        self.has_seen_principal || self.base().is_some_and(Record::is_signed_in)
    }

    pub(crate) fn login(&mut self, login: Login, expiry: &Expiry, now: Timestamp) -> Result<(), Error> {
        let (principal, lifetime) = login.resolve(expiry, now)?;
        if self.principal().is_some_and(|other| *other != *principal) {
            self.view.clear_all();
        }
        match &self.stage {
            // A logout with such a token is refused, so a login after one cannot succeed.
            Stage::Superseded(record) if self.destroys == 0 => {
                // The same principal's other login has the entries, and the browser may keep either
                // cookie.
                if record.principal() == Some(&principal) {
                    self.view.copy_entries(record);
                }
                (self.stage, self.was_overtaken) = (Stage::Absent, true);
            }
            Stage::Lost if !self.is_refused && !self.by_bearer() => {
                (self.stage, self.was_overtaken) = (Stage::Absent, true);
            }
            _ => {}
        }
        let head = HeadChanges { principal: Some(principal), lifetime: Some(lifetime), ..HeadChanges::default() };
        self.head = Some(Box::new(head));
        self.renewal = true;
        self.check_cookie()
    }

    /// Records that the principal has proved again who they are.
    pub(crate) fn confirm(&mut self) -> Result<(), Error> {
        if self.principal().is_none() {
            return Err(Error::new(ErrorKind::NotSignedIn));
        }
        self.renewal = true;
        self.check_cookie()?;
        self.head.get_or_insert_default().confirms = true;
        Ok(())
    }

    /// Returns an error if a new token comes too late to be sent. The next save drops what needs
    /// it, and fails too.
    fn check_cookie(&self) -> Result<(), Error> {
        if self.headers_sent { Err(Error::new(ErrorKind::HeadersSent)) } else { Ok(()) }
    }

    /// Restarts the idle timeout. Unlike a touch that is due, a failure is reported.
    pub(crate) fn shift_expiration(&mut self) -> Result<(), Error> {
        self.require_session()?;
        self.head.get_or_insert_default().shifts = true;
        Ok(())
    }

    /// Sets the idle timeout, and makes the cookie persist.
    pub(crate) fn set_expiration(&mut self, idle: Duration, expiry: &Expiry, now: Timestamp) -> Result<(), Error> {
        self.require_session()?;
        let stored = self.base().map(Record::lifetime);
        let lifetime = self.new_lifetime().or(stored).unwrap_or_else(|| expiry.lifetime(now));
        let deadline = lifetime.absolute_deadline().max(now.after(idle));
        self.head.get_or_insert_default().lifetime =
            Some(lifetime.with_idle(idle).with_absolute_deadline(deadline).with_persistent_cookie(true));
        Ok(())
    }

    pub(crate) fn destroy(&mut self) {
        self.destroys += 1;
        self.is_destroy_reported = false;
        match &self.stage {
            Stage::Live(live) => self.stage = Stage::Doomed(live.id()),
            Stage::Absent if self.was_overtaken => self.stage = Stage::Lost,
            _ => {}
        }
        // A lost session may still be used with its newer token.
        self.is_refused |= self.is_lost();
        self.forget();
    }

    /// Records that the session ended or now has a newer token.
    pub(crate) fn lose(&mut self) {
        // After a destroy, the session still has to end, even if it was renewed meanwhile, and what
        // was written since goes into a new session.
        if !self.doomed().is_empty() {
            return;
        }
        self.stage = Stage::Lost;
        self.is_refused |= self.view.has_writes() || self.head.is_some() || self.renewal;
        self.forget();
    }

    /// Records a lost session before a login creates a new one. Later writes of the request go into
    /// the new session.
    pub(crate) fn lose_for_login(&mut self) {
        self.has_seen_principal = self.saw_principal();
        (self.stage, self.was_overtaken) = (Stage::Absent, true);
        self.take_cookie();
        self.view.rebase(None);
    }

    fn forget(&mut self) {
        self.has_seen_principal = self.saw_principal();
        self.view.rebase(None);
        self.take_cookie();
        self.drop_writes_and_renewal();
    }

    /// Returns when the session expires with the request's changes, or `None` if it is not stored
    /// yet.
    pub(crate) fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        let record = self.base()?;
        Some(self.new_lifetime().map_or_else(|| record.expires_at(), |lifetime| lifetime.ends_at(now)))
    }
}
