//! What is read from a request, and what its headers decide. Pure, so that tables can test it.

mod cross_origin;
mod device;
#[cfg(test)]
mod fake;
mod headers;
mod proxies;

pub use cross_origin::CrossOrigin;
pub use device::Device;
pub use headers::{RequestHeader, RequestHeaders};
pub use proxies::TrustedProxies;

pub(crate) use cross_origin::CrossOriginRule;
