//! Whether another site may have made the browser send a request.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::bearer::bearer_token;
use super::headers::{RequestHeader, RequestHeaders};
use crate::cookie::SameSite;
use crate::error::{ConfigError, ConfigErrorKind};

/// The requests from other sites that are refused.
///
/// Only unsafe requests count: those with a method other than `GET`, `HEAD`, `OPTIONS` and `TRACE`.
/// Handshakes of WebSockets, by `GET` or by the `CONNECT` of HTTP/2, count only with
/// [`RefuseCrossOrigin`](Self::RefuseCrossOrigin) or with `SameSite=None`; otherwise browsers send
/// a handshake from another site without our cookie.
///
/// A refused request gets a 403 when it asks for its session. Browsers report where a request comes
/// from in `Sec-Fetch-Site`, and older ones, or those on a page over plain HTTP, in `Origin`.
/// Clients that send neither are not browsers, and are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrossOrigin {
    /// None: the application checks its requests itself.
    Off,
    /// Requests that another site sent with our cookie.
    ///
    /// With `SameSite=Lax` browsers do not send the cookie in such a request, so this matters for
    /// `SameSite=None` and for browsers that ignore `SameSite`. Other hosts of the same site, such
    /// as subdomains, may send requests.
    #[default]
    RefuseCrossSite,
    /// Requests from every other origin, also those without our cookie.
    ///
    /// This adds what `SameSite` does not prevent: requests from other subdomains and ports, and a
    /// foreign page that signs its visitor in to the attacker's account. A client that sends a
    /// bearer token and no cookie of ours passes.
    RefuseCrossOrigin,
}

/// The rule of [`CrossOrigin`], and the origins that it does not apply to.
#[derive(Debug, Default)]
pub(crate) struct CrossOriginRule {
    pub(crate) refused: CrossOrigin,
    /// As given by the application until they are [checked](Self::check).
    pub(crate) trusted: Vec<String>,
    /// Handshakes of WebSockets are unsafe requests.
    ///
    /// Off where browsers send no cookie with a handshake from another site, because looking for
    /// handshakes would cost every `GET`.
    covers_sockets: bool,
}

impl CrossOriginRule {
    /// Checks the trusted origins, and brings them into the form in which browsers send them.
    pub(crate) fn check(&mut self, same_site: SameSite) -> Result<(), ConfigError> {
        self.covers_sockets = match self.refused {
            CrossOrigin::Off => false,
            CrossOrigin::RefuseCrossSite => same_site == SameSite::None,
            CrossOrigin::RefuseCrossOrigin => true,
        };
        for origin in &mut self.trusted {
            *origin = serialized(origin).ok_or_else(|| {
                ConfigError::new(ConfigErrorKind::TrustedOrigin)
                    .with_advice(format!("{origin:?}; write scheme://host or scheme://host:port, without a path"))
            })?;
        }
        Ok(())
    }

    /// Returns whether a request is refused. `carried` means that it has a cookie with our name.
    #[inline]
    pub(crate) fn refuses(&self, request: &impl RequestHeaders, carried: bool) -> bool {
        let is_unsafe = match request.method() {
            // A page can make the browser send it only to open a WebSocket (RFC 8441).
            "CONNECT" => self.covers_sockets,
            method => !is_safe(method) || (self.covers_sockets && opens_socket(request)),
        };
        is_unsafe && self.refuses_unsafe(request, carried)
    }

    fn refuses_unsafe(&self, request: &impl RequestHeaders, carried: bool) -> bool {
        let is_strict = match self.refused {
            CrossOrigin::Off => return false,
            CrossOrigin::RefuseCrossSite => false,
            CrossOrigin::RefuseCrossOrigin => true,
        };
        // A foreign page cannot make the browser send a bearer token. Other schemes it can:
        // browsers remember passwords of `Basic` and add them themselves.
        let has_bearer = || request.first(RequestHeader::Authorization).and_then(bearer_token).is_some();
        let may_be_forged = carried || (is_strict && !has_bearer());
        may_be_forged && is_foreign(request, is_strict) && !self.trusts(request)
    }

    fn trusts(&self, request: &impl RequestHeaders) -> bool {
        let origin = request.first(RequestHeader::Origin).unwrap_or_default();
        self.trusted.iter().any(|trusted| trusted.as_bytes().eq_ignore_ascii_case(origin))
    }
}

/// Returns whether a method promises to change nothing (RFC 9110 section 9.2.1).
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Returns whether a request is the handshake of a WebSocket in HTTP/1.1 (RFC 6455 section 4.1).
fn opens_socket(request: &impl RequestHeaders) -> bool {
    request.first(RequestHeader::Upgrade).is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// Returns whether a request comes from another site; with `is_strict`, from another origin.
///
/// Go's `CrossOriginProtection` decides the same way: Fetch Metadata counts if there is any, and
/// otherwise `Origin` is compared with `Host`. Neither can be set by a page.
fn is_foreign(request: &impl RequestHeaders, is_strict: bool) -> bool {
    match request.first(RequestHeader::SecFetchSite).unwrap_or_default() {
        b"same-origin" | b"none" => false,
        b"same-site" => is_strict,
        b"" => {
            let origin = request.first(RequestHeader::Origin).unwrap_or_default();
            !origin.is_empty() && !is_of_host(origin, request.host().unwrap_or_default(), is_strict)
        }
        _ => true,
    }
}

/// Returns whether an origin has this host, and with `is_strict` also its port. The scheme of the
/// request is unknown behind a proxy, and does not count.
pub(super) fn is_of_host(origin: &[u8], host: &[u8], is_strict: bool) -> bool {
    // `null`, which pages in a sandbox send, is no one's origin.
    let Some(start) = memchr::memmem::find(origin, b"://") else { return false };
    let (scheme, authority) = (&origin[..start], &origin[start + 3..]);
    let (name, port) = split_port(authority);
    let (own_name, own_port) = split_port(host);
    let default = default_port(scheme);
    let same_port = port.unwrap_or(default) == own_port.unwrap_or(default);
    !name.is_empty() && name.eq_ignore_ascii_case(own_name) && (same_port || !is_strict)
}

const fn default_port(scheme: &[u8]) -> &'static [u8] {
    if scheme.eq_ignore_ascii_case(b"https") {
        b"443"
    } else if scheme.eq_ignore_ascii_case(b"http") {
        b"80"
    } else {
        b""
    }
}

/// Splits the port off a host, which may be an IPv6 address in brackets.
pub(super) fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memrchr(b':', authority) {
        Some(colon) if !authority[colon..].contains(&b']') => (&authority[..colon], Some(&authority[colon + 1..])),
        _ => (authority, None),
    }
}

/// Returns an origin as browsers write it: in lower case, without a default port, and with
/// addresses in their shortest form.
fn serialized(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    let (scheme, authority) = origin.split_once("://")?;
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme_byte) {
        return None;
    }
    let (name, port) = split_port(authority.as_bytes());
    let name = serialized_host(str::from_utf8(name).ok()?)?;
    let without_port = format!("{scheme}://{name}");
    let Some(digits) = port else { return Some(without_port) };
    let port = port_number(digits)?.to_string();
    let is_default = port.as_bytes() == default_port(scheme.as_bytes());
    Some(if is_default { without_port } else { format!("{without_port}:{port}") })
}

fn port_number(port: &[u8]) -> Option<u16> {
    // `parse` would accept a sign.
    let is_number = port.iter().all(u8::is_ascii_digit);
    str::from_utf8(port).ok().filter(|_| is_number)?.parse().ok()
}

fn serialized_host(name: &str) -> Option<String> {
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().ok()?;
        return Some(match address.segments() {
            // Unlike Rust, browsers write it without dots.
            [0, 0, 0, 0, 0, 0xffff, high, low] => format!("[::ffff:{high:x}:{low:x}]"),
            _ => format!("[{address}]"),
        });
    }
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    // Browsers take a name that ends in a number for an address, which has other forms too.
    let last = name.strip_suffix('.').unwrap_or(name).rsplit('.').next()?;
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_address = last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex);
    let is_valid = is_name && !name.is_empty() && (!is_address || name.parse::<Ipv4Addr>().is_ok());
    is_valid.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::RequestHeader::{Authorization, Host, Origin, SecFetchSite, Upgrade};
    use super::*;

    fn rule(refused: CrossOrigin, trusted: &[&str]) -> CrossOriginRule {
        let trusted = trusted.iter().map(|text| (*text).to_owned()).collect();
        let mut rule = CrossOriginRule { refused, trusted, ..CrossOriginRule::default() };
        rule.check(SameSite::Lax).unwrap();
        rule
    }

    /// Returns whether each mode refuses a POST with our cookie.
    fn verdicts(headers: &[(RequestHeader, &str)]) -> [bool; 3] {
        let request = Fake { method: "POST", target: "/", headers };
        [CrossOrigin::Off, CrossOrigin::RefuseCrossSite, CrossOrigin::RefuseCrossOrigin]
            .map(|refused| rule(refused, &["https://login.example"]).refuses(&request, true))
    }

    const PASSES: [bool; 3] = [false; 3];
    /// Only the strict rule refuses it.
    const SAME_SITE: [bool; 3] = [false, false, true];
    const CROSS_SITE: [bool; 3] = [false, true, true];

    #[test]
    fn fetch_metadata_decides_before_origin() {
        for (site, origin, expected) in [
            ("same-origin", "https://shop.example", PASSES),
            ("none", "", PASSES),
            ("same-site", "https://blog.shop.example", SAME_SITE),
            ("cross-site", "https://evil.example", CROSS_SITE),
            ("cross-site", "null", CROSS_SITE),
            ("cross-site", "", CROSS_SITE),
            ("cross-site", "https://login.example", PASSES),
            ("same-site", "https://login.example", PASSES),
            ("cross-site", "https://login.example.evil.example", CROSS_SITE),
            ("cross-site", "http://login.example", CROSS_SITE),
            ("cross-site", "https://login.example:8443", CROSS_SITE),
            // A proxy may have replaced the Host, which does not matter then.
            ("same-origin", "https://other.example", PASSES),
            // A value of the future is not known to be harmless.
            ("SAME-ORIGIN", "https://shop.example", CROSS_SITE),
            ("anything", "https://shop.example", CROSS_SITE),
        ] {
            let headers = [(SecFetchSite, site), (Origin, origin), (Host, "shop.example")];
            assert_eq!(verdicts(&headers), expected, "{site} {origin}");
        }
    }

    #[test]
    fn origin_is_compared_with_host() {
        for (origin, host, expected) in [
            ("https://shop.example", "shop.example", PASSES),
            ("http://shop.example", "shop.example", PASSES),
            ("https://SHOP.example", "shop.EXAMPLE", PASSES),
            ("https://shop.example", "shop.example:443", PASSES),
            ("http://shop.example:80", "shop.example", PASSES),
            ("http://localhost:3000", "localhost:3000", PASSES),
            ("http://localhost:3000", "localhost:8080", SAME_SITE),
            ("https://shop.example:8443", "shop.example", SAME_SITE),
            ("http://[::1]:3000", "[::1]:3000", PASSES),
            ("http://[::1]:3000", "[::1]", SAME_SITE),
            ("http://[::1]", "[::2]", CROSS_SITE),
            ("https://blog.shop.example", "shop.example", CROSS_SITE),
            ("https://evil.example", "shop.example", CROSS_SITE),
            ("https://shop.example.evil.example", "shop.example", CROSS_SITE),
            ("https://evilshop.example", "shop.example", CROSS_SITE),
            ("https://shop.example@evil.example", "shop.example", CROSS_SITE),
            ("null", "shop.example", CROSS_SITE),
            ("shop.example", "shop.example", CROSS_SITE),
            ("https://", "", CROSS_SITE),
            ("https://login.example", "shop.example", PASSES),
            ("HTTPS://LOGIN.EXAMPLE", "shop.example", PASSES),
            ("", "shop.example", PASSES),
        ] {
            assert_eq!(verdicts(&[(Origin, origin), (Host, host)]), expected, "{origin} {host}");
            assert_eq!(verdicts(&[(SecFetchSite, ""), (Origin, origin), (Host, host)]), expected, "{origin} {host}");
        }
        assert_eq!(verdicts(&[(Origin, "https://shop.example")]), CROSS_SITE, "without a Host");
        assert_eq!(verdicts(&[(Host, "shop.example")]), PASSES, "not a browser");
    }

    #[test]
    fn only_unsafe_methods_are_refused() {
        let headers = [(SecFetchSite, "cross-site"), (Origin, "https://evil.example"), (Host, "shop.example")];
        for (method, refused) in [
            ("GET", false),
            ("HEAD", false),
            ("OPTIONS", false),
            ("TRACE", false),
            ("POST", true),
            ("PUT", true),
            ("PATCH", true),
            ("DELETE", true),
            ("QUERY", true),
            ("get", true),
            ("", true),
        ] {
            let request = Fake { method, target: "/", headers: &headers };
            for mode in [CrossOrigin::RefuseCrossSite, CrossOrigin::RefuseCrossOrigin] {
                assert_eq!(rule(mode, &[]).refuses(&request, true), refused, "{method} {mode:?}");
            }
        }
    }

    #[test]
    fn foreign_websocket_handshake_is_refused() {
        use CrossOrigin::{Off, RefuseCrossOrigin, RefuseCrossSite};
        let own = [(Origin, "https://shop.example"), (Host, "shop.example")];
        let sibling = [(SecFetchSite, "same-site"), (Origin, "https://blog.shop.example"), (Host, "shop.example")];
        let foreign = [(Origin, "https://evil.example"), (Host, "shop.example")];
        let program = [(Host, "shop.example")];
        for (mode, same_site, carried, refused) in [
            (Off, SameSite::None, true, [false, false, false]),
            (RefuseCrossSite, SameSite::None, true, [false, false, true]),
            (RefuseCrossSite, SameSite::None, false, [false, false, false]),
            // Browsers send it without our cookie.
            (RefuseCrossSite, SameSite::Lax, true, [false, false, false]),
            (RefuseCrossOrigin, SameSite::Strict, true, [false, true, true]),
            (RefuseCrossOrigin, SameSite::Lax, true, [false, true, true]),
            (RefuseCrossOrigin, SameSite::Lax, false, [false, true, true]),
            (RefuseCrossOrigin, SameSite::None, true, [false, true, true]),
        ] {
            let mut rule = CrossOriginRule { refused: mode, ..CrossOriginRule::default() };
            rule.check(same_site).unwrap();
            let refuses = |headers: &[(RequestHeader, &str)], upgrade| {
                let headers = [headers, &[(Upgrade, upgrade)]].concat();
                rule.refuses(&Fake { method: "GET", target: "/socket", headers: &headers }, carried)
            };
            for upgrade in ["websocket", "WebSocket"] {
                let verdicts = [refuses(&own, upgrade), refuses(&sibling, upgrade), refuses(&foreign, upgrade)];
                assert_eq!(verdicts, refused, "{mode:?} {same_site:?} {carried}");
            }
            // In HTTP/2 there is no `Upgrade`.
            let verdicts = [&own[..], &sibling, &foreign]
                .map(|headers| rule.refuses(&Fake { method: "CONNECT", target: "/socket", headers }, carried));
            assert_eq!(verdicts, refused, "{mode:?} {same_site:?} {carried}");
            assert!(!refuses(&program, "websocket"), "not a browser");
            assert!(!refuses(&foreign, "h2c"), "another protocol");
        }
    }

    #[test]
    fn without_our_cookie_only_the_strict_rule_refuses() {
        let refuses = |mode, headers: &[(RequestHeader, &str)]| {
            rule(mode, &[]).refuses(&Fake { method: "POST", target: "/login", headers }, false)
        };
        let foreign = [(SecFetchSite, "cross-site"), (Host, "shop.example")];
        assert!(!refuses(CrossOrigin::RefuseCrossSite, &foreign));
        assert!(refuses(CrossOrigin::RefuseCrossOrigin, &foreign));
        for (credentials, refused) in [("Bearer x", false), ("bearer x", false), ("Basic YTpi", true), ("", true)] {
            let headers = [&foreign[..], &[(Authorization, credentials)]].concat();
            assert_eq!(refuses(CrossOrigin::RefuseCrossOrigin, &headers), refused, "{credentials}");
        }
    }

    #[test]
    fn trusted_origins_are_checked() {
        for (given, expected) in [
            ("https://login.example", "https://login.example"),
            ("HTTPS://Login.Example:8443", "https://login.example:8443"),
            ("https://login.example:443", "https://login.example"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://login.example:0443", "https://login.example"),
            ("https://login.example:08443", "https://login.example:8443"),
            ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
            ("http://[2001:DB8::0:1]", "http://[2001:db8::1]"),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://4.example", "http://4.example"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(rule(CrossOrigin::Off, &[given]).trusted, [expected]);
        }
        for bad in [
            "",
            "null",
            "*",
            "login.example",
            "https://",
            "://login.example",
            "1://login.example",
            "https://*.example",
            "https://login.example/",
            "https://login.example/path",
            "https://login.example?a",
            "https://user@login.example",
            "https://login.example:",
            "https://login.example:x",
            "https://login.example:+80",
            "https://login.example:65536",
            "https://bücher.example",
            "https://login.example ",
            "https://[::1",
            "https://[login]",
            "http://127.1",
            "http://127.0.0.01",
            "http://127.0.0.1.",
            "http://0x7f.0x1",
            "http://2130706433",
        ] {
            let mut rule = CrossOriginRule { trusted: vec![bad.to_owned()], ..CrossOriginRule::default() };
            let error = rule.check(SameSite::Lax).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::TrustedOrigin, "{bad:?}");
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }
}
