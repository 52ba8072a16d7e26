//! Taking the request's writes out for a commit, putting them back, and discarding them.

use super::State;
use crate::cookie::SecretHash;
use crate::platform::Timestamp;
use crate::record::{Changes, Limits};

/// A request's writes, taken out for a commit.
pub(crate) struct Writes {
    pub(crate) changes: Changes,
    /// The number of `destroy` calls when the writes were taken. A later `destroy` makes them
    /// obsolete.
    destroys: u32,
}

impl Writes {
    /// Takes the writes out and leaves none.
    pub(crate) fn take(&mut self) -> Self {
        Self { changes: self.changes.take(), destroys: self.destroys }
    }
}

impl State {
    /// Returns whether the writes are still wanted, that is, not followed by a `destroy`.
    pub(crate) const fn wants(&self, writes: &Writes) -> bool {
        self.destroys == writes.destroys
    }

    /// Takes the request's writes out for a commit at `now`.
    pub(crate) fn take_writes(
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
    pub(crate) fn take_back(&mut self, writes: Writes) {
        if !self.wants(&writes) {
            return;
        }
        let changes = writes.changes;
        self.renewal |= changes.new_secret().is_some();
        self.login = self.login.take().or_else(|| changes.new_principal().map(Into::into));
        self.idle = self.idle.or(changes.new_idle());
        self.view.restore(changes.into_edits());
    }

    /// Discards the request's writes, except a destroy and a renewal, which protect the user.
    pub(crate) fn drop_request_data(&mut self) {
        self.view().discard_edits();
        (self.login, self.idle) = (None, None);
    }

    /// Discards what would need a cookie, once the response headers were sent.
    pub(crate) fn drop_late(&mut self) {
        (self.renewal, self.login, self.refused_late) = (false, None, false);
        if self.live().is_none() {
            self.view().discard_edits();
        }
    }
}
