//! The database of users and sessions.

use std::time::Duration;

use sessions_sql::{PostgresStore, SqlStore};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connects to the database, creates what tables are missing, and returns the pool with the store
/// of the sessions.
///
/// # Errors
///
/// Fails if the database cannot be reached or refuses.
pub async fn connect(url: &str) -> Result<(PgPool, PostgresStore), BoxError> {
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(5)).connect(url).await?;
    sqlx::raw_sql(include_str!("schema.sql")).execute(&pool).await?;
    let store = PostgresStore::builder().open_pool(pool.clone())?;
    store.migrate().await?;
    Ok((pool, store))
}
