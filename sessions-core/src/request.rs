//! What is read from a request, and what its headers decide. Pure, so that tables can test it.

mod headers;

pub use headers::{RequestHeader, RequestHeaders};
