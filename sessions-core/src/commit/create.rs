//! Storing a new session.

use super::{Ending, Progress, Waiting};
use crate::changes::Changes;
use crate::error::{Error, ErrorKind, StoreError};
use crate::event::{DestroyReason, Event, StoreCall};
use crate::record::Record;
use crate::state::{Live, State};
use crate::store::Created;
use crate::token::{Secret, SecretHash};

/// Is how many ids are tried before the generator is said to repeat itself.
const ID_ATTEMPTS: u32 = 4;

pub(super) struct Create {
    changes: Changes,
    live: Live,
    record: Record,
    attempts: u32,
}

/// Takes a request's writes as the first of a new record, which has no secret to expect.
pub(super) fn first_changes(ending: &Ending, state: &mut State) -> Changes {
    state.renewal = false;
    state.take_changes(ending.inner.sessions.now(), SecretHash::from_bytes([0; 32]), None)
}

impl Create {
    pub(super) fn start(ending: &Ending, changes: Changes, attempts: u32) -> Result<Progress, Error> {
        let sessions = &ending.inner.sessions;
        let config = sessions.config();
        let now = changes.now();
        let live = match &config.id_generator {
            Some(generate) => Live::new(generate(), Secret::random(&config.entropy, now)?),
            None => {
                let (id, secret) = Secret::random_with_id(&config.entropy, now)?;
                Live::new(id, secret)
            }
        };
        let record = Record::builder(live.token.id(), live.hash, now)
            .idle(changes.new_idle().or(config.expiry.idle_limit()))
            .absolute_deadline(config.expiry.absolute_deadline(now))
            .principal(changes.new_principal())
            .build_with(&changes)
            .map_err(|error| Error::with_source(ErrorKind::TooLarge, error))?;
        let answer = sessions.store().create(&record);
        let mut create = Self { changes, live, record, attempts };
        match answer.into_ready() {
            Ok(answer) => create.conclude(ending, answer),
            Err(answer) => Ok(Progress::Waiting(Box::new(Waiting::Create(create, answer)))),
        }
    }

    pub(super) fn conclude(&mut self, ending: &Ending, answer: Result<Created, StoreError>) -> Result<Progress, Error> {
        match answer {
            Ok(Created::Stored { evicted }) => self.stored(ending, &evicted),
            Ok(Created::Exists) if self.attempts < ID_ATTEMPTS => {
                Self::start(ending, self.changes.take(), self.attempts + 1)
            }
            Ok(Created::Exists) => Err(Error::new(ErrorKind::IdsExhausted)),
            Ok(Created::Full) => Err(Error::new(ErrorKind::StoreFull)),
            Err(error) => Err(ending.store_failed(StoreCall::Create, error, Some(self.changes.take()))),
        }
    }

    fn stored(&self, ending: &Ending, evicted: &[crate::SessionId]) -> Result<Progress, Error> {
        let Self { changes, live, record, .. } = self;
        let id = record.id();
        let cookie = ending.inner.sessions.token_cookie(&live.token, record.expires_at(), changes.now())?;
        let mut state = ending.inner.lock();
        if ending.is_watched() {
            state.created(live.clone(), record.clone());
        }
        let attach = ending.finish(&mut state, Some(cookie));
        drop(state);
        ending.inner.raise(Event::Created { id });
        for id in evicted {
            ending.inner.raise(Event::Destroyed { id: *id, reason: DestroyReason::Evicted });
        }
        Ok(Progress::done(attach))
    }
}
