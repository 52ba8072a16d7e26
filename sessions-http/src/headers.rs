//! Writing the session's headers to a response.

// sessions-actix has the same over its own header map: actix-web still uses http 0.2, so no type is
// common to both, and core names no header type.

use std::borrow::Cow;

use http::header::{CACHE_CONTROL, Entry, LOCATION, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use sessions_core::Error;
use sessions_core::adapter::{self, ResponseHeader, ResponseHeaders, SessionHeaders};

/// Writes the session's headers to a response.
pub(crate) fn write(session: SessionHeaders, headers: &mut HeaderMap) {
    if !session.is_empty() {
        session.write_to(&mut Headers(headers));
    }
}

/// Writes where the response to an error sends the client.
pub(crate) fn write_redirect(error: &Error, headers: &mut HeaderMap) {
    adapter::write_redirect(error, &mut Headers(headers));
}

/// Returns the cookies that sessions have set in a response.
///
/// They are the sensitive ones; see [`header_value`]. Those that a handler marked itself are among
/// them.
pub(crate) fn session_cookies(headers: &HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    headers.get_all(SET_COOKIE).iter().filter(|cookie| cookie.is_sensitive())
}

struct Headers<'a>(&'a mut HeaderMap);

impl ResponseHeaders for Headers<'_> {
    fn add(&mut self, header: ResponseHeader, value: Cow<'static, str>) -> bool {
        self.0.append(name_of(header), header_value(header, value))
    }

    fn retain(&mut self, header: ResponseHeader, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        if let Entry::Occupied(values) = self.0.entry(name_of(header)) {
            let values: Vec<_> = values.remove_entry_mult().1.collect();
            for value in values.into_iter().filter(|value| keeps(value.as_bytes())) {
                self.0.append(name_of(header), value);
            }
        }
    }

    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
        let names: Vec<HeaderName> = self.0.keys().filter(|name| gives_way(name.as_str())).cloned().collect();
        for name in names {
            self.0.remove(name);
        }
    }
}

fn header_value(header: ResponseHeader, text: Cow<'static, str>) -> HeaderValue {
    match text {
        Cow::Borrowed(text) => static_value(text),
        Cow::Owned(text) => {
            let mut value = HeaderValue::try_from(text).expect("core forms only valid header values");
            // The value contains a token: keep it out of `Debug` output and HTTP/2's compression
            // tables.
            value.set_sensitive(header == ResponseHeader::SetCookie);
            value
        }
    }
}

/// Returns a constant header value, validated only once because validation inspects each byte.
fn static_value(text: &'static str) -> HeaderValue {
    static COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
    static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    match text {
        "Cookie" => COOKIE.clone(),
        "no-store" => NO_STORE.clone(),
        other => HeaderValue::from_static(other),
    }
}

fn name_of(header: ResponseHeader) -> HeaderName {
    match header {
        ResponseHeader::SetCookie => SET_COOKIE,
        ResponseHeader::Vary => VARY,
        ResponseHeader::CacheControl => CACHE_CONTROL,
        ResponseHeader::RetryAfter => RETRY_AFTER,
        ResponseHeader::Location => LOCATION,
        other => HeaderName::from_static(other.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn values(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn kept_headers_keep_their_order() {
        let fields =
            [(SET_COOKIE, "a=1"), (SET_COOKIE, "id=x"), (SET_COOKIE, "b=2"), (SET_COOKIE, "id=y"), (VARY, "id=z")];
        let mut headers = headers(&fields);
        let mut seen = Vec::new();
        Headers(&mut headers).retain(ResponseHeader::SetCookie, &mut |value| {
            seen.push(value.to_vec());
            !value.starts_with(b"id=")
        });
        assert_eq!(seen, [&b"a=1"[..], b"id=x", b"b=2", b"id=y"]);
        assert_eq!(values(&headers, SET_COOKIE), ["a=1", "b=2"]);
        assert_eq!(values(&headers, VARY), ["id=z"]);
        Headers(&mut headers).retain(ResponseHeader::SetCookie, &mut |_| false);
        Headers(&mut headers).retain(ResponseHeader::CacheControl, &mut |_| false);
        assert_eq!((headers.len(), values(&headers, VARY)), (1, vec!["id=z"]));
    }

    #[test]
    fn headers_are_added_after_existing_ones() {
        let mut headers = headers(&[(SET_COOKIE, "a=1")]);
        assert!(Headers(&mut headers).add(ResponseHeader::SetCookie, Cow::Owned("id=secret".to_owned())));
        assert!(!Headers(&mut headers).add(ResponseHeader::CacheControl, Cow::Borrowed("no-store")));
        assert_eq!(values(&headers, SET_COOKIE), ["a=1", "id=secret"]);
        assert_eq!(values(&headers, CACHE_CONTROL), ["no-store"]);
    }

    #[test]
    fn cookie_is_hidden_in_debug_output() {
        let mut headers = HeaderMap::new();
        Headers(&mut headers).add(ResponseHeader::SetCookie, Cow::Owned("id=secret".to_owned()));
        Headers(&mut headers).add(ResponseHeader::SetCookie, Cow::Owned("id=secret".to_owned()));
        Headers(&mut headers).retain(ResponseHeader::SetCookie, &mut |_| true);
        assert!(!format!("{headers:?}").contains("secret"));
    }

    #[test]
    fn non_ascii_header_values_are_kept() {
        let mut headers = HeaderMap::new();
        headers.append(VARY, HeaderValue::from_bytes(b"X-\xe9").unwrap());
        assert!(Headers(&mut headers).add(ResponseHeader::Vary, Cow::Borrowed("Cookie")));
        Headers(&mut headers).retain(ResponseHeader::Vary, &mut |value| value.starts_with(b"X"));
        assert_eq!(headers[VARY].as_bytes(), b"X-\xe9");
        assert_eq!(headers.len(), 1);
    }
}
