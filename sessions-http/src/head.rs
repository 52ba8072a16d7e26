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

impl Head<'_> {
    /// Adds a field. Where there are others of its name, `arrange` then says what becomes of all of them, the new one being the last.
    ///
    /// Nearly no handler sets a field that sessions are concerned with, so one look-up has to do.
    fn add(&mut self, field: Field, value: HeaderValue, arrange: impl FnOnce(&mut Vec<HeaderValue>)) {
        let has_others = self.0.append(name_of(field), value);
        if has_others && let Entry::Occupied(fields) = self.0.entry(name_of(field)) {
            let mut values = fields.remove_entry_mult().1.collect();
            arrange(&mut values);
            values.into_iter().for_each(|value| _ = self.0.append(name_of(field), value));
        }
    }
}

impl ResponseHead for Head<'_> {
    fn visit(&self, field: Field, visit: &mut dyn FnMut(&[u8])) {
        for value in self.0.get_all(name_of(field)) {
            visit(value.as_bytes());
        }
    }

    fn replace(&mut self, field: Field, gives_way: fn(&[u8], &[u8]) -> bool, value: Cow<'static, str>) {
        self.add(field, header_value(field, value), |values| {
            let new = values.pop();
            values.retain(|old| new.as_ref().is_none_or(|new| !gives_way(old.as_bytes(), new.as_bytes())));
            values.extend(new);
        });
    }

    fn add_if_absent(&mut self, field: Field, value: &'static str) -> bool {
        let mut is_absent = true;
        self.add(field, static_value(value), |values| {
            values.pop();
            is_absent = false;
        });
        is_absent
    }
}

fn header_value(field: Field, text: Cow<'static, str>) -> HeaderValue {
    match text {
        Cow::Borrowed(text) => static_value(text),
        Cow::Owned(text) => {
            let mut value = HeaderValue::try_from(text).expect("core forms header values of legal bytes");
            // It holds a token: kept out of `Debug` output, and out of HTTP/2's compression tables.
            value.set_sensitive(field == Field::SetCookie);
            value
        }
    }
}

/// Returns what core writes as it is, formed once: forming a value looks at each of its bytes.
fn static_value(text: &'static str) -> HeaderValue {
    static COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
    static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    match text {
        "Cookie" => COOKIE.clone(),
        "no-store" => NO_STORE.clone(),
        other => HeaderValue::from_static(other),
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
    fn fields_that_stay_keep_their_order() {
        let fields =
            [(SET_COOKIE, "a=1"), (SET_COOKIE, "id=x"), (SET_COOKIE, "b=2"), (SET_COOKIE, "id=y"), (VARY, "id=z")];
        let mut headers = headers(&fields);
        let begins_alike = |old: &[u8], new: &[u8]| old[..3] == new[..3];
        Head(&mut headers).replace(Field::SetCookie, begins_alike, Cow::Borrowed("id=z"));
        assert_eq!(values(&headers, SET_COOKIE), ["a=1", "b=2", "id=z"]);
        assert_eq!(values(&headers, VARY), ["id=z"]);
        Head(&mut headers).replace(Field::SetCookie, |_, _| true, Cow::Borrowed("c=3"));
        assert_eq!(values(&headers, SET_COOKIE), ["c=3"]);
        Head(&mut headers).replace(Field::CacheControl, |_, _| true, Cow::Borrowed("no-store"));
        assert_eq!(values(&headers, CACHE_CONTROL), ["no-store"]);
    }

    #[test]
    fn fields_are_added_after_those_that_are_there() {
        let mut headers = headers(&[(SET_COOKIE, "a=1")]);
        Head(&mut headers).replace(Field::SetCookie, |_, _| false, Cow::Owned("id=secret".to_owned()));
        Head(&mut headers).replace(Field::CacheControl, |_, _| false, Cow::Borrowed("no-store"));
        assert_eq!(values(&headers, SET_COOKIE), ["a=1", "id=secret"]);
        assert_eq!(values(&headers, CACHE_CONTROL), ["no-store"]);
    }

    #[test]
    fn a_cookie_does_not_show_in_debug_output() {
        let mut headers = HeaderMap::new();
        Head(&mut headers).replace(Field::SetCookie, |_, _| false, Cow::Owned("id=secret".to_owned()));
        assert!(!format!("{headers:?}").contains("secret"));
    }

    #[test]
    fn bytes_beyond_ascii_in_a_handlers_vary_survive_as_text() {
        let mut headers = HeaderMap::new();
        headers.append(VARY, HeaderValue::from_bytes(b"X-\xe9").unwrap());
        let mut seen = String::new();
        Head(&mut headers).visit(Field::Vary, &mut |value| seen.push_str(&String::from_utf8_lossy(value)));
        Head(&mut headers).replace(Field::Vary, |_, _| true, Cow::Owned(seen + ", Cookie"));
        assert!(headers[VARY].as_bytes().ends_with(b", Cookie"));
    }
}
