//! The headers of a request, independent of the framework.

texts! {
    /// A request header that sessions use.
    pub enum RequestHeader {
        Cookie = "cookie",
        Authorization = "authorization",
        Origin = "origin",
        Referer = "referer",
        Host = "host",
        SecFetchSite = "sec-fetch-site",
        SecFetchMode = "sec-fetch-mode",
        SecFetchDest = "sec-fetch-dest",
        Accept = "accept",
        UserAgent = "user-agent",
        Forwarded = "forwarded",
        XForwardedFor = "x-forwarded-for",
        Upgrade = "upgrade",
        /// htmx sends it.
        HxRequest = "hx-request",
        /// htmx sends it.
        HxBoosted = "hx-boosted",
        /// htmx sends it.
        HxCurrentUrl = "hx-current-url",
    }

    /// Returns the header's name, in lower case.
    pub fn name;
}

/// The method, target and headers of a request, implemented by each adapter.
pub trait RequestHeaders {
    /// Returns the method.
    fn method(&self) -> &str;

    /// Returns the path and query of the request, as the client sent them.
    fn target(&self) -> &str;

    /// Returns the authority of the request target, if it has one.
    ///
    /// It is `:authority` in HTTP/2, and part of a target in absolute form in HTTP/1.
    fn authority(&self) -> Option<&str>;

    /// Iterates over the values of all headers of this name, in order.
    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]>;

    /// Returns the value of the first header of this name.
    fn first(&self, header: RequestHeader) -> Option<&[u8]> {
        self.values(header).next()
    }

    /// Returns the host and port that the request is for.
    ///
    /// The authority of the target wins over `Host` (RFC 9112 section 3.2.2). HTTP/2 has no `Host`.
    fn host(&self) -> Option<&[u8]> {
        self.authority().map(host_of).or_else(|| self.first(RequestHeader::Host))
    }
}

/// Returns the host and port of an authority, without a user before them.
fn host_of(authority: &str) -> &[u8] {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_names_of_their_standards() {
        use RequestHeader::*;
        let table = [
            (Cookie, "cookie"),
            (Authorization, "authorization"),
            (Origin, "origin"),
            (Referer, "referer"),
            (Host, "host"),
            (SecFetchSite, "sec-fetch-site"),
            (SecFetchMode, "sec-fetch-mode"),
            (SecFetchDest, "sec-fetch-dest"),
            (Accept, "accept"),
            (UserAgent, "user-agent"),
            (Forwarded, "forwarded"),
            (XForwardedFor, "x-forwarded-for"),
            (Upgrade, "upgrade"),
            (HxRequest, "hx-request"),
            (HxBoosted, "hx-boosted"),
            (HxCurrentUrl, "hx-current-url"),
        ];
        for (header, name) in table {
            assert_eq!(header.name(), name);
        }
    }

    #[test]
    fn the_host_of_an_authority_is_without_its_user() {
        for (authority, host) in [
            ("a.example:8080", "a.example:8080"),
            ("ann:secret@a.example", "a.example"),
            ("", ""),
            ("a@b@[::1]", "[::1]"),
        ] {
            assert_eq!(host_of(authority), host.as_bytes());
        }
    }
}
