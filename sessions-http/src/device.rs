//! The device that sent a request.

use std::net::IpAddr;

use sessions_core::{Device, TrustedProxies};

use crate::request::{Head, RequestHead};

/// Returns the address and the user agent of a request's client.
///
/// `peer` is the address of the other end of the connection, as `accept` returned it; `None` on a
/// Unix socket. Behind a reverse proxy it is the address of the proxy. Name the proxies that you
/// trust, and let them report their clients, in nginx with
/// `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`.
///
/// ```
/// use std::net::IpAddr;
/// use http::Request;
/// use sessions_core::TrustedProxies;
///
/// let proxies = TrustedProxies::new(["127.0.0.1"])?;
/// let request = Request::get("/").header("x-forwarded-for", "198.51.100.7").body(())?;
/// let device = sessions_http::device(&request, IpAddr::from([127, 0, 0, 1]), &proxies);
/// assert_eq!(device.address(), Some(IpAddr::from([198, 51, 100, 7])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn device<R: RequestHead>(request: &R, peer: impl Into<Option<IpAddr>>, proxies: &TrustedProxies) -> Device {
    Device::of(&Head::of(request), peer.into(), proxies)
}
