//! A request for tables.

use super::headers::{RequestHeader, RequestHeaders};

/// A request of a table.
pub(crate) struct Fake<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(RequestHeader, &'a str)],
}

impl RequestHeaders for Fake<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn target(&self) -> &str {
        self.target
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(name, _)| *name == header).map(|(_, value)| value.as_bytes())
    }
}
