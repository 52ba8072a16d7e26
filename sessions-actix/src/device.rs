//! The device that sent a request.

use actix_web::HttpRequest;
use sessions_core::{Device, TrustedProxies};

use crate::request::Head;

/// Returns the address and the user agent of a request's client.
///
/// Behind a reverse proxy, the address of the connection is that of the proxy. Name the proxies
/// that you trust, and let them report their clients, in nginx with
/// `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`. Unlike actix-web's
/// [`realip_remote_addr`](actix_web::dev::ConnectionInfo::realip_remote_addr), which believes every
/// client, this reads the header only as far as its writers are trusted.
///
/// ```
/// use std::net::IpAddr;
/// use actix_web::test::TestRequest;
/// use actix_web::{HttpRequest, web};
/// use sessions_actix::{Session, SessionError, TrustedProxies, device};
///
/// async fn login(
///     session: Session,
///     proxies: web::Data<TrustedProxies>,
///     request: HttpRequest,
/// ) -> Result<&'static str, SessionError> {
///     session.login("ann")?; // after you have verified who it is
///     session.set("device", &device(&request, &proxies))?;
///     Ok("welcome")
/// }
/// # let _ = actix_web::App::new().route("/", web::post().to(login));
///
/// let request = TestRequest::default().peer_addr(([198, 51, 100, 7], 4711).into()).to_http_request();
/// let device = device(&request, &TrustedProxies::default());
/// assert_eq!(device.address(), Some(IpAddr::from([198, 51, 100, 7])));
/// ```
#[must_use]
pub fn device(request: &HttpRequest, proxies: &TrustedProxies) -> Device {
    Device::of(&Head(request), request.peer_addr().map(|peer| peer.ip()), proxies)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn address_comes_from_the_connection() {
        let request = TestRequest::default().insert_header(("x-forwarded-for", "198.51.100.7"));
        let request = request.peer_addr(([127, 0, 0, 1], 4711).into()).to_http_request();
        let proxies = TrustedProxies::new(["127.0.0.1"]).unwrap();
        assert_eq!(device(&request, &proxies).address().unwrap().to_string(), "198.51.100.7");
        assert_eq!(device(&request, &TrustedProxies::default()).address().unwrap().to_string(), "127.0.0.1");
    }
}
