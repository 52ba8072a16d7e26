//! What is known of a session during its request.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::cookie::{Secret, SecretHash, SetCookie, Token};
use crate::error::{Error, ErrorKind};
use crate::exchange::commit::Question;
use crate::exchange::outcome::{Blocked, Facts};
use crate::exchange::response::SessionHeaders;
use crate::exchange::view::View;
use crate::id::SessionId;
use crate::manager::Sessions;
use crate::platform::Timestamp;
use crate::record::{Changes, LONGEST_PRINCIPAL, Limits, Record};

/// The session of one request: what was loaded, and what the request did to it.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) headers_sent: bool,
    /// The client sent a cookie of our name.
    pub(crate) carried: bool,
    /// The client's browser would drop a `Secure` cookie.
    pub(crate) by_plain_http: bool,
    pub(crate) stage: Stage,
    view: View,
    /// Changes that were committed and are not part of the view's record yet: most requests end
    /// before anybody looks again.
    pub(crate) settled: Option<Box<Changes>>,
    pub(crate) renewal: bool,
    login: Option<Box<str>>,
    pub(crate) idle: Option<Duration>,
    /// A write was refused after the headers were sent, so no save may report success.
    refused_late: bool,
    /// The session that the request destroyed and the store has not.
    doomed: Option<SessionId>,
    /// How often the request has called `destroy`.
    destroys: u32,
    saves: Option<Box<Saves>>,
}

/// What the request's session is.
#[derive(Default)]
pub(crate) enum Stage {
    /// Nothing is stored for the request.
    #[default]
    Absent,
    /// The request's token opens a stored session.
    Live(Live),
    /// The request's tokens open several sessions, so it reads none of them.
    Ambiguous(Vec<SessionId>),
    /// The request's tokens could not be judged.
    Blocked(Blocked),
    /// The session ended, or was renewed, while the request was under way.
    Lost,
}

/// The token that opens a stored session.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) token: Token,
    pub(crate) hash: SecretHash,
    /// The cookie is sealed with a key that is no longer the first.
    pub(crate) is_stale: bool,
    /// The time of this use is to be written down.
    pub(crate) touch_due: bool,
}

/// What was found out when the session was loaded.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) carried: bool,
    pub(super) by_plain_http: bool,
    pub(super) stage: Stage,
    pub(super) record: Option<Record>,
}

/// What a request wrote, taken out for a commit.
pub(crate) struct Writes {
    pub(super) changes: Changes,
    /// How often the request had called `destroy`. If it calls it again, it has no use for these
    /// any more.
    pub(super) destroys: u32,
}

/// What only a request has that saves in its middle, or shares its session.
#[derive(Default)]
struct Saves {
    /// The tasks that wait for the commit under way; `None` while none is.
    turn: Option<Vec<Waker>>,
    /// The cookie for the response headers.
    cookie: Option<SetCookie>,
    /// What a save asked the store before it was dropped.
    dropped: Option<Box<Question>>,
}

impl Writes {
    /// Takes the writes out, and leaves none.
    pub(super) fn take(&mut self) -> Self {
        Self { changes: self.changes.take(), destroys: self.destroys }
    }
}

impl Live {
    pub(super) fn new(id: SessionId, secret: Secret) -> Self {
        let hash = secret.hash(id);
        Self { token: Token::new(id, secret), hash, is_stale: false, touch_due: false }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.token.id()
    }
}

/// What the request reads and writes.
impl State {
    /// Takes over what was loaded. The view is still empty.
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

    /// Returns the view, after folding what was committed into its record.
    pub(crate) fn view(&mut self) -> &mut View {
        if let Some(changes) = self.settled.take() {
            self.fold(&changes);
        }
        &mut self.view
    }

    #[cold]
    fn fold(&mut self, changes: &Changes) {
        // The store's own record may differ so much that the changes do not fit this older one.
        if let Some(base) = self.view.base().and_then(|record| record.apply_unconditionally(changes)) {
            self.view.rebase(Some(base));
        }
    }

    /// Replaces the record below the request's own writes.
    pub(crate) fn rebase(&mut self, base: Option<Record>) {
        self.settled = None;
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

    /// Fails if there is no session to move the end of, and the request begins none.
    pub(crate) fn require_session(&mut self) -> Result<(), Error> {
        let begins = self.login.is_some() || self.view().would_store();
        if self.live().is_some() || begins { Ok(()) } else { Err(Error::new(ErrorKind::NoSession)) }
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

    /// Returns whether the loaded record has a principal. A login of this request does not count:
    /// its response sets a cookie, which decides about caches by itself.
    pub(super) fn is_signed_in(&self) -> bool {
        self.view.base().is_some_and(Record::is_signed_in)
    }

    pub(crate) fn login(&mut self, principal: &str) -> Result<(), Error> {
        if principal.len() > LONGEST_PRINCIPAL {
            return Err(Error::new(ErrorKind::TooLarge));
        }
        if self.principal().is_some_and(|other| other != principal) {
            self.view.drop_data();
        }
        self.login = Some(principal.into());
        self.renewal = true;
        Ok(())
    }

    pub(crate) fn destroy(&mut self) {
        self.destroys += 1;
        match std::mem::take(&mut self.stage) {
            Stage::Live(live) => self.doomed = Some(live.id()),
            Stage::Absent | Stage::Lost => {}
            // What cannot be judged stays so, and the several sessions are ended by the commit.
            stage @ (Stage::Ambiguous(_) | Stage::Blocked(_)) => self.stage = stage,
        }
        self.forget();
    }

    /// Records that the session is gone, or belongs to a newer token. A login that goes on begins a
    /// session of its own.
    pub(crate) fn lose(&mut self, signs_in: bool) {
        self.stage = if signs_in { Stage::Absent } else { Stage::Lost };
        self.forget();
    }

    fn forget(&mut self) {
        self.view = View::default();
        self.settled = None;
        self.renewal = false;
        self.take_cookie();
        self.drop_request_data();
    }

    /// Returns when the session ends, as the request leaves it; `None` if it is not stored yet.
    pub(crate) fn expires_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let idle = self.idle;
        let record = self.view().base()?;
        Some(match idle {
            Some(limit) => now.after(limit).min(record.absolute_deadline()),
            None => record.expires_at(),
        })
    }
}

/// How the request ends.
impl State {
    /// Returns the headers of the response if the request only looked: there is nothing to write, and
    /// no cookie to set or remove.
    #[inline]
    pub(super) fn headers_if_unchanged(&self, sessions: &Sessions) -> Option<SessionHeaders> {
        let touch_due = self.live().is_some_and(|live| live.touch_due);
        // One branch for all of the marks, of which nearly no request has any.
        let is_marked = self.renewal | touch_due | self.headers_sent | (self.destroys > 0);
        let wrote = !self.view.edits().is_empty() || self.login.is_some() || self.idle.is_some();
        let is_unchanged = !(is_marked || wrote || self.saves.is_some());
        is_unchanged.then(|| self.headers(sessions, None))
    }

    /// Returns the headers for the response to a request that looked at its session.
    pub(super) fn headers(&self, sessions: &Sessions, cookie: Option<SetCookie>) -> SessionHeaders {
        let is_private = self.is_signed_in() && sessions.config().no_store;
        SessionHeaders { cookie, vary: true, is_private, retry_after: false }
    }

    pub(super) fn facts(&mut self, creates_nothing: bool) -> Facts {
        let view = self.view();
        let (writes, consumed) = (view.edits().hold_writes(), !view.edits().is_empty());
        let is_live = self.live().is_some();
        // Asked for only where there is no record: it goes through all that was written.
        let storable = !is_live && (self.login.is_some() || self.refused_late || self.view.would_store());
        let blocked = match self.stage {
            Stage::Blocked(blocked) => Some(blocked),
            _ => None,
        };
        Facts {
            live: is_live,
            destroyed: !self.doomed().is_empty(),
            lost: matches!(self.stage, Stage::Lost),
            blocked,
            creates_nothing,
            wrote: writes
                || self.login.is_some()
                || self.idle.is_some()
                || self.refused_late
                || (blocked.is_some() && self.destroys > 0),
            consumed,
            renewed: self.renewal,
            touch_due: self.live().is_some_and(|live| live.touch_due),
            storable,
            headers_sent: self.headers_sent,
        }
    }

    /// Returns the sessions that the commit has to end. A login ends all that the request's tokens
    /// open, too: whichever of them the visitor means, none is the one that signs in.
    pub(super) fn doomed(&self) -> &[SessionId] {
        match (&self.doomed, &self.stage) {
            (Some(id), _) => std::slice::from_ref(id),
            (None, Stage::Ambiguous(ids)) if self.destroys > 0 || self.login.is_some() => ids,
            _ => &[],
        }
    }

    /// Records that the store has ended a session.
    pub(super) fn forget_doomed(&mut self, id: SessionId) {
        if self.doomed == Some(id) {
            self.doomed = None;
        } else if let Stage::Ambiguous(ids) = &mut self.stage {
            ids.retain(|other| *other != id);
        }
    }

    /// Forgets what was to be destroyed: the response reports that it was not.
    pub(super) fn spare_doomed(&mut self) {
        self.doomed = None;
        if let Stage::Ambiguous(_) = self.stage {
            self.stage = Stage::Absent;
        }
    }

    /// Returns whether the request has not destroyed its session since these writes.
    pub(super) const fn wants(&self, writes: &Writes) -> bool {
        self.destroys == writes.destroys
    }

    /// Returns whether the session was destroyed and has no successor.
    pub(super) const fn has_ended(&self) -> bool {
        self.destroys > 0 && self.live().is_none()
    }

    /// Takes out what the request wrote, for a commit at `now`.
    pub(super) fn take_writes(
        &mut self,
        now: Timestamp,
        expected: SecretHash,
        renewed: Option<SecretHash>,
        limits: Limits,
    ) -> Writes {
        let edits = self.view().take_edits();
        self.renewal = false;
        if let Some(live) = self.live_mut() {
            live.touch_due = false;
        }
        let (login, idle) = (self.login.take(), self.idle.take());
        let changes = Changes::of_request(now, expected, renewed, login, idle, limits, edits);
        Writes { changes, destroys: self.destroys }
    }

    /// Takes back the writes of a commit that failed, under those that are newer, unless the request
    /// destroyed the session meanwhile.
    pub(super) fn take_back(&mut self, writes: Writes) {
        if !self.wants(&writes) {
            return;
        }
        let changes = writes.changes;
        self.renewal |= changes.new_secret().is_some();
        self.login = self.login.take().or_else(|| changes.new_principal().map(Into::into));
        self.idle = self.idle.or(changes.new_idle());
        self.view.restore(changes.into_edits());
    }

    /// Shows a record that the store has been asked to keep, or has kept.
    pub(super) fn show(&mut self, record: Record) {
        self.view().rebase(Some(record));
    }

    /// Shows what `changes` make of the record while the store applies them. Returns the record as
    /// it was.
    pub(super) fn show_changes(&mut self, changes: Changes) -> Option<Record> {
        let before = self.view().base().cloned();
        self.settled = Some(Box::new(changes));
        before
    }

    /// Takes over a session that was stored for the request.
    pub(super) fn adopt(&mut self, live: Live, record: Record) {
        self.stage = Stage::Live(live);
        self.rebase(Some(record));
    }

    /// Records that the request destroyed a session while the store was creating it.
    pub(super) const fn doom(&mut self, id: SessionId) {
        self.doomed = Some(id);
    }

    /// Forgets what the request wrote, except a destroy and a renewal: those protect somebody.
    pub(super) fn drop_request_data(&mut self) {
        self.view().discard_edits();
        (self.login, self.idle) = (None, None);
    }

    /// Forgets what would need a cookie, now that the headers were sent.
    pub(super) fn drop_late(&mut self) {
        (self.renewal, self.login, self.refused_late) = (false, None, false);
        if self.live().is_none() {
            self.view().discard_edits();
        }
    }

    /// Forgets what a request without a response wrote. Returns whether it destroyed anything.
    ///
    /// The question of a dropped save is returned too, to be dropped outside the lock: nobody waits
    /// for its answer any more.
    pub(super) fn abandon(&mut self) -> (bool, Option<Box<Question>>) {
        if self.headers_sent {
            return (false, None);
        }
        self.drop_request_data();
        self.renewal = false;
        if let Some(live) = self.live_mut() {
            live.touch_due = false;
        }
        self.take_cookie();
        let destroys = !self.doomed().is_empty();
        // A destroy is committed like that of a failed response.
        self.headers_sent = !destroys;
        (destroys, if destroys { None } else { self.take_dropped() })
    }

    /// Returns whether anything was written after the headers were sent and never saved.
    pub(super) fn has_unsaved(&self) -> bool {
        if !self.headers_sent {
            return false;
        }
        let is_written = !self.view.edits().is_empty() || self.renewal || self.idle.is_some();
        is_written || !self.doomed().is_empty() || self.has_dropped()
    }

    /// Returns the session that the request wrote to, or destroyed.
    pub(super) fn written_id(&self) -> Option<SessionId> {
        self.id().or_else(|| self.doomed().last().copied())
    }
}

/// The commits of one request, one after the other.
impl State {
    /// Returns whether a commit is under way, or was dropped before it ended.
    pub(super) fn is_busy(&self) -> bool {
        self.saves.as_ref().is_some_and(|saves| saves.turn.is_some() || saves.dropped.is_some())
    }

    pub(super) fn begin_turn(&mut self) {
        self.saves.get_or_insert_default().turn = Some(Vec::new());
    }

    /// Begins a turn once no other commit is under way. Returns what a dropped save asked.
    pub(super) fn poll_turn(&mut self, context: &Context<'_>) -> Poll<Option<Box<Question>>> {
        if let Some(waiting) = self.saves.as_mut().and_then(|saves| saves.turn.as_mut()) {
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            return Poll::Pending;
        }
        self.begin_turn();
        Poll::Ready(self.take_dropped())
    }

    /// Ends the turn and returns the tasks to wake, which is done outside the lock.
    pub(super) fn end_turn(&mut self) -> Vec<Waker> {
        self.saves.as_mut().and_then(|saves| saves.turn.take()).unwrap_or_default()
    }

    /// Keeps what a dropped save asked the store.
    pub(super) fn keep_dropped(&mut self, question: Box<Question>) {
        self.saves.get_or_insert_default().dropped = Some(question);
    }

    fn has_dropped(&self) -> bool {
        self.saves.as_ref().is_some_and(|saves| saves.dropped.is_some())
    }

    fn take_dropped(&mut self) -> Option<Box<Question>> {
        self.saves.as_mut()?.dropped.take()
    }

    /// Keeps the cookie of a save for the response headers.
    pub(super) fn keep_cookie(&mut self, cookie: SetCookie) {
        self.saves.get_or_insert_default().cookie = Some(cookie);
    }

    pub(super) fn take_cookie(&mut self) -> Option<SetCookie> {
        self.saves.as_mut()?.cookie.take()
    }
}
