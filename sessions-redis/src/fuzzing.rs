//! Access for fuzzers: [`RedisStore::open`](crate::RedisStore::open) would connect to the servers
//! of arbitrary URLs.

use crate::{OpenError, address};

/// Parses a URL without connecting to a server.
///
/// # Errors
///
/// Fails as [`RedisStore::open`](crate::RedisStore::open) does for the URL.
pub fn parse_url(url: &str) -> Result<(), OpenError> {
    address::parse(url).map(drop)
}
