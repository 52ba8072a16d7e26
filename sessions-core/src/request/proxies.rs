//! Which proxies are trusted to report the address of a client.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::headers::{RequestHeader, RequestHeaders};
use crate::error::{ConfigError, ConfigErrorKind};

/// The proxies in front of this server, which report the addresses of their clients.
///
/// Anybody can send `X-Forwarded-For`. A proxy appends the address that it sees to whatever was
/// sent, so the header is read from its end, and only as far as the addresses that have written it
/// are trusted. By default no address is trusted, and the client's address is that of the
/// connection.
///
/// ```
/// use sessions_core::TrustedProxies;
///
/// let behind_nginx = TrustedProxies::new(["127.0.0.1", "::1"])?;
/// let behind_a_load_balancer = TrustedProxies::new(["10.0.0.0/8"])?;
/// assert!(TrustedProxies::new(["10.0.0.0/33"]).is_err());
/// # Ok::<(), sessions_core::ConfigError>(())
/// ```
///
/// nginx reports the address with `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    reads_forwarded: bool,
}

impl TrustedProxies {
    /// Trusts proxies by their addresses, such as `127.0.0.1`, or networks, such as `10.0.0.0/8`.
    ///
    /// Trust only what no client can connect from: a trusted address can claim to be any client.
    ///
    /// # Errors
    ///
    /// Returns [`TrustedProxy`](ConfigErrorKind::TrustedProxy), which names the text that is no
    /// address and no network.
    pub fn new(proxies: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let network = |text: &str| {
            network_of(text).ok_or_else(|| {
                ConfigError::new(ConfigErrorKind::TrustedProxy)
                    .with_advice(format!("{text:?}; write an address or a network, such as \"10.0.0.0/8\""))
            })
        };
        let networks = proxies.into_iter().map(|text| network(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { networks, reads_forwarded: false })
    }

    /// Reads the header `Forwarded` (RFC 7239) in place of `X-Forwarded-For`.
    ///
    /// Only one of them is ever read: a proxy that writes one passes the other on as the client
    /// sent it.
    #[must_use]
    pub const fn with_forwarded(mut self) -> Self {
        self.reads_forwarded = true;
        self
    }

    /// Returns the address of a request's client, or `None` if a proxy does not report it.
    ///
    /// `peer` is the other end of the connection.
    pub(super) fn client(&self, request: &impl RequestHeaders, peer: IpAddr) -> Option<IpAddr> {
        let mut client = peer.to_canonical();
        let header = if self.reads_forwarded { RequestHeader::Forwarded } else { RequestHeader::XForwardedFor };
        let values: Vec<_> = request.values(header).collect();
        let elements = values.into_iter().rev().flat_map(|list| split_from_the_end(list, b','));
        for element in elements.filter(|element| !element.is_empty()) {
            if !self.trusts(client) {
                break;
            }
            let node = if self.reads_forwarded { forwarded_for(element)? } else { element };
            client = address_of(node)?.to_canonical();
        }
        Some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Returns the network that a text names, or the one of a single address.
fn network_of(text: &str) -> Option<IpNet> {
    // Read by the standard library first: ipnet takes `010.0.0.0` for `10.0.0.0`.
    let address: IpAddr = text.split('/').next()?.parse().ok()?;
    // Addresses are compared in the form that `to_canonical` gives them.
    if address.to_canonical() != address {
        return None;
    }
    if text.contains('/') { text.parse().ok() } else { Some(address.into()) }
}

/// Iterates over the parts between separators outside of quotes, the last one first.
///
/// Quotes are paired from the end as well. So a quote that a client leaves open cannot swallow the
/// element that a proxy appends.
fn split_from_the_end(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let mut is_quoted = false;
        let end = (0..list.len()).rev().find(|at| {
            is_quoted ^= list[*at] == b'"' && !is_escaped(list, *at);
            list[*at] == separator && !is_quoted
        });
        rest = end.map(|end| &list[..end]);
        Some(list[end.map_or(0, |end| end + 1)..].trim_ascii())
    })
}

/// Returns whether a character of a quoted text has a backslash that belongs to it.
fn is_escaped(text: &[u8], at: usize) -> bool {
    let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    !backslashes.is_multiple_of(2)
}

/// Returns the node in the `for` parameter of an element of `Forwarded`, which has one at most.
fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    split_from_the_end(element, b';').find_map(|pair| {
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    })
}

/// Returns the address of a node, which may be quoted and may have a port.
fn address_of(node: &[u8]) -> Option<IpAddr> {
    let node = str::from_utf8(node).ok()?;
    let node = inside(node, '"', '"').unwrap_or(node);
    let address = inside(node, '[', ']').unwrap_or(node).parse();
    address.or_else(|_| node.parse().map(|socket: SocketAddr| socket.ip())).ok()
}

/// Returns the text between two characters, if it has both.
fn inside(text: &str, first: char, last: char) -> Option<&str> {
    text.strip_prefix(first)?.strip_suffix(last)
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::RequestHeader::{Forwarded, XForwardedFor};
    use super::*;

    fn client(proxies: &TrustedProxies, peer: &str, headers: &[(RequestHeader, &str)]) -> Option<String> {
        let request = Fake { method: "GET", target: "/", headers };
        proxies.client(&request, peer.parse().unwrap()).map(|address| address.to_string())
    }

    fn trusting() -> TrustedProxies {
        TrustedProxies::new(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]).unwrap()
    }

    #[test]
    fn without_trust_the_connection_counts() {
        let spoofed = [(XForwardedFor, "203.0.113.9"), (Forwarded, "for=203.0.113.9")];
        for proxies in [TrustedProxies::default(), TrustedProxies::default().with_forwarded()] {
            assert_eq!(client(&proxies, "127.0.0.1", &spoofed).as_deref(), Some("127.0.0.1"));
        }
        assert_eq!(client(&trusting(), "198.51.100.7", &spoofed).as_deref(), Some("198.51.100.7"));
        assert_eq!(client(&trusting(), "::ffff:198.51.100.7", &spoofed).as_deref(), Some("198.51.100.7"));
        let forwarded = trusting().with_forwarded();
        assert_eq!(client(&forwarded, "198.51.100.7", &spoofed).as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn x_forwarded_for_is_read_from_its_end() {
        for (values, expected) in [
            (&["198.51.100.7"][..], Some("198.51.100.7")),
            (&[], Some("10.1.2.3")),
            (&[""], Some("10.1.2.3")),
            (&["198.51.100.7, 10.9.9.9"], Some("198.51.100.7")),
            (&["198.51.100.7", "10.9.9.9,10.8.8.8"], Some("198.51.100.7")),
            (&["10.9.9.9"], Some("10.9.9.9")),
            (&["2001:db8::5, 10.9.9.9"], Some("2001:db8::5")),
            (&["2003::5"], Some("2003::5")),
            (&["198.51.100.7:4711"], Some("198.51.100.7")),
            (&["[2003::5]:4711"], Some("2003::5")),
            (&["[2003::5]"], Some("2003::5")),
            (&["::ffff:198.51.100.7"], Some("198.51.100.7")),
            (&[" , 198.51.100.7 ,"], Some("198.51.100.7")),
            // What a client claims stands before what the proxies append.
            (&["203.0.113.9, 198.51.100.7"], Some("198.51.100.7")),
            (&["203.0.113.9", "198.51.100.7"], Some("198.51.100.7")),
            (&["127.0.0.1, 198.51.100.7"], Some("198.51.100.7")),
            (&["10.0.0.1, 203.0.113.9, 198.51.100.7, 10.9.9.9"], Some("198.51.100.7")),
            (&["\"203.0.113.9, 198.51.100.7"], Some("198.51.100.7")),
            (&["\", 198.51.100.7"], Some("198.51.100.7")),
            // A proxy may hide its client.
            (&["203.0.113.9, unknown"], None),
            (&["198.51.100.7, garbage, 10.9.9.9"], None),
            (&["198.51.100.7.8"], None),
            (&["0x7f000001"], None),
            (&["198.51.100"], None),
        ] {
            let headers: Vec<_> = values.iter().map(|value| (XForwardedFor, *value)).collect();
            assert_eq!(client(&trusting(), "10.1.2.3", &headers).as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_from_its_end() {
        for (values, expected) in [
            (&["for=198.51.100.7"][..], Some("198.51.100.7")),
            (&["For=\"198.51.100.7:4711\"; Proto=https;by=10.1.2.3"], Some("198.51.100.7")),
            (&["proto=https;for=\"[2003::5]:4711\""], Some("2003::5")),
            (&["for=\"[2003::5]\", for=10.9.9.9"], Some("2003::5")),
            (&["for=203.0.113.9, for=198.51.100.7, for=10.9.9.9"], Some("198.51.100.7")),
            (&["for=203.0.113.9", "for=198.51.100.7"], Some("198.51.100.7")),
            (&["for=203.0.113.9;x=\", for=198.51.100.7"], Some("198.51.100.7")),
            (&["for=\"203.0.113.9, for=198.51.100.7"], Some("198.51.100.7")),
            (&["for=203.0.113.9;x=\"a\\\", for=198.51.100.7"], Some("198.51.100.7")),
            (&["for=203.0.113.9, for=198.51.100.7;x=\"a, b\""], Some("198.51.100.7")),
            // A client can put anything into a value that its proxy quotes.
            (&["proto=http;host=\"a;for=203.0.113.9;b\";for=198.51.100.7"], Some("198.51.100.7")),
            (&["for=198.51.100.7;host=\"a;for=203.0.113.9;b\""], Some("198.51.100.7")),
            (&["for=203.0.113.9;x=y, for=198.51.100.7;host=\"a\\\"b\""], Some("198.51.100.7")),
            (&["for=203.0.113.9;x=y, for=198.51.100.7;host=\"a\\\", b\""], Some("198.51.100.7")),
            (&["for=203.0.113.9;x=y, for=198.51.100.7;host=\"a\\\\\""], Some("198.51.100.7")),
            (&["for=unknown"], None),
            (&["for=_hidden, for=10.9.9.9"], None),
            (&["proto=https"], None),
            (&["for="], None),
            (&["198.51.100.7"], None),
            (&[], Some("10.1.2.3")),
        ] {
            let headers: Vec<_> = values.iter().map(|value| (Forwarded, *value)).collect();
            let proxies = trusting().with_forwarded();
            assert_eq!(client(&proxies, "10.1.2.3", &headers).as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn header_that_the_proxy_does_not_write_is_ignored() {
        let headers = [(XForwardedFor, "198.51.100.7"), (Forwarded, "for=198.51.100.8")];
        assert_eq!(client(&trusting(), "10.1.2.3", &headers).as_deref(), Some("198.51.100.7"));
        assert_eq!(client(&trusting().with_forwarded(), "10.1.2.3", &headers).as_deref(), Some("198.51.100.8"));
        assert_eq!(client(&trusting(), "10.1.2.3", &headers[1..]).as_deref(), Some("10.1.2.3"));
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, contained) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.0.0.1", true),
            ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.200", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "203.0.113.9", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::1/128", "::1", true),
        ] {
            let network = network_of(network).unwrap();
            assert_eq!(network.contains(&address.parse::<IpAddr>().unwrap()), contained, "{network:?} {address}");
        }
    }

    #[test]
    fn invalid_proxy_is_named() {
        for bad in [
            "",
            "localhost",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "010.0.0.0/8",
            "::ffff:10.0.0.0",
        ] {
            let error = TrustedProxies::new(["127.0.0.1", bad]).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::TrustedProxy, "{bad:?}");
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }
}
