//! The head of a request, as core reads it.

// sessions-http has the same over the types of http 1.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::uri::Authority;
use sessions_core::adapter::{RequestHeader, RequestHeaders};

/// A request head as core reads it.
pub(crate) struct Head<'a>(pub(crate) &'a HttpRequest);

impl RequestHeaders for Head<'_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn target(&self) -> &str {
        self.0.uri().path_and_query().map_or("", |target| target.as_str())
    }

    fn authority(&self) -> Option<&str> {
        self.0.uri().authority().map(Authority::as_str)
    }

    #[inline]
    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        self.0.headers().get_all(name_of(header)).map(HeaderValue::as_bytes)
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
    use actix_web::test::TestRequest;

    use super::*;

    fn values(request: &HttpRequest, header: RequestHeader) -> Vec<String> {
        Head(request).values(header).map(|value| value.escape_ascii().to_string()).collect()
    }

    #[test]
    fn headers_are_passed_on_unchanged() {
        let mut request = TestRequest::with_uri("/a%20b?c=d");
        for (name, value) in [("cookie", &b"a=1"[..]), ("accept", b"*/*"), ("cookie", b"d=\xff")] {
            request = request.append_header((name, HeaderValue::from_bytes(value).unwrap()));
        }
        let request = request.to_http_request();
        assert_eq!(values(&request, RequestHeader::Cookie), ["a=1", "d=\\xff"]);
        assert_eq!((Head(&request).method(), Head(&request).target()), ("GET", "/a%20b?c=d"));
        for header in [RequestHeader::SecFetchSite, RequestHeader::XForwardedFor, RequestHeader::HxCurrentUrl] {
            let request = TestRequest::default().insert_header((header.name(), "here")).to_http_request();
            assert_eq!(values(&request, header), ["here"], "{header:?}");
        }
    }

    #[test]
    fn authority_of_the_target_is_the_host() {
        for (target, expected) in [("/", "a.example"), ("https://b.example:8443/c", "b.example:8443")] {
            let request = TestRequest::with_uri(target).insert_header(("host", "a.example")).to_http_request();
            assert_eq!(Head(&request).host(), Some(expected.as_bytes()), "{target}");
        }
    }
}
