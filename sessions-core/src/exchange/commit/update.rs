//! Applying a request's changes to its live session.

use parking_lot::MutexGuard;

use super::create::Create;
use super::driver::{Driver, Question, Step};
use crate::cookie::{Secret, SetCookie};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::state::{Live, State, Writes};
use crate::id::SessionId;
use crate::manager::{Event, StoreCall, expiry};
use crate::platform::Timestamp;
use crate::record::Record;
use crate::store::Committed;

/// Changes on their way to the store.
pub(crate) struct Update {
    id: SessionId,
    writes: Writes,
    /// The new token of a renewed session.
    renewed: Option<Live>,
    /// Only the time of last use is written.
    is_touch: bool,
    /// The cookie with the new token or expiry.
    ///
    /// Formed before the store is asked: nothing is committed that the client could not be sent.
    cookie: Option<SetCookie>,
    /// `None` if the handle does not show the changes yet.
    before: Option<Before>,
}

/// The record that the handle showed before it showed the pending changes.
struct Before(Option<Record>);

impl Update {
    pub(super) fn start(driver: &Driver, mut guard: MutexGuard<'_, State>, is_touch: bool) -> Result<Step, Error> {
        let state = &mut *guard;
        let sessions = &driver.shared.sessions;
        let now = sessions.now();
        let live = state.live().ok_or_else(|| Error::new(ErrorKind::NoSession))?;
        let (id, hash) = (live.id(), live.hash);
        let renewed = match state.renewal {
            true => Some(Live::new(id, Secret::random(sessions.config().entropy)?)),
            false => None,
        };
        // Every commit restarts the idle timeout.
        let sends_cookie = renewed.is_some() || live.is_stale || sessions.config().expiry.cookie_persists();
        let token = sends_cookie.then(|| renewed.as_ref().unwrap_or(live).token.clone());
        let record = if sends_cookie { state.view().base().cloned() } else { None };
        let writes = state.take_writes(now, hash, renewed.as_ref().map(|live| live.hash), sessions.config().limits);
        drop(guard);
        let mut update = Self { id, writes, renewed, is_touch, cookie: None, before: None };
        if let (Some(token), Some(record)) = (token, record) {
            match sessions.token_cookie(&token, update.expires_at(&record), now) {
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
    fn expires_at(&self, record: &Record) -> Timestamp {
        let idle = self.writes.changes.new_idle().or(record.idle());
        expiry::ends_at(self.writes.changes.now(), idle, record.absolute_deadline())
    }

    fn ask(mut self, driver: &Driver) -> Result<Step, Error> {
        match driver.shared.sessions.store().commit(self.id, &self.writes.changes).try_ready() {
            Ok(answer) => self.conclude(driver, answer),
            Err(answer) => {
                if driver.is_watched() {
                    let before = driver.shared.lock().show_changes(self.writes.changes.clone());
                    self.before = Some(Before(before));
                }
                Ok(Step::Ask(Box::new(Question::Update(self, answer))))
            }
        }
    }

    pub(super) fn conclude(&mut self, driver: &Driver, answer: Result<Committed, StoreError>) -> Result<Step, Error> {
        match answer {
            Ok(Committed::Applied) => Ok(self.applied(driver)),
            Ok(Committed::Gone) if self.is_touch => Ok(driver.done(None)),
            Ok(Committed::Gone) => self.gone(driver),
            Ok(Committed::Conflict) => Err(self.refused(driver, ErrorKind::Conflict)),
            Ok(Committed::TooLarge) => Err(self.refused(driver, ErrorKind::TooLarge)),
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

    fn applied(&mut self, driver: &Driver) -> Step {
        let mut state = driver.shared.lock();
        let is_renewed = self.renewed.is_some();
        // The request may have ended the session meanwhile; the cookie is then obsolete.
        let is_alive = match state.live_mut() {
            Some(live) => {
                live.is_stale &= self.cookie.is_none();
                if let Some(renewed) = self.renewed.take() {
                    // The rest stays: the handler may have shifted the expiration meanwhile.
                    (live.token, live.hash) = (renewed.token, renewed.hash);
                }
                true
            }
            None => false,
        };
        if is_alive && driver.is_watched() && self.before.is_none() {
            state.settled = Some(Box::new(self.writes.changes.take()));
        }
        let headers = driver.headers(&mut state, self.cookie.take().filter(|_| is_alive));
        drop(state);
        if is_renewed {
            driver.shared.raise(&Event::Renewed { id: self.id });
        }
        Step::Done(headers)
    }

    /// Handles a session that ended during the request.
    ///
    /// A logout stays a logout. A login has proven who the visitor is, so it gets a new session
    /// with this request's changes and none of the old data.
    fn gone(&mut self, driver: &Driver) -> Result<Step, Error> {
        let signs_in = self.writes.changes.new_principal().is_some();
        driver.shared.lock().lose(signs_in);
        if signs_in {
            return Create::start(driver, self.writes.take(), 1);
        }
        let changes = &self.writes.changes;
        let wrote = changes.edits().has_writes() || changes.new_idle().is_some();
        if (wrote || self.renewed.is_some()) && !driver.drops_writes() {
            driver.shared.raise(&Event::Interrupted { id: self.id });
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
        if let Some(Before(record)) = self.before.take() {
            driver.shared.lock().rebase(record);
        }
    }
}
