//! A store that answers late or fails when a schedule says so, and reports what it did.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use sessions_core::Clock;
use sessions_core::testing::ManualClock;
use sessions_store::{
    Changes, Created, Cursor, MemoryStore, Page, Record, Refusal, SessionId, Store, StoreError, StoreErrorKind,
    StoreFuture, Timestamp,
};

use super::ledger::{Ledger, NUMBER, integer, sum_of};

/// A store in memory whose answers a schedule delays and loses.
#[derive(Clone)]
pub(super) struct WatchedStore(Arc<Watched>);

struct Watched {
    memory: MemoryStore,
    clock: Arc<ManualClock>,
    ledger: Mutex<Ledger>,
    mood: Mutex<Mood>,
}

/// How the store treats the calls to come.
#[derive(Clone, Copy, Default)]
pub(super) struct Mood {
    pub(super) pace: Pace,
    /// How the next call that writes fails.
    pub(super) failure: Option<Failure>,
    /// The next load fails.
    pub(super) fails_load: bool,
}

impl Mood {
    /// Lets no more calls fail.
    pub(super) const fn recover(&mut self) {
        (self.failure, self.fails_load) = (None, false);
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pace {
    #[default]
    Prompt,
    /// Does the work at once and answers at the second poll.
    LateAnswer,
    /// Does the work at the second poll.
    LateWork,
    /// Answers a commit with the record as it is by then, like a store with one write for several.
    Batched,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Before,
    /// The answer is lost.
    After,
}

impl WatchedStore {
    pub(super) fn new(clock: Arc<ManualClock>) -> Self {
        let (memory, ledger, mood) = Default::default();
        Self(Arc::new(Watched { memory, clock, ledger, mood }))
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().expect("a failed check ends the run")
    }

    pub(super) fn mood(&self) -> MutexGuard<'_, Mood> {
        self.0.mood.lock().expect("a failed check ends the run")
    }

    /// Returns a live record as it is stored, whatever the mood.
    pub(super) fn look(&self, id: SessionId) -> Option<Record> {
        let time = self.0.clock.now();
        let loaded = now(self.0.memory.load(id, time)).expect("a store in memory does not fail");
        loaded.filter(|record| record.is_live(time))
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Self, bool) -> Answer<T> + Send + 'static) -> StoreFuture<T> {
        let failure = self.mood().failure.take();
        self.pace(move |store| match failure {
            Some(Failure::Before) => Err(StoreError::new("watched", StoreErrorKind::Unavailable)),
            Some(Failure::After) => {
                let _ = work(store, true)?;
                Err(StoreError::new("watched", StoreErrorKind::TimedOut))
            }
            None => work(store, false),
        })
    }

    fn read<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> Answer<T> + Send + 'static) -> StoreFuture<T> {
        if std::mem::take(&mut self.mood().fails_load) {
            return self.pace(|_| Err(StoreError::new("watched", StoreErrorKind::Unavailable)));
        }
        self.pace(work)
    }

    fn pace<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> Answer<T> + Send + 'static) -> StoreFuture<T> {
        let pace = self.mood().pace;
        match pace {
            Pace::Prompt => StoreFuture::ready(work(self)),
            Pace::LateAnswer | Pace::Batched => {
                let answer = work(self);
                StoreFuture::new(async move {
                    pause().await;
                    answer
                })
            }
            Pace::LateWork => {
                let store = self.clone();
                StoreFuture::new(async move {
                    pause().await;
                    work(&store)
                })
            }
        }
    }
}

type Answer<T> = Result<T, StoreError>;

/// Waits for the second poll, and wakes the task for it.
async fn pause() {
    let mut has_waited = false;
    std::future::poll_fn(move |context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Returns the answer of the store in memory.
fn now<T: Send + 'static>(answer: StoreFuture<T>) -> Answer<T> {
    answer.try_ready().expect("a store in memory answers at once")
}

impl Store for WatchedStore {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn load(&self, id: SessionId, time: Timestamp) -> StoreFuture<Option<Record>> {
        self.read(move |store| now(store.0.memory.load(id, time)))
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        let record = record.clone();
        self.write(move |store, is_lost| {
            let created = now(store.0.memory.create(&record))?;
            store.ledger().created(&record);
            if is_lost {
                store.ledger().lost_answer(record.entry(NUMBER).map_or(0, |entry| integer(entry.value())));
            }
            Ok(created)
        })
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        let (base, changes) = (base.clone(), changes.clone());
        let (id, is_batched) = (base.id(), self.mood().pace == Pace::Batched);
        let answer = self.write(move |store, is_lost| {
            let answer = now(store.0.memory.commit(&base, &changes))?;
            if let Ok(record) = &answer {
                store.ledger().committed(&changes, record);
                if is_lost {
                    store.ledger().lost_answer(sum_of(&changes));
                }
            }
            Ok(answer)
        });
        if !is_batched {
            return answer;
        }
        let store = self.clone();
        StoreFuture::new(async move {
            let answer = answer.await?;
            Ok(answer.map(|record| store.look(id).unwrap_or(record)))
        })
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.write(move |store, _| {
            store.ledger().destroyed();
            now(store.0.memory.destroy(id))
        })
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        self.write(move |store, _| {
            store.ledger().destroyed();
            now(store.0.memory.destroy_all())
        })
    }

    fn of_principal(&self, principal: &str, time: Timestamp) -> StoreFuture<Vec<Record>> {
        let principal = principal.to_owned();
        self.read(move |store| now(store.0.memory.of_principal(&principal, time)))
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        let principal = principal.to_owned();
        self.write(move |store, _| {
            store.ledger().destroyed();
            now(store.0.memory.destroy_of_principal(&principal, except))
        })
    }

    fn count(&self) -> StoreFuture<u64> {
        self.read(move |store| now(store.0.memory.count()))
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, time: Timestamp) -> StoreFuture<Page> {
        self.read(move |store| now(store.0.memory.scan(from, limit, time)))
    }

    fn sweep(&self, limit: usize, time: Timestamp) -> StoreFuture<Vec<SessionId>> {
        self.write(move |store, _| now(store.0.memory.sweep(limit, time)))
    }
}

impl fmt::Debug for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedStore").finish_non_exhaustive()
    }
}
