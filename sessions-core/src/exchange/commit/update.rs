//! Applying a request's changes to its live session.

use parking_lot::MutexGuard;

use super::driver::{Driver, Question, Step};
use super::sign_in::SignIn;
use crate::cookie::{Secret, SetCookie};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::state::{Live, State, Writes};
use crate::manager::{Event, StoreCall, expiry};
use crate::platform::Timestamp;
use crate::record::{Record, Refusal};

/// Changes on their way to the store.
pub(crate) struct Update {
    /// The record before the changes.
    base: Record,
    writes: Writes,
    /// The new token of a renewed session.
    renewed: Option<Live>,
    /// Only the time of last use is written.
    is_touch: bool,
    /// The cookie with the new token or expiry.
    ///
    /// Formed before the store is asked: nothing is committed that the client could not be sent.
    cookie: Option<SetCookie>,
    /// The handle already shows the changes.
    is_shown: bool,
}

impl Update {
    pub(super) fn start(driver: &Driver, mut guard: MutexGuard<'_, State>, is_touch: bool) -> Result<Step, Error> {
        let state = &mut *guard;
        let sessions = &driver.shared.sessions;
        let now = sessions.now();
        let (Some(live), Some(base)) = (state.live(), state.live_base().cloned()) else {
            return Err(Error::new(ErrorKind::NoSession));
        };
        let renewed = match state.renewal {
            true => Some(Live::new(live.id(), Secret::random(sessions.config().entropy)?)),
            false => None,
        };
        // Every commit restarts the idle timeout.
        let sends_cookie = renewed.is_some() || live.is_stale || sessions.config().expiry.cookie_persists();
        let token = sends_cookie.then(|| renewed.as_ref().unwrap_or(live).token.clone());
        let secret = renewed.as_ref().map(Live::hash);
        let writes = state.take_writes(now, base.secret_hash(), secret, sessions.config().limits);
        drop(guard);
        let mut update = Self { base, writes, renewed, is_touch, cookie: None, is_shown: false };
        if let Some(token) = token {
            match sessions.token_cookie(&token, update.expires_at(), now) {
                Ok(cookie) => update.cookie = Some(cookie),
                Err(error) => {
                    driver.give_back(Some(update.writes));
                    return Err(error);
                }
            }
        }
        update.ask(driver)
    }

    /// Returns when the session will expire.
    fn expires_at(&self) -> Timestamp {
        let idle = self.writes.changes.new_idle().or(self.base.idle());
        expiry::ends_at(self.writes.changes.now(), idle, self.base.absolute_deadline())
    }

    fn ask(mut self, driver: &Driver) -> Result<Step, Error> {
        match driver.shared.sessions.store().commit(&self.base, &self.writes.changes).try_ready() {
            Ok(answer) => self.conclude(driver, answer),
            Err(answer) => {
                if driver.is_watched()
                    && let Ok(record) = self.base.apply(&self.writes.changes)
                {
                    driver.shared.lock().rebase(Some(record));
                    self.is_shown = true;
                }
                Ok(Step::Ask(Box::new(Question::Update(self, answer))))
            }
        }
    }

    pub(super) fn conclude(
        &mut self,
        driver: &Driver,
        answer: Result<Result<Record, Refusal>, StoreError>,
    ) -> Result<Step, Error> {
        match answer {
            Ok(Ok(record)) => Ok(self.applied(driver, record)),
            Ok(Err(Refusal::Gone)) if self.is_touch => Ok(driver.done(None)),
            Ok(Err(Refusal::Gone)) => self.gone(driver),
            Ok(Err(Refusal::Conflict)) => Err(self.refused(driver, ErrorKind::Conflict)),
            Ok(Err(Refusal::TooLarge)) => Err(self.refused(driver, ErrorKind::TooLarge)),
            Err(error) if self.is_touch => {
                driver.shared.raise(&Event::StoreFailed { call: StoreCall::Touch, kind: error.kind() });
                Ok(driver.done(None))
            }
            Err(error) => {
                self.hide(driver);
                Err(driver.store_failed(StoreCall::Commit, error, Some(self.writes.take())))
            }
        }
    }

    fn applied(&mut self, driver: &Driver, record: Record) -> Step {
        let changes = &self.writes.changes;
        if changes.only_consumes() && record.secret_hash() != *changes.expected_secret() {
            // Another request renewed the session, which this one must not see. What it had read is
            // consumed.
            driver.shared.lock().lose(false);
            return driver.done(None);
        }
        let mut state = driver.shared.lock();
        let is_renewed = self.renewed.is_some();
        // The request may have ended the session meanwhile; the cookie is then obsolete.
        let is_alive = match state.live_mut() {
            Some(live) => {
                live.is_stale &= self.cookie.is_none();
                if let Some(renewed) = self.renewed.take() {
                    // The rest stays: the handler may have shifted the expiration meanwhile.
                    live.token = renewed.token;
                }
                true
            }
            None => false,
        };
        if is_alive && driver.is_watched() {
            state.rebase(Some(record));
        }
        let headers = driver.headers(&mut state, self.cookie.take().filter(|_| is_alive));
        drop(state);
        if is_renewed {
            driver.shared.raise(&Event::Renewed { id: self.base.id() });
        }
        Step::Done(headers)
    }

    /// Handles a session that ended during the request.
    ///
    /// A logout stays a logout. A login has proven who the visitor is, so it gets a new session.
    fn gone(&mut self, driver: &Driver) -> Result<Step, Error> {
        let signs_in = self.writes.changes.new_principal().is_some();
        driver.shared.lock().lose(signs_in);
        if signs_in {
            return SignIn::start(driver, self.base.clone(), self.writes.take());
        }
        let changes = &self.writes.changes;
        let wrote = changes.edits().has_writes() || changes.new_idle().is_some();
        if (wrote || self.renewed.is_some()) && !driver.drops_writes() {
            driver.shared.raise(&Event::Interrupted { id: self.base.id() });
            return Err(Error::new(ErrorKind::Gone));
        }
        Ok(driver.done(None))
    }

    fn refused(&mut self, driver: &Driver, kind: ErrorKind) -> Error {
        self.hide(driver);
        Error::new(kind)
    }

    /// Makes the handle show the previous record again, if it shows the changes.
    fn hide(&mut self, driver: &Driver) {
        if std::mem::take(&mut self.is_shown) {
            driver.shared.lock().rebase(Some(self.base.clone()));
        }
    }
}
