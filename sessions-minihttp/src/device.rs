//! The device that sent a request.

use sessions_core::{Device, TrustedProxies};

use crate::request::Request;

/// Returns the address and the user agent of a request's client.
///
/// Behind a reverse proxy, the address of the connection is that of the proxy. Name the proxies
/// that you trust, and let them report their clients, in nginx with
/// `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`.
///
/// ```
/// use sessions_minihttp::{BoxError, Request, Response, TrustedProxies, device};
///
/// fn login(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
///     let proxies = TrustedProxies::new(["127.0.0.1"])?;
///     let session = request.session()?;
///     session.login("ann")?; // after you have verified who it is
///     session.set("device", &device(&request, &proxies))?;
///     response.body("welcome");
///     Ok(())
/// }
/// ```
#[must_use]
pub fn device(request: &Request<'_>, proxies: &TrustedProxies) -> Device {
    Device::of(&request.request_head(), Some(request.peer().ip()), proxies)
}
