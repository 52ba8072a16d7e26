//! Ending sessions, and storing a successor if the request began one.

use parking_lot::MutexGuard;
use sessions_store::{Changes, SessionId};

use super::create::{Create, first_changes, preview};
use super::driver::{Answer, Driver, Occasion, Question, Step};
use crate::error::{Error, ErrorKind};
use crate::exchange::outcome::{Blocked, Outcome};
use crate::exchange::state::State;
use crate::manager::{DestroyReason, Event, StoreCall};

/// The destruction of a request's sessions, one at a time.
pub(crate) struct Destroy {
    id: SessionId,
    /// The sessions to destroy next, usually none.
    others: Vec<SessionId>,
    /// The writes that followed the destroy, which begin a new session.
    successor: Option<Changes>,
    /// Why the writes that followed the destroy are refused, if they are.
    refusal: Option<Error>,
}

impl Destroy {
    pub(super) fn start(driver: &Driver, state: MutexGuard<'_, State>, outcome: Outcome) -> Result<Step, Error> {
        let [others @ .., id] = state.doomed() else { return Err(Error::new(ErrorKind::NoSession)) };
        let (id, others) = (*id, others.to_vec());
        let refusal = match outcome {
            Outcome::DestroyOnly if state.by_bearer() => Some(Blocked::NoSuchBearer.error()),
            Outcome::DestroyOnly if driver.occasion == Occasion::Save => Some(Error::new(ErrorKind::NoSession)),
            _ => None,
        };
        let successor = (outcome == Outcome::Replace).then(move || first_changes(driver, state));
        Self { id, others, successor, refusal }.ask(driver)
    }

    fn ask(mut self, driver: &Driver) -> Result<Step, Error> {
        match driver.shared.sessions.store().destroy(self.id).try_ready() {
            Ok(answer) => self.conclude(driver, answer),
            Err(answer) => {
                if let Some(changes) = &self.successor {
                    driver.show(|| preview(driver, self.id, changes));
                }
                Ok(Step::Ask(Box::new(Question::Destroy(self, answer))))
            }
        }
    }

    pub(super) fn conclude(&mut self, driver: &Driver, answer: Answer<bool>) -> Result<Step, Error> {
        if self.successor.is_some() {
            driver.rebase(None);
        }
        // After a failure the session may still be live: the logout must not be reported as done.
        let existed = driver.shared.sessions.check_answer(StoreCall::Destroy, answer);
        if existed.map_err(|error| driver.fail(error, self.successor.take()))? {
            driver.shared.raise(&Event::Destroyed { id: self.id, reason: DestroyReason::Logout });
        }
        driver.shared.lock().record_destroyed(self.id);
        let (successor, refusal) = (self.successor.take(), self.refusal.take());
        if let Some(id) = self.others.pop() {
            return Self { id, others: std::mem::take(&mut self.others), successor, refusal }.ask(driver);
        }
        let is_wanted = driver.is_wanted(&driver.shared.lock());
        match (successor, refusal) {
            (Some(changes), _) if is_wanted => Create::start(driver, changes, 1),
            (None, Some(error)) if is_wanted => Err(error),
            _ => driver.ended(),
        }
    }
}
