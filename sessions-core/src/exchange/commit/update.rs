//! Applying a request's changes to its live session.

use parking_lot::MutexGuard;
use sessions_store::view::NewSecret;
use sessions_store::{Changes, Record, Refusal, SecretHash, Timestamp};

use super::create::preview;
use super::driver::{Answer, Driver, Occasion, Question, Step};
use super::sign_in::SignIn;
use crate::cookie::{Secret, SetCookie, Token};
use crate::error::{Error, ErrorKind};
use crate::exchange::response::SessionHeaders;
use crate::exchange::state::{Live, State};
use crate::manager::{Event, StoreCall};

/// Changes on their way to the store.
pub(crate) struct Update {
    /// The record before the changes.
    base: Record,
    changes: Changes,
    /// Only the time of last use is written, and perhaps a rotation begun.
    is_touch: bool,
    /// The new token, or the one in use with its new expiry.
    sent: Option<Sent>,
}

/// A token that the response sends.
struct Sent {
    token: Token,
    hash: SecretHash,
    /// Built before the store is called: no token is committed that cannot be sent.
    cookie: SetCookie,
}

impl Update {
    pub(super) fn start(driver: &Driver, mut guard: MutexGuard<'_, State>, is_touch: bool) -> Result<Step, Error> {
        let state = &mut *guard;
        let sessions = &driver.shared.sessions;
        let (Some(live), Some(base)) = (state.live(), state.live_base().cloned()) else {
            return Err(Error::new(ErrorKind::NoSession));
        };
        let expected = live.expected_secret(&base);
        let issued = match issue(driver, state, live, &base) {
            Ok(issued) => issued,
            Err(error) => {
                driver.drop_if_last(state);
                return Err(error);
            }
        };
        // Every commit restarts the idle timeout, and with it the age of a cookie that persists.
        let lifetime = state.new_lifetime().unwrap_or_else(|| base.lifetime());
        let resends = !live.is_replaced && !state.by_bearer() && (live.is_stale || lifetime.cookie_persists());
        // Another request may replace the token between a save and the response.
        let is_save = driver.occasion == Occasion::Save;
        let (token, secret) = issued.unzip();
        let kept = (resends && !is_save).then(|| (live.token.clone(), expected));
        let token = token.zip(secret.map(NewSecret::hash)).or(kept);
        let changes = state.take_writes(sessions, expected, secret);
        if let Some(live) = state.live_mut() {
            live.touch_due = false;
            live.rotation_due &= is_save;
            live.cookie_due = is_save && (resends || live.rotation_due);
        }
        drop(guard);
        let mut update = Self { base, changes, is_touch, sent: None };
        if let Some((token, hash)) = token {
            match sessions.token_cookie(&token, lifetime, update.changes.now()) {
                Ok(cookie) => update.sent = Some(Sent { token, hash, cookie }),
                // A request that only read does not fail because of its token.
                Err(error) if is_touch => return driver.skip_touch(error),
                Err(error) => return Err(driver.fail(error, Some(update.changes))),
            }
        }
        update.ask(driver)
    }

    /// Starts a commit of the increment of one entry alone.
    pub(super) fn start_increment(driver: &mut Driver, key: &str) -> Result<Step, Error> {
        let mut state = driver.shared.lock();
        driver.destroys = state.destroys;
        let base = state.live_base().cloned();
        let changes = state.take_increment(&driver.shared.sessions, key);
        let (Some(base), Some(changes)) = (base, changes) else {
            return Ok(Step::Done(SessionHeaders::default()));
        };
        state.resend_cookie(base.lifetime());
        drop(state);
        Self { base, changes, is_touch: false, sent: None }.ask(driver)
    }

    fn ask(mut self, driver: &Driver) -> Result<Step, Error> {
        match driver.shared.sessions.store().commit(&self.base, &self.changes).try_ready() {
            Ok(answer) => self.conclude(driver, answer),
            Err(answer) => {
                driver.show(|| match self.base.apply(&self.changes) {
                    // A login gets another session if this one has expired.
                    Err(Refusal::Gone) if self.changes.new_principal().is_some() => {
                        preview(driver, self.base.id(), &self.changes)
                    }
                    applied => Some(applied.unwrap_or_else(|_| self.base.clone())),
                });
                Ok(Step::Ask(Box::new(Question::Update(self, answer))))
            }
        }
    }

    pub(super) fn conclude(&mut self, driver: &Driver, answer: Answer<Result<Record, Refusal>>) -> Result<Step, Error> {
        let failure = match answer {
            Ok(Ok(record)) => return Ok(self.applied(driver, record)),
            Ok(Err(Refusal::Gone)) => return self.gone(driver),
            failure => failure,
        };
        // Hides the record that `ask` showed meanwhile. Only the commit that holds the turn shows
        // one.
        driver.rebase(Some(self.base.clone()));
        let call = if self.is_touch { StoreCall::Touch } else { StoreCall::Commit };
        match driver.shared.sessions.check_answer(call, failure) {
            Err(error) if self.is_touch => driver.skip_touch(error),
            Err(error) => Err(driver.fail(error, Some(self.changes.take()))),
            Ok(refused) => {
                driver.give_up(&self.changes);
                Err(match refused {
                    Err(Refusal::TooLarge) => Error::too_large(&driver.shared.sessions.config().limits),
                    _ => Error::new(ErrorKind::Conflict),
                })
            }
        }
    }

    fn applied(&mut self, driver: &Driver, record: Record) -> Step {
        let changes = &self.changes;
        let known = changes.new_secret().unwrap_or_else(|| changes.expected_secret());
        let mut state = driver.shared.lock();
        let is_sent = self.sent.as_ref().is_some_and(|sent| record.newest_secret() == sent.hash);
        state.follow(record, known, driver.is_watched());
        let cookie = if is_sent { self.take_cookie(&mut state) } else { None };
        let headers = driver.headers(&mut state, cookie);
        drop(state);
        if self.changes.new_secret().is_some() {
            driver.shared.raise(&Event::Renewed { id: self.base.id() });
        }
        driver.saved(self.base.id(), &mut self.changes, headers)
    }

    /// Returns the cookie of a token that is still the newest, unless the request has ended the
    /// session meanwhile.
    fn take_cookie(&mut self, state: &mut State) -> Option<SetCookie> {
        let (Sent { token, cookie, .. }, live) = (self.sent.take()?, state.live_mut()?);
        live.is_stale = false;
        if self.changes.new_secret().is_some() {
            // The other fields stay: the handler may have shifted the expiration meanwhile.
            live.replace_token(token);
        }
        Some(cookie)
    }

    /// Handles a session that ended during the request.
    ///
    /// A logout stays a logout. A login has proven who the visitor is, so it gets a new session.
    fn gone(&mut self, driver: &Driver) -> Result<Step, Error> {
        let mut state = driver.shared.lock();
        let signs_in = self.changes.new_principal().is_some() && !state.by_bearer();
        if signs_in && driver.is_wanted(&state) {
            state.lose_for_login();
            drop(state);
            return SignIn::start(driver, self.base.clone(), self.changes.take());
        }
        state.lose();
        drop(state);
        let changes = &self.changes;
        let changes_expiry = changes.head().is_some_and(|head| head.lifetime.is_some() || head.shifts);
        let wrote = changes.has_writes() || changes_expiry;
        if (wrote || changes.new_secret().is_some()) && !driver.drops_writes() {
            driver.shared.raise(&Event::Interrupted { id: self.base.id() });
            return Err(Error::new(ErrorKind::Gone));
        }
        Ok(Step::Done(driver.headers(&mut driver.shared.lock(), None)))
    }
}

/// Creates the client's next token, if the request asked for one or a rotation is due.
fn issue(driver: &Driver, state: &State, live: &Live, base: &Record) -> Result<Option<(Token, NewSecret)>, Error> {
    let entropy = driver.shared.sessions.config().entropy;
    let rotates = live.rotation_due && !live.is_replaced && driver.occasion != Occasion::Save;
    if !state.renewal && !rotates {
        return Ok(None);
    }
    let secret = match Secret::random(entropy) {
        // A request that only read does not fail because of its token.
        Err(_) if !state.renewal => return Ok(None),
        secret => secret?,
    };
    let hash = secret.hash(live.id());
    let secret_change = match state.renewal {
        true => NewSecret::Renewed(hash),
        // A rotation that began after the request loaded the session is left alone, however long
        // ago: the client may already have its secret.
        false => NewSecret::Rotating { hash, unless_since: base.rotating_since().unwrap_or(Timestamp::from_millis(0)) },
    };
    Ok(Some((Token::new(live.id(), secret), secret_change)))
}
