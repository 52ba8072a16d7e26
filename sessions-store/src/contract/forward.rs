//! Pointers to stores, which are stores too: one that is shared, or chosen at run time.

use std::sync::Arc;

use super::{Created, Cursor, Page, Store, StoreFuture};
use crate::id::SessionId;
use crate::record::{Changes, Record, Refusal};
use crate::timestamp::Timestamp;

macro_rules! forward {
    ($pointer:ty) => {
        impl<S: Store + ?Sized> Store for $pointer {
            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
                (**self).load(id, now)
            }

            fn create(&self, record: &Record) -> StoreFuture<Created> {
                (**self).create(record)
            }

            fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
                (**self).commit(base, changes)
            }

            fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
                (**self).destroy(id)
            }

            fn destroy_all(&self) -> StoreFuture<u64> {
                (**self).destroy_all()
            }

            fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
                (**self).of_principal(principal, now)
            }

            fn count_of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<u64> {
                (**self).count_of_principal(principal, now)
            }

            fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
                (**self).destroy_of_principal(principal, except)
            }

            fn count(&self) -> StoreFuture<u64> {
                (**self).count()
            }

            fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
                (**self).scan(from, limit, now)
            }

            fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
                (**self).sweep(limit, now)
            }
        }
    };
}

forward!(Arc<S>);
forward!(Box<S>);
forward!(&'static S);
