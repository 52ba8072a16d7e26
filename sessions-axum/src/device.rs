//! The device that sent a request.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use sessions_core::{Device, TrustedProxies};
use sessions_http::RequestHead;

/// Returns the address and the user agent of a request's client.
///
/// The address is known if the router is served with
/// `router.into_make_service_with_connect_info::<SocketAddr>()`. Behind a reverse proxy that is the
/// address of the proxy. Name the proxies that you trust, and let them report their clients, in
/// nginx with `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`. Tests without a
/// connection set the address with axum's [`MockConnectInfo`]. For a server that learns the address
/// in another way, such as by the PROXY protocol, use [`device_of_peer`](crate::device_of_peer).
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
/// use axum::extract::{ConnectInfo, State};
/// use axum::http::{Request, request::Parts};
/// use sessions_axum::{Session, SessionError, TrustedProxies, device};
///
/// async fn login(session: Session, State(proxies): State<TrustedProxies>, parts: Parts) -> Result<(), SessionError> {
///     session.login("ann")?; // after you have verified who it is
///     Ok(session.set("device", &device(&parts, &proxies))?)
/// }
/// # let _: axum::Router<TrustedProxies> = axum::Router::new().route("/", axum::routing::post(login));
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([198, 51, 100, 7], 4711))));
/// let device = device(&request, &TrustedProxies::default());
/// assert_eq!(device.address(), Some(IpAddr::from([198, 51, 100, 7])));
/// ```
#[must_use]
pub fn device<R: RequestHead>(request: &R, proxies: &TrustedProxies) -> Device {
    let extensions = request.extensions();
    let peer = extensions.get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
    let mocked = || extensions.get().map(|MockConnectInfo(peer): &MockConnectInfo<SocketAddr>| peer.ip());
    sessions_http::device(request, peer.or_else(mocked), proxies)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn address_comes_from_connect_info() {
        let proxies = TrustedProxies::new(["127.0.0.1"]).unwrap();
        let mut request = Request::get("/").header("x-forwarded-for", "198.51.100.7").body(()).unwrap();
        assert_eq!(device(&request, &proxies).address(), None);
        request.extensions_mut().insert(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
        assert_eq!(device(&request, &proxies).address().unwrap().to_string(), "192.0.2.1");
        // As in axum's own extractor, a real connection counts first.
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4711))));
        assert_eq!(device(&request, &proxies).address().unwrap().to_string(), "198.51.100.7");
        assert_eq!(device(&request, &TrustedProxies::default()).address().unwrap().to_string(), "127.0.0.1");
    }
}
