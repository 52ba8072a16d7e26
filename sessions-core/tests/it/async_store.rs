//! A store with `async fn`s.

use std::sync::Arc;

use pollster::block_on;
use sessions_core::store::{MemoryStore, Store, StoreError};
use sessions_core::{SessionId, Sessions, Timestamp};
use sessions_store::{AsyncStore, Changes, Created, Cursor, FromAsync, Page, Record, Refusal};

/// A memory store behind `async fn`s.
#[derive(Debug, Default)]
struct Asynchronous(MemoryStore);

impl AsyncStore for Asynchronous {
    fn name(&self) -> &'static str {
        "asynchronous"
    }
    async fn load(&self, id: SessionId, now: Timestamp) -> Result<Option<Record>, StoreError> {
        self.0.load(id, now).await
    }
    async fn create(&self, record: Record) -> Result<Created, StoreError> {
        self.0.create(&record).await
    }
    async fn commit(&self, base: Record, changes: Changes) -> Result<Result<Record, Refusal>, StoreError> {
        self.0.commit(&base, &changes).await
    }
    async fn destroy(&self, id: SessionId) -> Result<bool, StoreError> {
        self.0.destroy(id).await
    }
    async fn destroy_all(&self) -> Result<u64, StoreError> {
        self.0.destroy_all().await
    }
    async fn of_principal(&self, principal: String, now: Timestamp) -> Result<Vec<Record>, StoreError> {
        self.0.of_principal(&principal, now).await
    }
    async fn destroy_of_principal(
        &self,
        principal: String,
        except: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.0.destroy_of_principal(&principal, except).await
    }
    async fn count(&self) -> Result<u64, StoreError> {
        self.0.count().await
    }
    async fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> Result<Page, StoreError> {
        self.0.scan(from, limit, now).await
    }
    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        self.0.sweep(limit, now).await
    }
}

#[test]
fn a_wrapped_async_store_is_a_store() {
    let store = FromAsync::new(Asynchronous::default());
    assert_eq!(Store::name(&store), "asynchronous");
    let sessions = Sessions::builder().store(store).sweep_every(None).build().unwrap();
    let mut browser = crate::support::Browser { sessions, cookie: None };
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("k", "v").unwrap();
    });
    assert_eq!((browser.get("k").as_deref(), browser.user().as_deref()), (Some("v"), Some("ann")));
    browser.set("k", "w");
    assert_eq!(browser.visit(|session| block_on(session.take::<String>("k")).unwrap()).result.as_deref(), Some("w"));
    let sessions = browser.sessions.clone();
    assert_eq!(block_on(sessions.sessions_of("ann")).unwrap().len(), 1);
    assert_eq!(block_on(sessions.scan(None, 1000)).unwrap().0.len(), 1);
    assert_eq!(block_on(sessions.destroy_principal("ann")).unwrap(), 1);
    assert_eq!(browser.get("k"), None);
}

#[test]
fn pointers_to_a_store_share_it() {
    let store: Arc<dyn Store> = Arc::new(FromAsync::new(Asynchronous::default()));
    let boxed: Box<dyn Store> = Box::new(Arc::clone(&store));
    let leaked: &'static dyn Store = Box::leak(Box::new(Arc::clone(&store)));
    assert_eq!([store.name(), boxed.name(), leaked.name()], ["asynchronous"; 3]);
    let manager = |store: Box<dyn Store>| Sessions::builder().store(store).sweep_every(None).build().unwrap();
    let mut browser = crate::support::Browser { sessions: manager(boxed), cookie: None };
    browser.set("k", "v");
    browser.sessions = manager(Box::new(leaked));
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}
