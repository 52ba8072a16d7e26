//! Commits by comparison: apply the changes to what was read, and replace it if it is still that.

use std::sync::Arc;
use std::time::Duration;

use sessions_store::{Changes, Record, Refusal, SessionId, StoreErrorKind, Timestamp};
use tokio::time::sleep;

use crate::engine::{Engine, Swap};
use crate::shared::{Shared, decode, nonce};
use crate::tries::{Deadline, Fault, chance};
use crate::writers::{Verdict, judge, sign};

/// The answer to one commit of a batch.
pub(crate) type Committed = Result<Result<Record, Refusal>, Fault>;

/// Rounds without a pause between them. Each round loses to one other writer.
const ROUNDS_IN_A_ROW: u32 = 3;

/// The answers to a batch, in its order, and the record afterwards if it is known.
pub(crate) struct Batch {
    pub(crate) answers: Vec<Committed>,
    pub(crate) record: Option<Record>,
}

/// What became of a swap.
enum Swapped {
    Done,
    /// The record is another one, and the swap was not done.
    Changed(Record),
    /// The record is another one, and whether the swap was done is unknown.
    Unknown(Record),
    Missing,
}

impl<E: Engine> Shared<E> {
    /// Commits changes to one session with one swap, in their order.
    ///
    /// `base` is a record that was read before. A refusal counts only if it rests on a record that
    /// was read now.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        id: SessionId,
        mut base: Option<Record>,
        all: &[&Changes],
        deadline: Deadline,
    ) -> Batch {
        let mut answers: Vec<Option<Committed>> = vec![None; all.len()];
        let mut is_fresh = false;
        let mut round = 0;
        loop {
            let before = match base.take() {
                Some(record) => record,
                None => match self.find(id, deadline).await {
                    Ok(Some(record)) => {
                        is_fresh = true;
                        record
                    }
                    Ok(None) => return complete(answers, &Ok(Err(Refusal::Gone))),
                    Err(fault) => return complete(answers, &Err(fault)),
                },
            };
            let applied = Applied::of(&before, all, &answers);
            if applied.refuses && !is_fresh {
                continue;
            }
            let Some(after) = &applied.after else { return applied.conclude(answers, before) };
            let swapped = self.replace(&before, after, now(all), deadline).await;
            base = match swapped {
                Ok((Swapped::Done, after)) => return applied.conclude(answers, after),
                Ok((Swapped::Missing, _)) => return complete(answers, &Ok(Err(Refusal::Gone))),
                Ok((Swapped::Changed(current), _)) => Some(current),
                Ok((Swapped::Unknown(current), _)) => {
                    let unknown = Err(Fault::of(StoreErrorKind::TimedOut));
                    let open =
                        answers.iter_mut().zip(all).filter(|(answer, changes)| answer.is_none() && !changes.is_touch());
                    open.for_each(|(answer, _)| *answer = Some(unknown.clone()));
                    if answers.iter().all(Option::is_some) {
                        return complete(answers, &unknown);
                    }
                    Some(current)
                }
                Err(fault) => return complete(answers, &Err(fault)),
            };
            is_fresh = true;
            round += 1;
            if round > ROUNDS_IN_A_ROW {
                let longest = Duration::from_micros(50 << round.min(6));
                sleep(longest.mul_f64(chance())).await;
                // What was read before the pause is old by now.
                base = None;
            }
        }
    }

    /// Replaces a record by its successor, and returns the successor as it was written.
    async fn replace(
        self: &Arc<Self>,
        before: &Record,
        after: &Record,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<(Swapped, Record), Fault> {
        let nonce = nonce()?;
        let after = sign(after, Some(before), self.writer, nonce);
        // A list may forget an entry at the session's deadline, so a later one is listed again.
        let end_of = |record: &Record| record.lifetime().absolute_deadline();
        let lives_longer = after.principal().is_some() && end_of(&after) > end_of(before);
        if E::LISTS_PRINCIPALS && (lives_longer || after.principal() != before.principal()) {
            self.outage.repeat(deadline, || self.engine.list(&after)).await.answer?;
        }
        let outcome = self.outage.repeat(deadline, || self.engine.swap(before, &after, now)).await;
        let swapped = match outcome.answer {
            Ok(Swap::Done) => Swapped::Done,
            // It may have been done before the session ended.
            Ok(Swap::Missing) if outcome.is_in_doubt => return Err(Fault::of(StoreErrorKind::TimedOut)),
            Ok(Swap::Missing) => Swapped::Missing,
            Ok(Swap::Changed(bytes)) => {
                let current = decode(after.id(), bytes)?;
                match judge(&current, before, self.writer, nonce) {
                    // Even if no answer was lost here: a client may have tried again by itself.
                    Verdict::Done => Swapped::Done,
                    Verdict::Unknown if outcome.is_in_doubt => Swapped::Unknown(current),
                    Verdict::Unknown | Verdict::NotDone => Swapped::Changed(current),
                }
            }
            Err(fault) => return Err(if outcome.is_in_doubt { fault.in_doubt() } else { fault }),
        };
        if matches!(swapped, Swapped::Done)
            && let Some(former) = before.principal()
            && after.principal() != Some(former)
        {
            self.unlist_later(former.to_owned(), after.id());
        }
        Ok((swapped, after))
    }
}

/// The effect of a batch on one record.
struct Applied {
    /// The record after all changes that apply. `None` if none does.
    after: Option<Record>,
    /// For each commit without an answer, whether the record refuses it.
    refusals: Vec<Option<Refusal>>,
    refuses: bool,
}

impl Applied {
    fn of(before: &Record, all: &[&Changes], answers: &[Option<Committed>]) -> Self {
        let mut applied = Self { after: None, refusals: Vec::with_capacity(all.len()), refuses: false };
        for (changes, answer) in all.iter().zip(answers) {
            let refusal = if answer.is_some() {
                None
            } else {
                match applied.after.as_ref().unwrap_or(before).apply(changes) {
                    Ok(after) => {
                        applied.after = Some(after);
                        None
                    }
                    Err(refusal) => Some(refusal),
                }
            };
            applied.refuses |= refusal.is_some();
            applied.refusals.push(refusal);
        }
        applied
    }

    /// Answers all commits: those that were not refused with the record as it is now.
    fn conclude(self, answers: Vec<Option<Committed>>, record: Record) -> Batch {
        let open = self.refusals.into_iter().map(|refusal| Ok(refusal.map_or_else(|| Ok(record.clone()), Err)));
        let answers = answers.into_iter().zip(open).map(|(answer, open)| answer.unwrap_or(open)).collect();
        Batch { answers, record: Some(record) }
    }
}

/// Answers all commits that have no answer yet.
fn complete(answers: Vec<Option<Committed>>, answer: &Committed) -> Batch {
    let answers = answers.into_iter().map(|own| own.unwrap_or_else(|| answer.clone())).collect();
    Batch { answers, record: None }
}

/// Returns the latest time of a batch.
fn now(all: &[&Changes]) -> Timestamp {
    all.iter().map(|changes| changes.now()).max().unwrap_or(Timestamp::from_millis(0))
}

#[cfg(test)]
mod tests {
    use sessions_store::SecretHash;

    use super::*;

    #[test]
    fn a_batch_is_committed_at_its_latest_time() {
        let at = |millis| Changes::new(Timestamp::from_millis(millis), SecretHash::from_bytes([1; 32]));
        assert_eq!(now(&[&at(3), &at(5), &at(4)]), Timestamp::from_millis(5));
    }
}
