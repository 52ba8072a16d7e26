//! Stores around a store, for tests of failures, delays and numbers of calls.

mod counting;
mod failing;
mod gate;
mod slow;

use std::fmt;

pub use counting::CountingStore;
pub use failing::{FailingStore, Failure};
pub use gate::Gate;
pub use slow::SlowStore;

/// A call of [`Store`](sessions_store::Store).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the call of the same name")]
pub enum Verb {
    Load,
    Create,
    Commit,
    Destroy,
    DestroyAll,
    OfPrincipal,
    CountOfPrincipal,
    DestroyOfPrincipal,
    Count,
    Scan,
    Sweep,
}

impl Verb {
    /// All calls.
    pub const ALL: [Self; 11] = [
        Self::Load,
        Self::Create,
        Self::Commit,
        Self::Destroy,
        Self::DestroyAll,
        Self::OfPrincipal,
        Self::CountOfPrincipal,
        Self::DestroyOfPrincipal,
        Self::Count,
        Self::Scan,
        Self::Sweep,
    ];

    /// Returns the name of the call.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Create => "create",
            Self::Commit => "commit",
            Self::Destroy => "destroy",
            Self::DestroyAll => "destroy_all",
            Self::OfPrincipal => "of_principal",
            Self::CountOfPrincipal => "count_of_principal",
            Self::DestroyOfPrincipal => "destroy_of_principal",
            Self::Count => "count",
            Self::Scan => "scan",
            Self::Sweep => "sweep",
        }
    }
}

impl fmt::Debug for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Implements `Store` with the method `around`, which gets each call as a function of the inner
/// store.
macro_rules! implement_store {
    ($store:ident) => {
        impl<S: sessions_store::Store> sessions_store::Store for $store<S> {
            fn name(&self) -> &'static str {
                self.inner().name()
            }

            fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
                self.around(Verb::Load, move |inner| inner.load(id, now))
            }

            fn create(&self, record: &Record) -> StoreFuture<Created> {
                let record = record.clone();
                self.around(Verb::Create, move |inner| inner.create(&record))
            }

            fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
                let (base, changes) = (base.clone(), changes.clone());
                self.around(Verb::Commit, move |inner| inner.commit(&base, &changes))
            }

            fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
                self.around(Verb::Destroy, move |inner| inner.destroy(id))
            }

            fn destroy_all(&self) -> StoreFuture<u64> {
                self.around(Verb::DestroyAll, |inner| inner.destroy_all())
            }

            fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
                let principal = principal.to_owned();
                self.around(Verb::OfPrincipal, move |inner| inner.of_principal(&principal, now))
            }

            fn count_of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<u64> {
                let principal = principal.to_owned();
                self.around(Verb::CountOfPrincipal, move |inner| inner.count_of_principal(&principal, now))
            }

            fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
                let principal = principal.to_owned();
                self.around(Verb::DestroyOfPrincipal, move |inner| inner.destroy_of_principal(&principal, except))
            }

            fn count(&self) -> StoreFuture<u64> {
                self.around(Verb::Count, |inner| inner.count())
            }

            fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
                self.around(Verb::Scan, move |inner| inner.scan(from, limit, now))
            }

            fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
                self.around(Verb::Sweep, move |inner| inner.sweep(limit, now))
            }
        }

        impl<S: Store> Clone for $store<S> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }
    };
}
use implement_store;
