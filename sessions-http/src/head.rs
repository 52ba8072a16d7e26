//! Header fields: cookies in, what the session needs out.

use std::borrow::Cow;

use http::header::{CACHE_CONTROL, COOKIE, Entry, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use sessions_core::{Attach, Field, ResponseHead};

/// Goes through the values of all `Cookie` fields, as they came: over HTTP/2 there may be one for each cookie.
pub fn cookie_fields(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes)
}

/// Writes to a response's header fields what the session needs there.
pub fn write(attach: Attach, headers: &mut HeaderMap) {
    attach.write_to(&mut Head(headers));
}

struct Head<'a>(&'a mut HeaderMap);

impl ResponseHead for Head<'_> {
    fn visit(&self, field: Field, visit: &mut dyn FnMut(&[u8])) {
        for value in self.0.get_all(name_of(field)) {
            visit(value.as_bytes());
        }
    }

    fn retain(&mut self, field: Field, keep: &dyn Fn(&[u8]) -> bool) {
        let Entry::Occupied(mut fields) = self.0.entry(name_of(field)) else { return };
        if fields.iter().all(|value| keep(value.as_bytes())) {
            return;
        }
        let mut kept = fields.iter().filter(|value| keep(value.as_bytes())).cloned().collect::<Vec<_>>().into_iter();
        match kept.next() {
            Some(first) => {
                fields.insert(first);
                kept.for_each(|value| fields.append(value));
            }
            None => drop(fields.remove()),
        }
    }

    fn append(&mut self, field: Field, value: Cow<'static, str>) {
        let value = match value {
            Cow::Borrowed(text) => HeaderValue::from_static(text),
            Cow::Owned(text) => {
                let mut value = HeaderValue::try_from(text).expect("core forms header values of legal bytes");
                // It holds a token: kept out of `Debug` output, and out of HTTP/2's compression tables.
                value.set_sensitive(field == Field::SetCookie);
                value
            }
        };
        self.0.append(name_of(field), value);
    }

    fn append_if_absent(&mut self, field: Field, value: &'static str) -> bool {
        let Entry::Vacant(place) = self.0.entry(name_of(field)) else { return false };
        place.insert(HeaderValue::from_static(value));
        true
    }
}

fn name_of(field: Field) -> HeaderName {
    match field {
        Field::SetCookie => SET_COOKIE,
        Field::Vary => VARY,
        Field::CacheControl => CACHE_CONTROL,
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
    fn every_cookie_field_is_passed_on_byte_for_byte() {
        let mut headers = headers(&[(COOKIE, "a=1"), (VARY, "Accept"), (COOKIE, "b=2; c=3")]);
        headers.append(COOKIE, HeaderValue::from_bytes(b"d=\xff").unwrap());
        assert_eq!(cookie_fields(&headers).collect::<Vec<_>>(), [b"a=1".as_slice(), b"b=2; c=3", b"d=\xff"]);
    }

    #[test]
    fn fields_that_are_kept_stay_in_their_order() {
        let fields =
            [(SET_COOKIE, "a=1"), (SET_COOKIE, "id=x"), (SET_COOKIE, "b=2"), (SET_COOKIE, "id=y"), (VARY, "id=z")];
        let mut headers = headers(&fields);
        Head(&mut headers).retain(Field::SetCookie, &|value| !value.starts_with(b"id="));
        assert_eq!(values(&headers, SET_COOKIE), ["a=1", "b=2"]);
        assert_eq!(values(&headers, VARY), ["id=z"]);
        Head(&mut headers).retain(Field::SetCookie, &|_| false);
        assert!(!headers.contains_key(SET_COOKIE));
        Head(&mut headers).retain(Field::CacheControl, &|_| false);
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn fields_are_added_after_those_that_are_there() {
        let mut headers = headers(&[(SET_COOKIE, "a=1")]);
        Head(&mut headers).append(Field::SetCookie, Cow::Owned("id=secret".to_owned()));
        Head(&mut headers).append(Field::CacheControl, Cow::Borrowed("no-store"));
        assert_eq!(values(&headers, SET_COOKIE), ["a=1", "id=secret"]);
        assert_eq!(values(&headers, CACHE_CONTROL), ["no-store"]);
    }

    #[test]
    fn a_cookie_does_not_show_in_debug_output() {
        let mut headers = HeaderMap::new();
        Head(&mut headers).append(Field::SetCookie, Cow::Owned("id=secret".to_owned()));
        assert!(!format!("{headers:?}").contains("secret"));
    }

    #[test]
    fn bytes_beyond_ascii_in_a_handlers_vary_survive_as_text() {
        let mut headers = HeaderMap::new();
        headers.append(VARY, HeaderValue::from_bytes(b"X-\xe9").unwrap());
        let mut seen = String::new();
        Head(&mut headers).visit(Field::Vary, &mut |value| seen.push_str(&String::from_utf8_lossy(value)));
        Head(&mut headers).retain(Field::Vary, &|_| false);
        Head(&mut headers).append(Field::Vary, Cow::Owned(seen + ", Cookie"));
        assert!(headers[VARY].as_bytes().ends_with(b", Cookie"));
    }
}
