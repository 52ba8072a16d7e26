//! Applying a request's changes to its live session.

use parking_lot::MutexGuard;

use super::driver::{Driver, Question, Step};
use super::sign_in::SignIn;
use crate::cookie::{Secret, SecretHash, SetCookie, Token};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::state::{Live, State, Writes};
use crate::manager::expiry::ROTATION_GRACE;
use crate::manager::{Event, StoreCall};
use crate::platform::Timestamp;
use crate::record::{NewSecret, Record, Refusal};

/// Changes on their way to the store.
pub(crate) struct Update {
    /// The record before the changes.
    base: Record,
    writes: Writes,
    /// The new token of a renewed session.
    renewed: Option<Token>,
    /// The hash of the secret in the cookie.
    sent: SecretHash,
    /// Only the time of last use is written, and perhaps a rotation begun.
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
        let (Some(live), Some(base), Some(expected)) =
            (state.live(), state.live_base().cloned(), state.expected_secret())
        else {
            return Err(Error::new(ErrorKind::NoSession));
        };
        let issued = issue(driver, state, live, now)?;
        // Every commit restarts the idle timeout, and with it the age of a cookie that persists.
        let lifetime = state.new_lifetime().unwrap_or_else(|| base.lifetime());
        let resends = !live.is_replaced && (live.is_stale || lifetime.cookie_persists());
        let token = match &issued {
            Some((token, _)) => Some(token.clone()),
            None => resends.then(|| live.token.clone()),
        };
        let secret = issued.as_ref().map(|(_, secret)| *secret);
        let sent = secret.map_or(expected, NewSecret::hash);
        let renewed = issued.and_then(|(token, secret)| matches!(secret, NewSecret::Renewed(_)).then_some(token));
        let writes = state.take_writes(now, expected, secret, sessions.config().limits);
        drop(guard);
        let mut update = Self { base, writes, renewed, sent, is_touch, cookie: None, is_shown: false };
        if let Some(token) = token {
            match sessions.token_cookie(&token, lifetime, now) {
                Ok(cookie) => update.cookie = Some(cookie),
                Err(error) => {
                    driver.give_back(Some(update.writes));
                    return Err(error);
                }
            }
        }
        update.ask(driver)
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
        let expected = if is_renewed { self.sent } else { *changes.expected_secret() };
        // The request may have ended the session meanwhile, or another one begun a rotation; the
        // cookie is then obsolete.
        let is_obsolete = match state.live_mut() {
            Some(live) => {
                live.is_stale &= self.cookie.is_none();
                if let Some(token) = self.renewed.take() {
                    // The rest stays: the handler may have shifted the expiration meanwhile.
                    live.replace_token(token);
                }
                !record.newest_secret_is(&self.sent)
            }
            None => true,
        };
        state.follow(record, &expected, driver.is_watched());
        let headers = driver.headers(&mut state, self.cookie.take().filter(|_| !is_obsolete));
        drop(state);
        if is_renewed {
            driver.shared.raise(&Event::Renewed { id: self.base.id() });
        }
        driver.report_login(self.base.id(), &self.writes.changes);
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
        let wrote = changes.edits().has_writes() || changes.new_lifetime().is_some();
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

/// Creates the client's next token, if the request asked for one or a rotation is due.
fn issue(driver: &Driver, state: &State, live: &Live, now: Timestamp) -> Result<Option<(Token, NewSecret)>, Error> {
    let entropy = driver.shared.sessions.config().entropy;
    let secret = if state.renewal {
        Secret::random(entropy)?
    } else if live.rotation_due && driver.can_set_cookie(state) {
        // A request that only looked does not fail for it.
        let Ok(secret) = Secret::random(entropy) else { return Ok(None) };
        secret
    } else {
        return Ok(None);
    };
    let hash = secret.hash(live.id());
    let secret_change = match state.renewal {
        true => NewSecret::Renewed(hash),
        false => NewSecret::Rotating { hash, unless_since: now.before(ROTATION_GRACE) },
    };
    Ok(Some((Token::new(live.id(), secret), secret_change)))
}
