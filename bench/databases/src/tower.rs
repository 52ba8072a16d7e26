//! The stores of tower-sessions.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use sqlx::PgPool;
use sqlx::sqlite::SqlitePoolOptions;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

pub(crate) type Store = Arc<dyn SessionStore>;

/// Opens a store with as many connections as ours has, where it has a pool.
pub(crate) async fn open(kind: &str, url: &str) -> Store {
    match kind {
        "redis" => {
            let config = Config::from_url(url).expect("the URL is valid");
            let pool = Pool::new(config, None, None, None, 4).expect("the options are sound");
            pool.connect();
            pool.wait_for_connect().await.expect("the server is there");
            Arc::new(RedisStore::new(pool))
        }
        "postgres" => {
            let store = PostgresStore::new(PgPool::connect(url).await.expect("the server is there"));
            store.migrate().await.expect("the table can be made");
            Arc::new(store)
        }
        "sqlite" => {
            let pool = SqlitePoolOptions::new().max_connections(4);
            let pool = pool.connect(&format!("{url}?mode=rwc")).await.expect("the file can be made");
            let store = SqliteStore::new(pool);
            store.migrate().await.expect("the table can be made");
            Arc::new(store)
        }
        _ => panic!("there is no store tower-{kind}"),
    }
}

/// A client that has loaded its session.
pub(crate) struct Client {
    store: Store,
    record: Mutex<Record>,
}

impl Client {
    pub(crate) async fn create(store: &Store, number: u64) -> Self {
        let data = [("user", json!("ann")), ("n", json!(1)), ("theme", json!("dark"))];
        let data: HashMap<String, _> = data.map(|(key, value)| (key.to_owned(), value)).into();
        let expiry_date = OffsetDateTime::now_utc() + Duration::minutes(30);
        let is_hot = number == u64::MAX;
        let id = if is_hot { Id(i128::from(number)) } else { Id::default() };
        let mut record = Record { id, data, expiry_date };
        let created = store.create(&mut record).await;
        // Several processes share the hot session. If it already exists, some stores choose another
        // id and others fail.
        assert!(is_hot || created.is_ok(), "the store writes");
        record.id = id;
        Self { store: Arc::clone(store), record: Mutex::new(record) }
    }

    /// Increments the loaded number and saves the session, without regard to other writes since.
    pub(crate) async fn commit(&self) {
        let mut record = self.record.lock().await;
        let n = record.data.get("n").and_then(serde_json::Value::as_i64).unwrap_or_default();
        record.data.insert("n".to_owned(), json!(n + 1));
        record.expiry_date = OffsetDateTime::now_utc() + Duration::minutes(30);
        self.store.save(&record).await.expect("the store writes");
    }

    pub(crate) async fn load(&self) {
        let id = self.record.lock().await.id;
        assert!(self.store.load(&id).await.expect("the store reads").is_some(), "the session exists");
    }
}
