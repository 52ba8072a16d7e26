//! Writing the session's headers to a response.

// sessions-http has the same over the types of http 1: actix-web still uses http 0.2, so no type is
// common to both, and core names no header type.

use std::borrow::Cow;

use actix_web::http::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE, VARY,
};
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
    headers.get_all(SET_COOKIE).filter(|cookie| cookie.is_sensitive())
}

struct Headers<'a>(&'a mut HeaderMap);

impl ResponseHeaders for Headers<'_> {
    fn add(&mut self, header: ResponseHeader, value: Cow<'static, str>) -> bool {
        // Inserted first, since handlers rarely set one of these headers: one lookup is then
        // enough.
        let others = self.0.insert(name_of(header), header_value(header, value));
        let has_others = !others.is_empty();
        if has_others {
            let new = self.0.remove(name_of(header));
            others.chain(new).for_each(|value| self.0.append(name_of(header), value));
        }
        has_others
    }

    fn retain(&mut self, header: ResponseHeader, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        let values = self.0.remove(name_of(header)).filter(|value| keeps(value.as_bytes()));
        values.for_each(|value| self.0.append(name_of(header), value));
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
