//! The request head: method, URI, headers and extensions.

use http::header::{self, HeaderName};
use http::request::Parts;
use http::uri::Authority;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Uri};
use sessions_core::adapter::{Exchanges, Load, RequestHeader, RequestHeaders};

use crate::sealed_traits::Sealed;

/// A request head: an [`http::Request`] with any body, or its [`Parts`].
pub trait RequestHead: Sealed {
    /// Returns the request's method.
    fn method(&self) -> &Method;

    /// Returns the request's URI.
    fn uri(&self) -> &Uri;

    /// Returns the request's headers.
    fn headers(&self) -> &HeaderMap;

    /// Returns the request's extensions.
    fn extensions(&self) -> &Extensions;
}

impl<B> RequestHead for Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }

    fn uri(&self) -> &Uri {
        self.uri()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions(&self) -> &Extensions {
        self.extensions()
    }
}

impl RequestHead for Parts {
    fn method(&self) -> &Method {
        &self.method
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

/// Loads the session of a request that came through a middleware.
pub(crate) fn load<R: RequestHead>(request: &R) -> Load {
    Exchanges::load(request.extensions().get(), &Head::of(request))
}

/// A request head as core reads it.
pub(crate) struct Head<'a, R> {
    request: &'a R,
    /// The URI as the client sent it.
    uri: &'a Uri,
}

impl<'a, R: RequestHead> Head<'a, R> {
    pub(crate) fn of(request: &'a R) -> Self {
        Self { request, uri: request.uri() }
    }

    /// Takes the URI from before a framework changed it.
    pub(crate) const fn with_uri(request: &'a R, uri: &'a Uri) -> Self {
        Self { request, uri }
    }
}

impl<R: RequestHead> RequestHeaders for Head<'_, R> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn target(&self) -> &str {
        self.uri.path_and_query().map_or("", |target| target.as_str())
    }

    fn authority(&self) -> Option<&str> {
        self.uri.authority().map(Authority::as_str)
    }

    #[inline]
    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        self.request.headers().get_all(name_of(header)).iter().map(HeaderValue::as_bytes)
    }
}

/// Returns the name of a header. Names are parsed only for requests of htmx.
#[inline]
fn name_of(header: RequestHeader) -> HeaderName {
    static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
    static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
    static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    static HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
    match header {
        RequestHeader::Cookie => header::COOKIE,
        RequestHeader::Authorization => header::AUTHORIZATION,
        RequestHeader::Origin => header::ORIGIN,
        RequestHeader::Referer => header::REFERER,
        RequestHeader::Host => header::HOST,
        RequestHeader::SecFetchSite => SEC_FETCH_SITE.clone(),
        RequestHeader::SecFetchMode => SEC_FETCH_MODE.clone(),
        RequestHeader::SecFetchDest => SEC_FETCH_DEST.clone(),
        RequestHeader::Accept => header::ACCEPT,
        RequestHeader::UserAgent => header::USER_AGENT,
        RequestHeader::Forwarded => header::FORWARDED,
        RequestHeader::XForwardedFor => X_FORWARDED_FOR.clone(),
        RequestHeader::Upgrade => header::UPGRADE,
        RequestHeader::HxRequest => HX_REQUEST.clone(),
        other => HeaderName::from_static(other.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<R: RequestHead>(request: &R, header: RequestHeader) -> Vec<String> {
        Head::of(request).values(header).map(|value| value.escape_ascii().to_string()).collect()
    }

    #[test]
    fn headers_are_passed_on_unchanged() {
        let mut request = Request::get("/a%20b?c=d");
        for (name, value) in
            [("cookie", &b"a=1"[..]), ("accept", b"*/*"), ("cookie", b"b=2; c=3"), ("cookie", b"d=\xff")]
        {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        assert_eq!(values(&request, RequestHeader::Cookie), ["a=1", "b=2; c=3", "d=\\xff"]);
        assert_eq!((Head::of(&request).method(), Head::of(&request).target()), ("GET", "/a%20b?c=d"));
    }

    #[test]
    fn every_header_is_found_by_its_name() {
        let headers = [
            RequestHeader::Cookie,
            RequestHeader::Authorization,
            RequestHeader::Origin,
            RequestHeader::Referer,
            RequestHeader::Host,
            RequestHeader::SecFetchSite,
            RequestHeader::SecFetchMode,
            RequestHeader::SecFetchDest,
            RequestHeader::Accept,
            RequestHeader::UserAgent,
            RequestHeader::Forwarded,
            RequestHeader::XForwardedFor,
            RequestHeader::Upgrade,
            RequestHeader::HxRequest,
            RequestHeader::HxBoosted,
            RequestHeader::HxCurrentUrl,
        ];
        for header in headers {
            let request = Request::get("/").header(header.name(), "here").body(()).unwrap();
            assert_eq!(values(&request, header), ["here"], "{header:?}");
        }
    }

    #[test]
    fn authority_of_the_target_is_the_host() {
        for (target, expected) in [
            ("/", "a.example"),
            ("https://b.example:8443/c", "b.example:8443"),
            ("http://user:secret@b.example/", "b.example"),
        ] {
            let request = Request::get(target).header("host", "a.example").body(()).unwrap();
            assert_eq!(Head::of(&request).host(), Some(expected.as_bytes()), "{target}");
        }
        assert_eq!(Head::of(&Request::get("https://b.example:8443/c?d").body(()).unwrap()).target(), "/c?d");
    }
}
