//! Storing a new session.

use parking_lot::MutexGuard;
use sessions_store::{Changes, Created, Lifetime, Record, Refusal, SecretHash, SessionId, StoreError, StoreErrorKind};

use super::driver::{Answer, Driver, Question, Step};
use crate::cookie::{Secret, SetCookie, Transport};
use crate::error::{Error, ErrorKind};
use crate::exchange::state::{Live, State};
use crate::manager::{DestroyReason, Event, StoreCall};

/// Number of ids to try.
const ID_ATTEMPTS: u32 = 4;

/// A hash for places where no secret is checked.
const UNUSED: SecretHash = SecretHash::from_bytes([0; 32]);

/// A new session on its way to the store.
pub(crate) struct Create {
    changes: Changes,
    live: Live,
    record: Record,
    /// The cookie with the token.
    ///
    /// Built before the store is called: no session is stored whose token cannot be sent.
    cookie: Option<SetCookie>,
    attempts: u32,
}

/// Takes a request's writes out for a new record, which has no secret to check. Releases the lock.
pub(super) fn first_changes(driver: &Driver, mut state: MutexGuard<'_, State>) -> Changes {
    state.take_writes(&driver.shared.sessions, UNUSED, None)
}

impl Create {
    pub(super) fn start(driver: &Driver, changes: Changes, attempts: u32) -> Result<Step, Error> {
        match make(driver, &changes) {
            Ok((live, record, cookie)) => Self { changes, live, record, cookie: Some(cookie), attempts }.ask(driver),
            Err(error) => Err(driver.fail(error, Some(changes))),
        }
    }

    fn ask(mut self, driver: &Driver) -> Result<Step, Error> {
        match driver.shared.sessions.store().create(&self.record).try_ready() {
            Ok(answer) => self.conclude(driver, answer),
            Err(answer) => {
                driver.show(|| Some(self.record.clone()));
                Ok(Step::Ask(Box::new(Question::Create(self, answer))))
            }
        }
    }

    pub(super) fn conclude(&mut self, driver: &Driver, answer: Answer<Created>) -> Result<Step, Error> {
        if let Ok(Created::Stored { evicted, .. }) = answer {
            return Ok(self.stored(driver, &evicted));
        }
        // Hides the record that `ask` showed meanwhile. Only the commit that holds the turn shows
        // one.
        driver.rebase(None);
        let changes = self.changes.take();
        let sessions = &driver.shared.sessions;
        let error = match answer {
            Ok(Created::Exists | Created::Unanswered) if self.attempts < ID_ATTEMPTS => {
                return Self::start(driver, changes, self.attempts + 1);
            }
            Ok(Created::Exists) => Error::new(ErrorKind::IdsExhausted),
            Ok(Created::Full) => Error::new(ErrorKind::StoreFull),
            answer => {
                let lost = || StoreError::new(sessions.store().name(), StoreErrorKind::TimedOut);
                sessions.store_failed(StoreCall::Create, answer.err().unwrap_or_else(lost))
            }
        };
        Err(driver.fail(error, Some(changes)))
    }

    fn stored(&mut self, driver: &Driver, evicted: &[SessionId]) -> Step {
        let id = self.record.id();
        let mut state = driver.shared.lock();
        let is_wanted = driver.is_wanted(&state);
        if is_wanted && driver.is_watched() {
            state.adopt(self.live.clone(), self.record.clone());
        }
        let headers = driver.headers(&mut state, self.cookie.take().filter(|_| is_wanted));
        if !is_wanted {
            state.doom(id);
        }
        let by_plain_http = state.transport == Transport::NoneByPlainHttp;
        drop(state);
        if by_plain_http {
            driver.shared.sessions.warn_of_plain_http();
        }
        driver.shared.raise(&Event::Created { id });
        for id in evicted {
            driver.shared.raise(&Event::Destroyed { id: *id, reason: DestroyReason::Evicted });
        }
        driver.saved(id, &mut self.changes, headers)
    }
}

/// Creates the token, record and cookie of a new session.
fn make(driver: &Driver, changes: &Changes) -> Result<(Live, Record, SetCookie), Error> {
    let sessions = &driver.shared.sessions;
    let config = sessions.config();
    let now = changes.now();
    let (id, secret) = match &config.id_generator {
        Some(generate) => (generate(), Secret::random(config.entropy)?),
        None => Secret::random_with_id(config.entropy)?,
    };
    let live = Live::new(id, secret);
    let lifetime = lifetime_of(driver, changes);
    let record = first_record(live.id(), live.hash(), lifetime, changes)
        .map_err(|error| Error::with_source(ErrorKind::TooLarge, error))?;
    if !config.limits.admit(None, &record) {
        return Err(Error::too_large(&config.limits));
    }
    let cookie = sessions.token_cookie(&live.token, lifetime, now)?;
    Ok((live, record, cookie))
}

/// Returns a record of the session that `changes` will begin, to be shown while an earlier store
/// operation is pending.
///
/// It must show the principal, so that a login of another principal drops what was written for this
/// one.
pub(super) fn preview(driver: &Driver, id: SessionId, changes: &Changes) -> Option<Record> {
    first_record(id, UNUSED, lifetime_of(driver, changes), changes).ok()
}

fn lifetime_of(driver: &Driver, changes: &Changes) -> Lifetime {
    changes.new_lifetime().unwrap_or_else(|| driver.shared.sessions.config().expiry.lifetime(changes.now()))
}

/// Builds the record of a new session.
// Inlined: a call would cost each login 36 instructions.
#[inline(always)]
fn first_record(id: SessionId, hash: SecretHash, lifetime: Lifetime, changes: &Changes) -> Result<Record, Refusal> {
    Record::builder(id, hash, changes.now())
        .lifetime(lifetime)
        .principal(changes.new_principal())
        .signed_in_at(changes.new_principal().map(|_| changes.now()))
        .build_with(changes)
}
