//! What only a fuzzer reaches: [`RedisStore::open`](crate::RedisStore::open) would connect to
//! whatever server a made-up URL names.

use crate::{OpenError, address};

/// Reads a URL without connecting to anything.
///
/// # Errors
///
/// Returns what [`RedisStore::open`](crate::RedisStore::open) returns for the URL.
pub fn parse_url(url: &str) -> Result<(), OpenError> {
    address::parse(url).map(drop)
}
