//! The Redis of users and sessions.

use std::time::Duration;

use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sessions_redis::RedisStore;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a request waits for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connects to Redis and returns the connection with the store of the sessions.
///
/// Workers share the connection, and the store has others of its own.
///
/// # Errors
///
/// Fails if the URL is invalid, or Redis cannot be reached or refuses.
pub async fn connect(url: &str) -> Result<(ConnectionManager, RedisStore), BoxError> {
    // First, since the message of its error shows no password.
    let store = RedisStore::builder().prefix("members:session:").open(url)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        // What finds no connection tries twice, and fails within a second or two.
        .set_number_of_retries(1);
    let connection = Client::open(url)?.get_connection_manager_with_config(config).await?;
    Ok((connection, store))
}
