//! The store contract with `async fn`.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::{Created, Cursor, Page, Store, StoreFuture};
use crate::error::StoreError;
use crate::id::SessionId;
use crate::record::{Changes, Record, Refusal};
use crate::timestamp::Timestamp;

/// The [`Store`] contract with `async fn`s. [`FromAsync`] makes a [`Store`] of it.
///
/// Each method has the contract of the [`Store`] method with the same name. It takes its arguments
/// by value and costs one allocation for its future.
pub trait AsyncStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the store's name for errors and events.
    fn name(&self) -> &'static str;

    /// Implements [`Store::load`].
    fn load(&self, id: SessionId, now: Timestamp) -> impl Answer<Option<Record>>;

    /// Implements [`Store::create`].
    fn create(&self, record: Record) -> impl Answer<Created>;

    /// Implements [`Store::commit`].
    fn commit(&self, base: Record, changes: Changes) -> impl Answer<Result<Record, Refusal>>;

    /// Implements [`Store::destroy`].
    fn destroy(&self, id: SessionId) -> impl Answer<bool>;

    /// Implements [`Store::destroy_all`].
    fn destroy_all(&self) -> impl Answer<u64>;

    /// Implements [`Store::of_principal`].
    fn of_principal(&self, principal: String, now: Timestamp) -> impl Answer<Vec<Record>>;

    /// Implements [`Store::count_of_principal`].
    fn count_of_principal(&self, principal: String, now: Timestamp) -> impl Answer<u64> {
        async move { Ok(self.of_principal(principal, now).await?.len() as u64) }
    }

    /// Implements [`Store::destroy_of_principal`].
    fn destroy_of_principal(&self, principal: String, except: Option<SessionId>) -> impl Answer<Vec<SessionId>>;

    /// Implements [`Store::count`].
    fn count(&self) -> impl Answer<u64>;

    /// Implements [`Store::scan`].
    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> impl Answer<Page>;

    /// Implements [`Store::sweep`].
    fn sweep(&self, limit: usize, now: Timestamp) -> impl Answer<Vec<SessionId>>;
}

/// The future of a call to an [`AsyncStore`], such as that of an `async fn`.
pub trait Answer<T>: Future<Output = Result<T, StoreError>> + Send {}

impl<T, F: Future<Output = Result<T, StoreError>> + Send> Answer<T> for F {}

/// A [`Store`] made of an [`AsyncStore`]; clones share it.
///
/// Each call costs one allocation for its future.
#[derive(Debug)]
pub struct FromAsync<S>(Arc<S>);

impl<S: AsyncStore> FromAsync<S> {
    /// Wraps a store.
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }

    /// Returns the wrapped store.
    #[must_use]
    pub fn get(&self) -> &S {
        &self.0
    }

    fn call<T, F: Answer<T> + 'static>(&self, call: impl FnOnce(Arc<S>) -> F) -> StoreFuture<T> {
        StoreFuture::new(call(Arc::clone(&self.0)))
    }
}

impl<S> Clone for FromAsync<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AsyncStore> Store for FromAsync<S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
        self.call(move |store| async move { (*store).load(id, now).await })
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        let record = record.clone();
        self.call(move |store| async move { (*store).create(record).await })
    }

    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        let (base, changes) = (base.clone(), changes.clone());
        self.call(move |store| async move { (*store).commit(base, changes).await })
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.call(move |store| async move { (*store).destroy(id).await })
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        self.call(move |store| async move { (*store).destroy_all().await })
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        let principal = principal.to_owned();
        self.call(move |store| async move { (*store).of_principal(principal, now).await })
    }

    fn count_of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<u64> {
        let principal = principal.to_owned();
        self.call(move |store| async move { (*store).count_of_principal(principal, now).await })
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        let principal = principal.to_owned();
        self.call(move |store| async move { (*store).destroy_of_principal(principal, except).await })
    }

    fn count(&self) -> StoreFuture<u64> {
        self.call(move |store| async move { (*store).count().await })
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.call(move |store| async move { (*store).scan(from, limit, now).await })
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        self.call(move |store| async move { (*store).sweep(limit, now).await })
    }
}
