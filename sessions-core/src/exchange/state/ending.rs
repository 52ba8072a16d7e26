//! The facts at the end of a request, and the stage after it.

use sessions_store::{Record, SessionId};

use super::{Dropped, Live, Stage, State};
use crate::cookie::SetCookie;
use crate::exchange::outcome::{Blocked, Facts};
use crate::exchange::response::{SessionHeaders, Vary};
use crate::manager::Sessions;

impl State {
    /// Returns the response headers if the request only read: nothing to write, and no cookie to
    /// set or remove.
    #[inline]
    pub(crate) fn headers_if_unchanged(&self, sessions: &Sessions) -> Option<SessionHeaders> {
        let touch_due = self.live().is_some_and(|live| live.touch_due || live.cookie_due);
        // One branch for all flags, since nearly no request has any of them set.
        let is_marked = self.renewal | touch_due | self.headers_sent | (self.destroys > 0);
        let wrote = self.view.is_edited() || self.head.is_some();
        let is_unchanged = !(is_marked || wrote || self.saves.is_some());
        is_unchanged.then(|| self.headers(sessions, None))
    }

    /// Returns the response headers of a request that used its session.
    pub(crate) fn headers(&self, sessions: &Sessions, cookie: Option<SetCookie>) -> SessionHeaders {
        let is_private = (!self.is_loaded || self.saw_principal()) && sessions.config().no_store;
        SessionHeaders {
            cookie,
            vary: if sessions.config().bearer { Vary::ByBoth } else { Vary::ByCookie },
            is_private,
            retry_after: false,
        }
    }

    pub(crate) fn facts(&self, is_last: bool, creates_nothing: bool) -> Facts {
        let is_live = self.live().is_some();
        // Computed only without a record, since it iterates over all writes.
        let storable = !is_live && (self.signs_in() || self.is_refused || self.would_store());
        let blocked = match self.stage {
            Stage::Blocked(blocked) => Some(blocked),
            Stage::Superseded(_) => Some(Blocked::Superseded),
            Stage::Ambiguous(ref ids) if !ids.is_empty() => Some(Blocked::Ambiguous),
            _ => None,
        };
        Facts {
            live: is_live,
            destroyed: !self.doomed().is_empty(),
            lost: self.is_lost(),
            blocked,
            creates_nothing,
            by_bearer: self.by_bearer(),
            wrote: self.view.has_writes()
                || self.head.is_some()
                || self.is_refused
                || (blocked.is_some() && self.destroys > 0),
            edited: self.view.is_edited(),
            renewed: self.renewal,
            touch_due: self.live().is_some_and(|live| live.touch_due || (is_last && live.cookie_due)),
            storable,
            headers_sent: self.headers_sent,
        }
    }

    /// Returns whether the request's writes make a new session worth storing.
    ///
    /// A bearer's flashes do not: they follow a logout whose handler also serves browsers, and no
    /// request could read them.
    fn would_store(&self) -> bool {
        if self.by_bearer() { self.view.has_entries() } else { self.view.would_store() }
    }

    /// Returns the sessions that the commit must end.
    ///
    /// A login also ends all sessions that the request's tokens open: none of them is known to
    /// belong to the principal.
    pub(crate) fn doomed(&self) -> &[SessionId] {
        match &self.stage {
            Stage::Doomed(id) => std::slice::from_ref(id),
            Stage::Ambiguous(ids) if self.destroys > 0 || self.signs_in() => ids,
            _ => &[],
        }
    }

    /// Records that the store has ended a session.
    pub(crate) fn record_destroyed(&mut self, id: SessionId) {
        match &mut self.stage {
            Stage::Doomed(doomed) if *doomed == id => self.stage = Stage::Absent,
            Stage::Ambiguous(ids) => ids.retain(|other| *other != id),
            _ => {}
        }
    }

    /// Returns whether the session that the client's token opens was destroyed, and has no
    /// successor.
    pub(crate) fn has_ended(&self) -> bool {
        // A destroy beside the response's commit may still fail.
        self.destroys > 0 && self.live().is_none() && !self.was_overtaken && self.doomed().is_empty()
    }

    /// Makes a newly stored session that of the request.
    pub(crate) fn adopt(&mut self, live: Live, record: Record) {
        self.stage = Stage::Live(live);
        self.view.rebase(Some(record));
    }

    /// Records that the request destroyed a session while the store was creating it.
    pub(crate) fn doom(&mut self, id: SessionId) {
        // If the session replaced a lost one, the destroy was refused; now it is possible.
        (self.stage, self.is_refused) = (Stage::Doomed(id), false);
    }

    /// Discards the writes of a request without a response. Returns whether it destroyed a session.
    ///
    /// Also returns a dropped save, for the caller to drop outside the lock.
    pub(crate) fn abandon(&mut self) -> (bool, Option<Dropped>) {
        if self.headers_sent {
            return (false, None);
        }
        self.drop_writes_and_renewal();
        if let Some(live) = self.live_mut() {
            (live.touch_due, live.rotation_due, live.cookie_due) = (false, false, false);
        }
        self.take_cookie();
        let destroys = !self.doomed().is_empty();
        // A destroy is then committed as for a failed response.
        self.headers_sent = !destroys;
        (destroys, if destroys { None } else { self.take_dropped() })
    }

    /// Returns whether writes, or a destroy, are unsaved.
    pub(crate) fn has_unsaved(&self) -> bool {
        let is_written = self.view.is_edited() || self.renewal || self.head.is_some();
        let destroys = !self.doomed().is_empty() && !self.is_destroy_reported;
        is_written || destroys || self.has_dropped()
    }

    /// Returns the session that the request wrote to or destroyed.
    pub(crate) fn written_id(&self) -> Option<SessionId> {
        self.id().or_else(|| self.doomed().last().copied())
    }
}
