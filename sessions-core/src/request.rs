//! Reading requests, and decisions from their headers. Pure, so that tables can test it.

mod bearer;
mod cross_origin;
mod device;
#[cfg(test)]
mod fake;
mod gate;
mod headers;
mod next;
mod plain_http;
mod proxies;

pub use cross_origin::CrossOrigin;
pub use device::Device;
pub use gate::Gate;
pub use headers::{RequestHeader, RequestHeaders};
pub use next::local_path;
pub use proxies::TrustedProxies;

pub(crate) use bearer::bearer_token;
pub(crate) use cross_origin::CrossOriginRule;
pub(crate) use gate::Pages;
pub(crate) use plain_http::shows_plain_http;
