//! The state of a session during its request.

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

/// A request's writes, taken out for a commit.
pub(crate) struct Writes {
    pub(super) changes: Changes,
    /// The number of `destroy` calls when the writes were taken. A later `destroy` makes them
    /// obsolete.
    pub(super) destroys: u32,
}

/// State of a request that saves before its end or shares its session with another task.
#[derive(Default)]
struct Saves {
    /// Tasks waiting for the running commit; `None` if no commit is running.
    turn: Option<Vec<Waker>>,
    /// The cookie for the response headers.
    cookie: Option<SetCookie>,
    /// The unanswered store operation of a save that was dropped.
    dropped: Option<Box<Question>>,
}

impl Writes {
    /// Takes the writes out and leaves none.
    pub(super) fn take(&mut self) -> Self {
        Self { changes: self.changes.take(), destroys: self.destroys }
    }
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

/// Reads and writes of the request.
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
        self.login = Some(principal.into());
        self.renewal = true;
        Ok(())
    }

    pub(crate) fn destroy(&mut self) {
        self.destroys += 1;
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Live(live) => Stage::Doomed(live.id()),
            Stage::Absent | Stage::Lost => Stage::Absent,
            // Blocked stays blocked, and the commit ends the ambiguous sessions.
            stage @ (Stage::Ambiguous(_) | Stage::Blocked(_) | Stage::Doomed(_)) => stage,
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

/// The end of the request.
impl State {
    /// Returns the response headers if the request only read: nothing to write, and no cookie to
    /// set or remove.
    #[inline]
    pub(super) fn headers_if_unchanged(&self, sessions: &Sessions) -> Option<SessionHeaders> {
        let touch_due = self.live().is_some_and(|live| live.touch_due);
        // One branch for all flags, since nearly no request has any of them set.
        let is_marked = self.renewal | touch_due | self.headers_sent | (self.destroys > 0);
        let wrote = !self.view.edits().is_empty() || self.login.is_some() || self.idle.is_some();
        let is_unchanged = !(is_marked || wrote || self.saves.is_some());
        is_unchanged.then(|| self.headers(sessions, None))
    }

    /// Returns the response headers of a request that used its session.
    pub(super) fn headers(&self, sessions: &Sessions, cookie: Option<SetCookie>) -> SessionHeaders {
        let is_private = self.is_signed_in() && sessions.config().no_store;
        SessionHeaders { cookie, vary: true, is_private, retry_after: false }
    }

    pub(super) fn facts(&mut self, creates_nothing: bool) -> Facts {
        let view = self.view();
        let (writes, consumed) = (view.edits().has_writes(), !view.edits().is_empty());
        let is_live = self.live().is_some();
        // Computed only without a record, since it iterates over all writes.
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

    /// Returns the sessions that the commit must end.
    ///
    /// A login also ends all sessions that the request's tokens open: none of them is known to
    /// belong to the principal.
    pub(super) fn doomed(&self) -> &[SessionId] {
        match &self.stage {
            Stage::Doomed(id) => std::slice::from_ref(id),
            Stage::Ambiguous(ids) if self.destroys > 0 || self.login.is_some() => ids,
            _ => &[],
        }
    }

    /// Records that the store has ended a session.
    pub(super) fn record_destroyed(&mut self, id: SessionId) {
        match &mut self.stage {
            Stage::Doomed(doomed) if *doomed == id => self.stage = Stage::Absent,
            Stage::Ambiguous(ids) => ids.retain(|other| *other != id),
            _ => {}
        }
    }

    /// Gives up the destroy; the response reports the failure.
    pub(super) fn cancel_destroy(&mut self) {
        if let Stage::Doomed(_) | Stage::Ambiguous(_) = self.stage {
            self.stage = Stage::Absent;
        }
    }

    /// Returns whether the writes are still wanted, that is, not followed by a `destroy`.
    pub(super) const fn wants(&self, writes: &Writes) -> bool {
        self.destroys == writes.destroys
    }

    /// Returns whether the session was destroyed and has no successor.
    pub(super) const fn has_ended(&self) -> bool {
        self.destroys > 0 && self.live().is_none()
    }

    /// Takes the request's writes out for a commit at `now`.
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
        let changes = Changes::from_parts(now, expected, renewed, login, idle, limits, edits);
        Writes { changes, destroys: self.destroys }
    }

    /// Puts back the writes of a failed commit, below newer ones, unless a `destroy` made them
    /// obsolete.
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

    /// Makes a newly stored session that of the request.
    pub(super) fn adopt(&mut self, live: Live, record: Record) {
        self.stage = Stage::Live(live);
        self.rebase(Some(record));
    }

    /// Records that the request destroyed a session while the store was creating it.
    pub(super) fn doom(&mut self, id: SessionId) {
        self.stage = Stage::Doomed(id);
    }

    /// Discards the request's writes, except a destroy and a renewal, which protect the user.
    pub(super) fn drop_request_data(&mut self) {
        self.view().discard_edits();
        (self.login, self.idle) = (None, None);
    }

    /// Discards what would need a cookie, once the response headers were sent.
    pub(super) fn drop_late(&mut self) {
        (self.renewal, self.login, self.refused_late) = (false, None, false);
        if self.live().is_none() {
            self.view().discard_edits();
        }
    }

    /// Discards the writes of a request without a response. Returns whether it destroyed a session.
    ///
    /// Also returns the unanswered store operation of a dropped save, which the caller drops
    /// outside the lock: nobody waits for it any more.
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
        // A destroy is then committed as for a failed response.
        self.headers_sent = !destroys;
        (destroys, if destroys { None } else { self.take_dropped() })
    }

    /// Returns whether writes made after the response headers were sent are unsaved.
    pub(super) fn has_unsaved(&self) -> bool {
        if !self.headers_sent {
            return false;
        }
        let is_written = !self.view.edits().is_empty() || self.renewal || self.idle.is_some();
        is_written || !self.doomed().is_empty() || self.has_dropped()
    }

    /// Returns the session that the request wrote to or destroyed.
    pub(super) fn written_id(&self) -> Option<SessionId> {
        self.id().or_else(|| self.doomed().last().copied())
    }
}

/// Commits of the request, one at a time.
impl State {
    /// Returns whether a commit is running, or was dropped before it finished.
    pub(super) fn is_busy(&self) -> bool {
        self.saves.as_ref().is_some_and(|saves| saves.turn.is_some() || saves.dropped.is_some())
    }

    pub(super) fn begin_turn(&mut self) {
        self.saves.get_or_insert_default().turn = Some(Vec::new());
    }

    /// Starts a turn once no other commit is running. Returns the operation of a dropped save.
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

    /// Ends the turn and returns the tasks to wake outside the lock.
    pub(super) fn end_turn(&mut self) -> Vec<Waker> {
        self.saves.as_mut().and_then(|saves| saves.turn.take()).unwrap_or_default()
    }

    /// Keeps the unanswered store operation of a dropped save.
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
