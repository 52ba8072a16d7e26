//! The database of users and sessions.

use std::time::Duration;

use sessions_sql::{PostgresStore, SqlStore};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to the database, creates what tables are missing, and returns the pool with the store
/// of the sessions.
///
/// # Errors
///
/// Fails if the database cannot be reached or refuses.
pub async fn connect(url: &str) -> Result<(PgPool, PostgresStore), BoxError> {
    // Not through the pool, which would try again for half a minute and not say what fails.
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(include_str!("schema.sql")).execute(&mut connection).await?;
    connection.close().await?;
    let pool = PgPoolOptions::new().acquire_timeout(PATIENCE).connect(url).await?;
    let store = PostgresStore::builder().open_pool(pool.clone())?;
    store.migrate().await?;
    Ok((pool, store))
}
