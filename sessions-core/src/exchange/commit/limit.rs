//! How many sessions a principal may have, checked after each login.

use std::cmp::Reverse;

use sessions_store::{Record, SessionId, StoreFuture};

use super::driver::{Answer, Driver, Question, Step};
use crate::error::{Error, ErrorKind};
use crate::exchange::response::SessionHeaders;
use crate::manager::{DestroyReason, Event, LimitPolicy, Sessions, StoreCall};

/// Checks the limit after a login was committed, which has ended with these headers.
pub(super) fn start(driver: &Driver, id: SessionId, principal: &str, headers: SessionHeaders) -> Step {
    let sessions = &driver.shared.sessions;
    let Some(most) = sessions.config().sessions_per_principal else { return Step::Done(headers) };
    let store = sessions.store();
    let count = match sessions.config().limit_policy {
        // Another login's check may have ended this session, which a count would not show.
        LimitPolicy::RefuseLogin => None,
        LimitPolicy::EndOldest => match store.count_of_principal(principal, sessions.now()).try_ready() {
            Ok(Ok(count)) if count <= most as u64 => return Step::Done(headers),
            Ok(answer) => Some(StoreFuture::ready(answer)),
            Err(later) => Some(later),
        },
    };
    let accepted = StoreFuture::new(enforce(sessions.clone(), most, id, principal.into(), count));
    Step::Ask(Box::new(Question::Limit(headers, accepted)))
}

/// Ends the commit of a login that was accepted or refused.
///
/// If the store fails, the login stands: the principal's next login checks again.
pub(super) fn conclude(driver: &Driver, headers: &mut SessionHeaders, accepted: Answer<bool>) -> Result<Step, Error> {
    if let Ok(false) = driver.shared.sessions.check_answer(StoreCall::Limit, accepted) {
        let mut state = driver.shared.lock();
        // A later destroy has ended the login, refused or not.
        if driver.is_wanted(&state) {
            state.lose();
            return Err(Error::new(ErrorKind::TooManySessions));
        }
    }
    Ok(Step::Done(std::mem::take(headers)))
}

/// Ends the sessions beyond the limit, if any, and returns whether the login is accepted.
async fn enforce(
    sessions: Sessions,
    most: usize,
    own: SessionId,
    principal: Box<str>,
    count: Option<StoreFuture<u64>>,
) -> Answer<bool> {
    if let Some(count) = count
        && count.await? <= most as u64
    {
        return Ok(true);
    }
    let records = sessions.store().of_principal(&principal, sessions.now()).await?;
    let policy = sessions.config().limit_policy;
    let mut is_refused = policy == LimitPolicy::RefuseLogin && records.iter().all(|record| record.id() != own);
    for id in choose(records, most, policy) {
        let existed = match sessions.store().destroy(id).await {
            // The login has ended already, so it cannot stand.
            answer if is_refused => sessions.check_answer(StoreCall::Limit, answer).unwrap_or(false),
            answer => answer?,
        };
        is_refused |= id == own && policy == LimitPolicy::RefuseLogin;
        if existed {
            sessions.raise(&Event::Destroyed { id, reason: DestroyReason::SessionLimit });
        }
    }
    Ok(!is_refused)
}

/// Returns the sessions to end.
///
/// Concurrent logins that see the same sessions choose the same ones. They leave as many as are
/// allowed, and no two end each other.
fn choose(mut records: Vec<Record>, most: usize, policy: LimitPolicy) -> Vec<SessionId> {
    let age = |record: &Record| (record.signed_in_at().unwrap_or_else(|| record.created()), record.id());
    match policy {
        LimitPolicy::EndOldest => records.sort_unstable_by_key(age),
        LimitPolicy::RefuseLogin => records.sort_unstable_by_key(|record| Reverse(age(record))),
    }
    let excess = records.len().saturating_sub(most);
    records.iter().take(excess).map(Record::id).collect()
}

#[cfg(test)]
mod tests {
    use sessions_store::{SecretHash, Timestamp};

    use super::*;

    fn id(number: u8) -> SessionId {
        SessionId::from_bytes([number; 16])
    }

    /// Returns the record of a login at `millis`, or at an unknown time.
    fn login(number: u8, millis: Option<u64>) -> Record {
        let created = Timestamp::from_millis(30);
        Record::builder(id(number), SecretHash::from_bytes([0; 32]), created)
            .principal(Some("ann"))
            .signed_in_at(millis.map(Timestamp::from_millis))
            .build()
            .unwrap()
    }

    #[test]
    fn oldest_logins_end_and_newest_are_refused() {
        let five =
            || vec![login(5, Some(50)), login(1, Some(10)), login(4, Some(40)), login(2, Some(20)), login(3, None)];
        let (end, refuse) = (LimitPolicy::EndOldest, LimitPolicy::RefuseLogin);
        let table: [(&str, usize, LimitPolicy, &[u8]); 5] = [
            ("as many as are allowed", 5, end, &[]),
            ("two too many", 3, end, &[1, 2]),
            ("one session per principal", 1, end, &[1, 2, 3, 4]),
            ("one login too many", 4, refuse, &[5]),
            ("two logins too many", 3, refuse, &[5, 4]),
        ];
        for (name, most, policy, ended) in table {
            let ended: Vec<_> = ended.iter().copied().map(id).collect();
            assert_eq!(choose(five(), most, policy), ended, "{name}");
        }
    }
}
