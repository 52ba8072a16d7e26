//! Storing a new session.

use super::{Before, Ending, Progress, Waiting};
use crate::cookie::SetCookie;
use crate::cookie::{Secret, SecretHash};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::state::{Live, State};
use crate::manager::{DestroyReason, Event, StoreCall};
use crate::record::Changes;
use crate::record::Record;
use crate::store::Created;

/// Is how many ids are tried before the generator is said to repeat itself.
const ID_ATTEMPTS: u32 = 4;

pub(crate) struct Create {
    changes: Changes,
    live: Live,
    record: Record,
    /// Formed first: a session whose token cannot be told to the client is not stored.
    cookie: Option<SetCookie>,
    attempts: u32,
    /// The handle shows the record already.
    shown: Option<Before>,
}

/// Takes a request's writes as the first of a new record, which has no secret to expect.
pub(super) fn first_changes(ending: &Ending, state: &mut State) -> Changes {
    state.renewal = false;
    let sessions = &ending.inner.sessions;
    state.take_changes(sessions.now(), SecretHash::from_bytes([0; 32]), None, sessions.config().limits)
}

impl Create {
    pub(super) fn start(ending: &Ending, changes: Changes, attempts: u32) -> Result<Progress, Error> {
        match Self::prepare(ending, &changes) {
            Ok((live, record, cookie)) => {
                Self { changes, live, record, cookie: Some(cookie), attempts, shown: None }.ask(ending)
            }
            Err(error) => {
                ending.give_back(changes);
                Err(error)
            }
        }
    }

    /// Makes all that the session consists of.
    fn prepare(ending: &Ending, changes: &Changes) -> Result<(Live, Record, SetCookie), Error> {
        let sessions = &ending.inner.sessions;
        let config = sessions.config();
        let now = changes.now();
        let live = match &config.id_generator {
            Some(generate) => Live::new(generate(), Secret::random(&*config.entropy)?),
            None => {
                let (id, secret) = Secret::random_with_id(&*config.entropy)?;
                Live::new(id, secret)
            }
        };
        let record = Record::builder(live.token.id(), live.hash, now)
            .idle(changes.new_idle().or(config.expiry.idle_limit()))
            .absolute_deadline(config.expiry.absolute_deadline(now))
            .principal(changes.new_principal())
            .build_with(changes)
            .map_err(|error| Error::with_source(ErrorKind::TooLarge, error))?;
        if !config.limits.admit_new(&record) {
            return Err(Error::new(ErrorKind::TooLarge));
        }
        let cookie = sessions.token_cookie(&live.token, record.expires_at(), now)?;
        Ok((live, record, cookie))
    }

    fn ask(mut self, ending: &Ending) -> Result<Progress, Error> {
        match ending.inner.sessions.store().create(&self.record).into_ready() {
            Ok(answer) => self.conclude(ending, answer),
            Err(answer) => {
                if ending.is_watched() {
                    ending.inner.lock().show_newcomer(self.record.clone());
                    self.shown = Some(Before(None));
                }
                Ok(Progress::Waiting(ending.pending(Waiting::Create(self, answer))))
            }
        }
    }

    pub(super) fn conclude(&mut self, ending: &Ending, answer: Result<Created, StoreError>) -> Result<Progress, Error> {
        match answer {
            Ok(Created::Stored { evicted }) => Ok(self.stored(ending, &evicted)),
            Ok(Created::Exists) if self.attempts < ID_ATTEMPTS => {
                ending.hide(self.shown.take());
                Self::start(ending, self.changes.take(), self.attempts + 1)
            }
            Ok(Created::Exists) => Err(self.refused(ending, ErrorKind::IdsExhausted)),
            Ok(Created::Full) => Err(self.refused(ending, ErrorKind::StoreFull)),
            Err(error) => {
                ending.hide(self.shown.take());
                Err(ending.store_failed(StoreCall::Create, error, Some(self.changes.take())))
            }
        }
    }

    fn refused(&mut self, ending: &Ending, kind: ErrorKind) -> Error {
        ending.hide(self.shown.take());
        ending.give_back(self.changes.take());
        Error::new(kind)
    }

    fn stored(&mut self, ending: &Ending, evicted: &[crate::SessionId]) -> Progress {
        let id = self.record.id();
        let mut state = ending.inner.lock();
        let is_wanted = !ending.is_watched() || state.created(self.live.clone(), self.record.clone());
        let attach = ending.finish(&mut state, self.cookie.take().filter(|_| is_wanted));
        let by_plain_http = state.by_plain_http;
        drop(state);
        if by_plain_http {
            ending.inner.sessions.warn_of_plain_http();
        }
        ending.inner.raise(&Event::Created { id });
        for id in evicted {
            ending.inner.raise(&Event::Destroyed { id: *id, reason: DestroyReason::Evicted });
        }
        Progress::done(attach)
    }
}
