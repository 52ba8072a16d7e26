//! What is known of a session during its request.

use std::time::Duration;

use crate::cookie::SetCookie;
use crate::cookie::{Secret, SecretHash, Token};
use crate::error::{Error, ErrorKind};
use crate::exchange::commit::Waiting;
use crate::exchange::outcome::{Blocked, Facts};
use crate::exchange::turn::Turn;
use crate::exchange::view::View;
use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::Changes;
use crate::record::Record;
use crate::record::{LONGEST_PRINCIPAL, Limits};

#[derive(Default)]
pub(crate) struct State {
    /// The response's head is gone.
    pub(crate) finished: bool,
    /// The client sent a cookie of our name.
    pub(crate) carried: bool,
    /// A `Secure` cookie would be dropped by the client's browser.
    pub(crate) by_plain_http: bool,
    /// Opens the record that the request works on.
    pub(crate) live: Option<Live>,
    pub(crate) view: View,
    /// The cookie is sealed with a key that is not the first any more.
    pub(crate) is_stale: bool,
    /// Was committed, and is not yet part of the view's record: most requests end before anybody
    /// looks again.
    pub(crate) settled: Option<Box<Changes>>,
    /// The session that the request destroyed, until the store has.
    doomed: Option<SessionId>,
    pub(crate) destroyed: bool,
    pub(crate) lost: bool,
    pub(crate) blocked: Option<Blocked>,
    /// A write was refused since the response headers were sent, so that no save may answer
    /// success.
    refused_late: bool,
    pub(crate) renewal: bool,
    pub(crate) login: Option<Box<str>>,
    pub(crate) idle: Option<Duration>,
    pub(crate) touch_due: bool,
    pub(crate) turn: Turn,
    /// What nearly no request has, kept apart so that the others are small.
    rare: Option<Box<Rare>>,
    /// The request destroyed its session during this turn, and with it what a commit is about to
    /// store.
    destroyed_meanwhile: bool,
}

/// What is known of a request that saved, carried several tokens or dropped a save.
#[derive(Default)]
struct Rare {
    /// Made by a save, for the response headers.
    cookie: Option<SetCookie>,
    /// Asked of the store by a save that was dropped. Whoever commits next waits for the answer
    /// first.
    dropped: Option<Box<Waiting>>,
    /// Sessions that the request's tokens opened, of which it reads none since there are several.
    ambiguous: Vec<SessionId>,
    /// The request destroys the ambiguous sessions, too.
    ends_ambiguous: bool,
}

/// Is what a request's load found out.
#[derive(Default)]
pub(crate) struct Loaded {
    /// The client sent a cookie of our name.
    pub(crate) carried: bool,
    pub(crate) by_plain_http: bool,
    pub(crate) touch_due: bool,
    pub(crate) blocked: Option<Blocked>,
    pub(crate) ambiguous: Vec<SessionId>,
    pub(crate) is_stale: bool,
    /// The session that the cookie opens.
    pub(crate) found: Option<(Live, Record)>,
}

/// Is the token that opened a record, and its hash.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) token: Token,
    pub(crate) hash: SecretHash,
}

impl Live {
    pub(crate) fn new(id: SessionId, secret: Secret) -> Self {
        let hash = secret.hash(id);
        Self { token: Token::new(id, secret), hash }
    }
}

impl State {
    /// Takes note of what was loaded. The view is still empty.
    pub(crate) fn load(&mut self, loaded: &mut Loaded) {
        (self.carried, self.touch_due, self.is_stale) = (loaded.carried, loaded.touch_due, loaded.is_stale);
        self.by_plain_http = loaded.by_plain_http;
        self.blocked = loaded.blocked;
        if !loaded.ambiguous.is_empty() {
            self.rare().ambiguous = std::mem::take(&mut loaded.ambiguous);
        }
        if let Some((live, record)) = loaded.found.take() {
            self.live = Some(live);
            self.view.load(record);
        }
    }

    /// Takes note of the record that was stored for the request, and says whether the request still
    /// wants it.
    pub(crate) fn created(&mut self, live: Live, record: Record) -> bool {
        if self.destroyed_meanwhile {
            self.doomed = Some(record.id());
            return false;
        }
        self.live = Some(live);
        self.lost = false;
        self.settled = None;
        self.view.rebase(Some(record));
        true
    }

    /// Shows what `changes` make of the record, while the store is asked to apply them. Returns the
    /// record as it was.
    pub(crate) fn show(&mut self, changes: Changes) -> Option<Record> {
        let before = self.view().base().cloned();
        self.settled = Some(Box::new(changes));
        before
    }

    /// Shows a record that the store is asked to keep.
    pub(crate) fn show_newcomer(&mut self, record: Record) {
        self.view().rebase(Some(record));
    }

    /// Shows the record as it was before the store refused what was shown.
    pub(crate) fn hide(&mut self, before: Option<Record>) {
        self.settled = None;
        self.view.rebase(before);
    }

    /// Takes out what the request wrote, for a commit at `now`.
    pub(crate) fn take_changes(
        &mut self,
        now: Timestamp,
        expected: SecretHash,
        renewed: Option<SecretHash>,
        limits: Limits,
    ) -> Changes {
        let edits = self.view().take_edits();
        Changes::of_request(now, expected, renewed, self.login.take(), self.idle.take(), limits, edits)
    }

    /// Says whether another commit is under way, or was dropped before it ended.
    pub(crate) fn is_busy(&self) -> bool {
        self.turn.is_taken() || self.has_dropped()
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Keeps a cookie for the response headers.
    pub(crate) fn keep_cookie(&mut self, cookie: SetCookie) {
        self.rare().cookie = Some(cookie);
    }

    /// Takes the cookie that a save made.
    pub(crate) fn take_cookie(&mut self) -> Option<SetCookie> {
        self.rare.as_mut()?.cookie.take()
    }

    /// Keeps what a dropped save asked of the store.
    pub(crate) fn keep_dropped(&mut self, waiting: Waiting) {
        self.rare().dropped = Some(Box::new(waiting));
    }

    fn has_dropped(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.dropped.is_some())
    }

    fn forget_dropped(&mut self) -> Option<Box<Waiting>> {
        self.rare.as_mut()?.dropped.take()
    }

    fn doom_ambiguous(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.ends_ambiguous = true;
        }
    }

    /// Takes what a dropped save has asked of the store, and the turn with it.
    pub(crate) fn take_dropped(&mut self) -> Option<Box<Waiting>> {
        let waiting = if self.turn.is_taken() { None } else { self.forget_dropped() };
        if waiting.is_some() {
            self.begin_turn();
        }
        waiting
    }

    pub(crate) fn begin_turn(&mut self) {
        self.turn.take();
        self.destroyed_meanwhile = false;
    }

    /// Takes back the writes of a commit that failed, unless the request has no use for them any
    /// more.
    pub(crate) fn take_back(&mut self, changes: Changes) {
        if self.destroyed_meanwhile {
            return;
        }
        self.renewal |= changes.new_secret().is_some();
        self.login = self.login.take().or_else(|| changes.new_principal().map(Into::into));
        self.idle = self.idle.or(changes.new_idle());
        self.view.restore(changes.into_edits());
    }

    pub(crate) fn id(&self) -> Option<SessionId> {
        self.live.as_ref().map(|live| live.token.id())
    }

    /// Folds what was committed into the record, and returns the view for reading or writing.
    pub(crate) fn view(&mut self) -> &mut View {
        if let Some(changes) = self.settled.take() {
            self.fold(&changes);
        }
        &mut self.view
    }

    #[cold]
    fn fold(&mut self, changes: &Changes) {
        // What the store made of its own record may be more than this older one can follow.
        if let Some(base) = self.view.base().and_then(|record| record.apply_unconditionally(changes)) {
            self.view.rebase(Some(base));
        }
    }

    /// Ends the request if it only looked: nothing is to be written, and no cookie to be set or
    /// removed.
    pub(crate) fn end_if_unchanged(&mut self) -> bool {
        // One branch for all of the marks, of which nearly no request has any.
        let is_marked = self.renewal | self.touch_due | self.destroyed | self.finished;
        let wrote = !self.view.edits().is_empty() || self.login.is_some() || self.idle.is_some();
        let unchanged = !(is_marked || wrote || self.rare.is_some() || self.is_busy());
        self.finished |= unchanged;
        unchanged
    }

    /// Returns a session that the request destroyed and the store has not.
    pub(crate) fn next_doomed(&self) -> Option<SessionId> {
        let rare = self.rare.as_ref().filter(|rare| rare.ends_ambiguous);
        self.doomed.or_else(|| rare?.ambiguous.last().copied())
    }

    /// Forgets what was to be destroyed.
    pub(crate) fn spare_doomed(&mut self) {
        self.doomed = None;
        if let Some(rare) = &mut self.rare {
            rare.ends_ambiguous = false;
        }
    }

    /// Takes note that the store has ended a session.
    pub(crate) fn forget_doomed(&mut self, id: SessionId) {
        if self.doomed == Some(id) {
            self.doomed = None;
        } else if let Some(rare) = &mut self.rare {
            rare.ambiguous.retain(|other| *other != id);
        }
    }

    /// Returns the session that a request wrote to, or destroyed.
    pub(crate) fn written_id(&self) -> Option<SessionId> {
        self.id().or_else(|| self.next_doomed())
    }

    /// Says whether something was written after the head was gone.
    pub(crate) fn has_unsaved(&self) -> bool {
        // Nearly every request ends here.
        if !self.finished {
            return false;
        }
        let is_written = !self.view.edits().is_empty() || self.renewal || self.idle.is_some();
        is_written || self.next_doomed().is_some() || self.has_dropped()
    }

    /// Returns the view for writing an entry or flash.
    pub(crate) fn writable(&mut self) -> Result<&mut View, Error> {
        if self.finished && self.live.is_none() {
            self.refused_late = true;
            return Err(Error::new(if self.lost { ErrorKind::Gone } else { ErrorKind::AlreadyCommitted }));
        }
        Ok(self.view())
    }

    /// Fails where there is no session whose end could be moved, and none begins with this request.
    pub(crate) fn require_session(&mut self) -> Result<(), Error> {
        let begins = self.login.is_some() || self.view().would_store();
        if self.live.is_some() || begins { Ok(()) } else { Err(Error::new(ErrorKind::NoSession)) }
    }

    pub(crate) fn principal(&mut self) -> Option<&str> {
        match &self.login {
            Some(_) => self.login.as_deref(),
            None => {
                self.view();
                self.view.base().and_then(Record::principal)
            }
        }
    }

    /// Returns whether the loaded record has a principal, without a look at what was written since:
    /// that goes with a cookie.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.view.base().is_some_and(Record::is_signed_in)
    }

    pub(crate) fn login(&mut self, principal: &str) -> Result<(), Error> {
        if principal.len() > LONGEST_PRINCIPAL {
            return Err(Error::new(ErrorKind::TooLarge));
        }
        if self.principal().is_some_and(|other| other != principal) {
            self.view.drop_data();
        }
        // Whichever of them the visitor means, none of them is the one that signs in.
        self.doom_ambiguous();
        self.login = Some(principal.into());
        self.renewal = true;
        Ok(())
    }

    pub(crate) fn destroy(&mut self) {
        if let Some(live) = self.live.take() {
            self.doomed = Some(live.token.id());
        }
        self.doom_ambiguous();
        self.destroyed = true;
        self.destroyed_meanwhile = self.turn.is_taken();
        self.lost = false;
        self.forget();
    }

    /// Takes note that the record is gone, or belongs to a newer token. A login that goes on begins
    /// a session of its own.
    pub(crate) fn lose(&mut self, signs_in: bool) {
        self.live = None;
        self.lost = !signs_in;
        self.forget();
    }

    fn forget(&mut self) {
        self.view = View::new(None);
        self.settled = None;
        self.take_cookie();
        self.touch_due = false;
        self.drop_request_data();
        self.renewal = false;
    }

    /// Forgets what a request without a response wrote. Returns whether it destroyed anything, and
    /// what a dropped save asked of the store, which nobody waits for: it was done, or it was not.
    pub(crate) fn abandon(&mut self) -> (bool, Option<Box<Waiting>>) {
        if self.finished {
            return (false, None);
        }
        self.drop_request_data();
        (self.renewal, self.touch_due) = (false, false);
        self.take_cookie();
        let destroys = self.next_doomed().is_some();
        // The commit of a destroy ends the exchange as that of a failed response.
        self.finished = !destroys;
        (destroys, if destroys { None } else { self.forget_dropped() })
    }

    /// Forgets what would need a cookie, now that the response's head is gone.
    pub(crate) fn drop_late(&mut self) {
        (self.renewal, self.login, self.refused_late) = (false, None, false);
        if self.live.is_none() {
            self.view().discard_edits();
        }
    }

    /// Forgets what the request wrote, but for a destroy and a renewal: those protect somebody.
    pub(crate) fn drop_request_data(&mut self) {
        self.view().discard_edits();
        self.login = None;
        self.idle = None;
    }

    pub(crate) fn facts(&mut self, creates_nothing: bool) -> Facts {
        let view = self.view();
        let (writes, consumed) = (view.edits().hold_writes(), !view.edits().is_empty());
        // Asked for only where there is no record: it goes through all that was written.
        let storable = self.live.is_none() && (self.login.is_some() || self.refused_late || self.view.would_store());
        Facts {
            live: self.live.is_some(),
            destroyed: self.next_doomed().is_some(),
            lost: self.lost,
            blocked: self.blocked,
            creates_nothing,
            wrote: writes
                || self.login.is_some()
                || self.idle.is_some()
                || self.refused_late
                || (self.blocked.is_some() && self.destroyed),
            consumed,
            renewed: self.renewal,
            touch_due: self.touch_due,
            storable,
            head_gone: self.finished,
        }
    }

    /// Returns the moment at which the session ends, as the request leaves it; `None` if it is not
    /// stored yet.
    pub(crate) fn expires_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let idle = self.idle;
        let record = self.view().base()?;
        Some(match idle {
            Some(limit) => now.after(limit).min(record.absolute_deadline()),
            None => record.expires_at(),
        })
    }
}
