//! Group commit: the commits of one session within a process share one swap.
//!
//! The first caller leads: it commits at once, and on its own. Commits that come meanwhile queue,
//! and are done together afterwards. Without the queue a busy session is ten times slower, since
//! only one of all swaps under way succeeds.

use std::sync::Arc;

use dashmap::Entry;
use sessions_store::{Changes, Record, SessionId, StoreErrorKind};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::commits::Committed;
use crate::engine::Engine;
use crate::shared::Shared;
use crate::tries::Fault;

/// How many deadlines a commit that waits for its turn may take: that of the leader, that of the
/// commits before it, and its own. It takes longer if a caller holds the leader's future without
/// polling it.
const DEADLINES: u32 = 3;

/// A commit that waits for its turn.
pub(crate) struct Job {
    changes: Changes,
    answer: oneshot::Sender<Committed>,
}

/// The turn of a session. Dropped, even half-way, it is passed on.
struct Turn<E: Engine> {
    shared: Arc<Shared<E>>,
    id: SessionId,
    /// The record after the last commit, if it is known.
    record: Option<Record>,
    state: TurnState,
}

/// Who has a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TurnState {
    /// A caller, who may be dropped at any await.
    Caller,
    /// A task of the store's own runtime, which is dropped at the runtime's end.
    Task,
    /// Nobody any more.
    Over,
}

impl<E: Engine> Shared<E> {
    /// Commits changes, alone or together with those of others.
    pub(crate) async fn commit_in_turn(self: Arc<Self>, base: Record, changes: Changes) -> Committed {
        let id = base.id();
        let deadline = self.commit_deadline();
        let waiting = match self.queues.entry(id) {
            Entry::Occupied(mut queue) => {
                let (answer, waiting) = oneshot::channel();
                queue.get_mut().push(Job { changes: changes.clone(), answer });
                Some(waiting)
            }
            Entry::Vacant(queue) => {
                queue.insert(Vec::new());
                None
            }
        };
        if let Some(waiting) = waiting {
            let longest = self.options.commit_deadline.saturating_mul(DEADLINES);
            let answer = timeout(longest, waiting).await.ok().and_then(Result::ok);
            return answer.unwrap_or_else(|| Err(Fault::of(StoreErrorKind::TimedOut)));
        }
        let mut turn = Turn { shared: self, id, record: None, state: TurnState::Caller };
        let batch = turn.shared.commit(id, Some(base), &[&changes], deadline).await;
        turn.record = batch.record;
        drop(turn);
        batch.answers.into_iter().next().unwrap_or_else(|| Err(Fault::of(StoreErrorKind::TimedOut)))
    }
}

impl<E: Engine> Turn<E> {
    /// Ends the turn if nobody waits for it. Returns whether it has ended.
    fn try_end(&mut self) -> bool {
        if self.shared.queues.remove_if(&self.id, |_, waiting| waiting.is_empty()).is_some() {
            self.state = TurnState::Over;
        }
        self.state == TurnState::Over
    }

    /// Hands the turn to a task of the store's runtime, if anybody waits.
    fn pass_on(&mut self) {
        if !self.try_end() {
            let (shared, id, record) = (Arc::clone(&self.shared), self.id, self.record.take());
            let turn = Self { shared, id, record, state: TurnState::Task };
            self.shared.background.handle().spawn(turn.run());
        }
    }

    /// Commits what has queued up, until nothing has.
    async fn run(mut self) {
        while !self.try_end() {
            let jobs = self.shared.queues.get_mut(&self.id).map(|mut queue| std::mem::take(&mut *queue));
            // A caller that no longer waits has dropped its commit before it began, so it is not
            // done.
            let jobs: Vec<Job> = jobs.unwrap_or_default().into_iter().filter(|job| !job.answer.is_closed()).collect();
            if jobs.is_empty() {
                continue;
            }
            let all: Vec<&Changes> = jobs.iter().map(|job| &job.changes).collect();
            let deadline = self.shared.commit_deadline();
            let batch = self.shared.commit(self.id, self.record.take(), &all, deadline).await;
            self.record = batch.record;
            for (job, answer) in jobs.into_iter().zip(batch.answers) {
                let _ = job.answer.send(answer);
            }
        }
    }
}

impl<E: Engine> Drop for Turn<E> {
    fn drop(&mut self) {
        match self.state {
            TurnState::Over => {}
            TurnState::Caller => self.pass_on(),
            // Those who wait are told that their commits are not known to be done.
            TurnState::Task => drop(self.shared.queues.remove(&self.id)),
        }
    }
}
