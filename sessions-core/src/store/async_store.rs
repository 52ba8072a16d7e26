//! The store contract with `async fn`.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::{Committed, Created, Cursor, Page, Store, StoreFuture, Taken};
use crate::cookie::SecretHash;
use crate::error::StoreError;
use crate::id::SessionId;
use crate::platform::Timestamp;
use crate::record::Changes;
use crate::record::Record;

/// The [`Store`] contract with `async fn`s. An `Arc` of an `AsyncStore` is a [`Store`].
///
/// Each method has the contract of the [`Store`] method with the same name. It takes its arguments
/// by value and costs one allocation for its future.
pub trait AsyncStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the store's name for errors and events.
    fn name(&self) -> &'static str;

    /// Implements [`Store::load`].
    fn load(&self, id: SessionId, now: Timestamp) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Implements [`Store::create`].
    fn create(&self, record: Record) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Implements [`Store::commit`].
    fn commit(&self, id: SessionId, changes: Changes) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Implements [`Store::take`].
    fn take(
        &self,
        id: SessionId,
        expected: SecretHash,
        key: String,
        now: Timestamp,
    ) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// Implements [`Store::destroy`].
    fn destroy(&self, id: SessionId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Implements [`Store::destroy_all`].
    fn destroy_all(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Implements [`Store::of_principal`].
    fn of_principal(
        &self,
        principal: String,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Implements [`Store::destroy_of_principal`].
    fn destroy_of_principal(
        &self,
        principal: String,
        except: Option<SessionId>,
    ) -> impl Future<Output = Result<Vec<SessionId>, StoreError>> + Send;

    /// Implements [`Store::count`].
    fn count(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Implements [`Store::scan`].
    fn scan(
        &self,
        from: Option<Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Implements [`Store::sweep`].
    fn sweep(&self, limit: usize, now: Timestamp) -> impl Future<Output = Result<Vec<SessionId>, StoreError>> + Send;
}

impl<S: AsyncStore> Store for Arc<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
        let store = Self::clone(self);
        StoreFuture::new(async move { (*store).load(id, now).await })
    }

    fn create(&self, record: &Record) -> StoreFuture<Created> {
        let store = Self::clone(self);
        let record = record.clone();
        StoreFuture::new(async move { (*store).create(record).await })
    }

    fn commit(&self, id: SessionId, changes: &Changes) -> StoreFuture<Committed> {
        let store = Self::clone(self);
        let changes = changes.clone();
        StoreFuture::new(async move { (*store).commit(id, changes).await })
    }

    fn take(&self, id: SessionId, expected: &SecretHash, key: &str, now: Timestamp) -> StoreFuture<Taken> {
        let store = Self::clone(self);
        let expected = *expected;
        let key = key.to_owned();
        StoreFuture::new(async move { (*store).take(id, expected, key, now).await })
    }

    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        let store = Self::clone(self);
        StoreFuture::new(async move { (*store).destroy(id).await })
    }

    fn destroy_all(&self) -> StoreFuture<u64> {
        let store = Self::clone(self);
        StoreFuture::new(async move { (*store).destroy_all().await })
    }

    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        let store = Self::clone(self);
        let principal = principal.to_owned();
        StoreFuture::new(async move { (*store).of_principal(principal, now).await })
    }

    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        let store = Self::clone(self);
        let principal = principal.to_owned();
        StoreFuture::new(async move { (*store).destroy_of_principal(principal, except).await })
    }

    fn count(&self) -> StoreFuture<u64> {
        let store = Self::clone(self);
        StoreFuture::new(async move { (*store).count().await })
    }

    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        let store = Self::clone(self);
        StoreFuture::new(async move { (*store).scan(from, limit, now).await })
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        let store = Self::clone(self);
        StoreFuture::new(async move { (*store).sweep(limit, now).await })
    }
}
