//! Detecting requests over plain HTTP, where browsers silently drop a `Secure` cookie.

use std::net::IpAddr;

use super::cross_origin::{is_of_host, split_port};

const HTTP: &[u8] = b"http://";

/// Returns whether the headers show that a request came over plain HTTP from a remote host.
///
/// `page` is the `Origin` header, or else `Referer`. The origin of another host proves nothing
/// about this one. Local hosts do not count, since browsers accept `Secure` cookies from them.
pub(crate) fn shows_plain_http(page: &[u8], host: &[u8]) -> bool {
    let Some((scheme, rest)) = page.split_at_checked(HTTP.len()) else { return false };
    let length = memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
    let origin = &page[..HTTP.len() + length];
    scheme.eq_ignore_ascii_case(HTTP) && is_of_host(origin, host, true) && !is_local(split_port(&rest[..length]).0)
}

/// Returns whether a host is `localhost`, a name under it, or a loopback address.
fn is_local(host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else { return false };
    let last_label = host.rsplit_once('.').map_or(host, |(_, label)| label);
    let address = host.trim_matches(['[', ']']).parse();
    last_label.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_remote_host_shows_plain_http() {
        for (origin, host, shown) in [
            ("http://myhost.test", "myhost.test", true),
            ("http://myhost.test:8080", "myhost.test:8080", true),
            ("http://myhost.test/login?next=/", "myhost.test", true),
            ("http://myhost.test?a", "myhost.test", true),
            ("HTTP://MyHost.test:80/#top", "myhost.test", true),
            ("http://192.168.0.7:3000", "192.168.0.7:3000", true),
            ("http://[2001:db8::1]:3000/", "[2001:db8::1]:3000", true),
            ("http://localhost.example", "localhost.example", true),
            ("http://127.example", "127.example", true),
            ("https://myhost.test", "myhost.test", false),
            ("http://other.test", "myhost.test", false),
            ("http://myhost.test:8080", "myhost.test:9090", false),
            ("http://localhost", "localhost", false),
            ("http://LOCALHOST:3000", "localhost:3000", false),
            ("http://app.localhost:3000/a", "app.localhost:3000", false),
            ("http://127.0.0.1:3000", "127.0.0.1:3000", false),
            ("http://127.8.8.8", "127.8.8.8", false),
            ("http://[::1]:3000", "[::1]:3000", false),
            ("null", "myhost.test", false),
            ("http:", "", false),
            ("http://", "", false),
            ("", "", false),
        ] {
            assert_eq!(shows_plain_http(origin.as_bytes(), host.as_bytes()), shown, "{origin} {host}");
        }
    }

    #[test]
    fn a_host_that_is_not_text_is_not_local() {
        assert!(shows_plain_http(b"http://\xff.test", b"\xff.test"));
    }
}
