//! Access for fuzzers: [`SqlBuilder::open`] would start a thread and a pool for each URL.

use crate::{Database, OpenError, SqlBuilder};

/// Parses a URL without opening a store.
///
/// # Errors
///
/// Fails as [`SqlBuilder::open`] does for the URL.
pub fn parse_url<D: Database>(url: &str) -> Result<(), OpenError> {
    SqlBuilder::<D>::default().parse(url).map(drop)
}
