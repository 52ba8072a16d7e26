//! What is read from a request, and what its headers decide. Pure, so that tables can test it.

mod cross_origin;
#[cfg(test)]
mod fake;
mod headers;

pub use cross_origin::CrossOrigin;
pub use headers::{RequestHeader, RequestHeaders};

pub(crate) use cross_origin::CrossOriginRule;
