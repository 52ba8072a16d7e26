//! Our stores.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sessions_redis::RedisStore;
use sessions_sql::{Database, MySql, Postgres, SqlBuilder, SqlStore, Sqlite};
use sessions_store::{Changes, Created, Record, SecretHash, SessionId, StoreErrorKind, Timestamp};
use tokio::sync::Mutex;

const SECRET: SecretHash = SecretHash::from_bytes([7; 32]);

pub(crate) type Store = Arc<dyn sessions_store::Store>;

/// Opens the store of a URL.
pub(crate) async fn open(url: &str) -> Store {
    match url.split(':').next() {
        Some("postgres") => migrated::<Postgres>(url).await,
        Some("mysql") => migrated::<MySql>(url).await,
        Some("sqlite") => migrated::<Sqlite>(url).await,
        _ => Arc::new(RedisStore::open(url).expect("the URL is valid")),
    }
}

async fn migrated<D: Database>(url: &str) -> Store {
    let store = SqlBuilder::<D>::default().open(url).expect("the URL is valid");
    store.migrate().await.expect("the table can be made");
    Arc::new(store)
}

/// A client that has loaded its session.
pub(crate) struct Client {
    store: Store,
    base: Mutex<Record>,
}

impl Client {
    pub(crate) async fn create(store: &Store, number: u64) -> Self {
        let now: Timestamp = SystemTime::now().into();
        let mut id = [0x5e; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let record = Record::builder(SessionId::from_bytes(id), SECRET, now)
            .idle(Some(Duration::from_secs(1800)))
            .entry("user", b"\"ann\"")
            .entry("n", b"1")
            .entry("theme", b"\"dark\"");
        let record = record.build().expect("it is small");
        let created = store.create(&record).await.expect("the store writes");
        assert!(matches!(created, Created::Stored { .. } | Created::Exists), "{created:?}");
        let base = store.load(record.id(), now).await.expect("the store reads").expect("it was made");
        Self { store: Arc::clone(store), base: Mutex::new(base) }
    }

    /// Increments a number, and returns whether the commit met its deadline: writers of one row in
    /// several processes may wait longer.
    pub(crate) async fn commit(&self) -> bool {
        let mut base = self.base.lock().await;
        let changes = Changes::new(SystemTime::now().into(), SECRET).increment("n", 1);
        match self.store.commit(&base, &changes).await {
            Ok(committed) => *base = committed.expect("the session is live"),
            Err(error) if error.kind() == StoreErrorKind::TimedOut => return false,
            Err(error) => panic!("the store does not write: {error}"),
        }
        true
    }

    pub(crate) async fn load(&self) {
        let id = self.base.lock().await.id();
        let loaded = self.store.load(id, SystemTime::now().into()).await.expect("the store reads");
        assert!(loaded.is_some(), "the session exists");
    }
}
