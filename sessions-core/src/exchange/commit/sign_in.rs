//! A login whose session ended or was renewed while the request was under way.

use sessions_store::{Changes, Record};

use super::create::{Create, preview};
use super::driver::{Answer, Driver, Question, Step};
use crate::error::Error;
use crate::manager::StoreCall;

/// A login on its way to a session of its own.
pub(crate) struct SignIn {
    /// The record that the request loaded.
    base: Record,
    changes: Changes,
}

impl SignIn {
    /// Loads the session again, to find out whether it ended or was renewed.
    pub(super) fn start(driver: &Driver, base: Record, changes: Changes) -> Result<Step, Error> {
        let now = changes.now();
        let mut sign_in = Self { base, changes };
        match driver.shared.sessions.store().load(sign_in.base.id(), now).try_ready() {
            Ok(answer) => sign_in.conclude(driver, answer),
            Err(answer) => {
                driver.show(|| preview(driver, sign_in.base.id(), &sign_in.changes));
                Ok(Step::Ask(Box::new(Question::SignIn(sign_in, answer))))
            }
        }
    }

    /// Creates the new session with this request's writes. If another login of the same principal
    /// has renewed the old session, its entries are copied.
    ///
    /// A login form that is sent twice therefore keeps the cart, whichever response arrives last.
    /// The login does not fail if the old session cannot be loaded.
    pub(super) fn conclude(&mut self, driver: &Driver, answer: Answer<Option<Record>>) -> Result<Step, Error> {
        let now = self.changes.now();
        let grace = driver.shared.sessions.config().renewal_grace;
        driver.rebase(None);
        let mut changes = self.changes.take();
        let current = driver.shared.sessions.check_answer(StoreCall::Load, answer);
        let overtaken = current.ok().flatten().filter(|record| {
            let is_theirs = record.principal().is_some() && record.principal() == changes.new_principal();
            is_theirs && record.is_live(now) && record.supersedes(&self.base.secret_hash(), now, grace)
        });
        if let Some(record) = overtaken {
            changes.copy_entries(&record);
        }
        Create::start(driver, changes, 1)
    }
}
