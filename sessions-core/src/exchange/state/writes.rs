//! Taking the request's writes out for a commit, putting them back, and discarding them.

use sessions_store::view::{HeadChanges, NewSecret};
use sessions_store::{Changes, Record, SecretHash};

use super::State;
use crate::manager::Sessions;

impl State {
    /// Takes the request's writes out for a commit.
    #[inline]
    pub(crate) fn take_writes(
        &mut self,
        sessions: &Sessions,
        expected_secret: SecretHash,
        secret: Option<NewSecret>,
    ) -> Changes {
        self.renewal = false;
        let mut head = self.head.take();
        if secret.is_some() {
            head.get_or_insert_default().secret = secret;
        }
        self.view.take_changes(sessions.now(), expected_secret, head, sessions.config().limits)
    }

    /// Takes only the increment of one entry out for a commit, if there is one.
    pub(crate) fn take_increment(&mut self, sessions: &Sessions, key: &str) -> Option<Changes> {
        let expected_secret = self.expected_secret()?;
        self.view.take_increment(key, sessions.now(), expected_secret, sessions.config().limits)
    }

    /// Puts back the writes of a failed commit, below newer ones.
    pub(crate) fn take_back(&mut self, writes: Changes) {
        let Some(older) = self.view.restore(writes) else { return };
        self.renewal |= matches!(older.secret, Some(NewSecret::Renewed(_)));
        let newer = self.head.take().unwrap_or_default();
        self.head = boxed(HeadChanges {
            secret: None,
            principal: newer.principal.or(older.principal),
            lifetime: newer.lifetime.or(older.lifetime),
            confirms: newer.confirms || older.confirms,
            shifts: newer.shifts || older.shifts,
        });
    }

    /// Gives up the writes of a failed commit, which have been taken out. Returns whether later
    /// writes are dropped with them.
    ///
    /// What the request has written since a login belongs to its principal, so the session is then
    /// lost to the request.
    pub(crate) fn give_up(&mut self, writes: &Changes) -> bool {
        let login = writes.new_principal();
        let is_same_principal = login.is_none() || self.base().and_then(Record::principal) == login;
        let is_edited = self.view.is_edited() || self.head.is_some();
        if is_same_principal || !is_edited {
            return false;
        }
        let drops = self.view.has_writes() || self.head.is_some();
        self.is_refused |= drops;
        // That of an earlier save is still the session's.
        let cookie = self.take_cookie();
        self.lose();
        cookie.into_iter().for_each(|cookie| self.keep_cookie(cookie));
        // After a destroy there is nothing to lose but what was written.
        self.drop_writes_and_renewal();
        drops
    }

    /// Discards the request's writes, except a destroy and a renewal, which protect the user.
    pub(crate) fn drop_writes(&mut self) {
        self.view.discard();
        self.head = None;
    }

    /// Discards the request's writes and its renewal.
    pub(crate) fn drop_writes_and_renewal(&mut self) {
        self.drop_writes();
        self.renewal = false;
    }

    /// Returns whether the request has begun a session after the response headers were sent.
    pub(crate) const fn is_too_late(&self) -> bool {
        self.headers_sent && self.live().is_none() && (self.is_refused || self.head.is_some())
    }

    /// Discards what would need a cookie, once the response headers were sent.
    ///
    /// With a login, all writes are discarded: they belong to its principal.
    pub(crate) fn drop_late(&mut self) {
        (self.renewal, self.is_refused) = (false, false);
        if self.live().is_none() || self.signs_in() {
            return self.drop_writes();
        }
        let head = self.head.take().unwrap_or_default();
        self.head = boxed(HeadChanges { secret: None, principal: None, confirms: false, ..*head });
    }
}

/// Boxes the changes, if there are any.
fn boxed(head: HeadChanges) -> Option<Box<HeadChanges>> {
    let is_some = head.principal.is_some() || head.lifetime.is_some() || head.confirms || head.shifts;
    is_some.then(|| Box::new(head))
}
