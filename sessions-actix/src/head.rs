//! The heads of actix-web's requests and responses, as core sees them.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use sessions_core::{Attach, Field, ResponseHead};

/// Is which fields [`attach`] may change.
pub(crate) const FIELDS: [HeaderName; 3] = [header::SET_COOKIE, header::VARY, header::CACHE_CONTROL];

/// Goes through the values of all `Cookie` fields.
pub(crate) fn cookies(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(header::COOKIE).map(HeaderValue::as_bytes)
}

/// Writes to a response's headers what its session needs there.
pub(crate) fn attach(attach: Attach, headers: &mut HeaderMap) {
    if !attach.is_empty() {
        attach.write_to(&mut Headers(headers));
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl ResponseHead for Headers<'_> {
    fn visit(&self, field: Field, visit: &mut dyn FnMut(&[u8])) {
        self.0.get_all(name(field)).for_each(|value| visit(value.as_bytes()));
    }

    fn replace(&mut self, field: Field, gives_way: fn(&[u8], &[u8]) -> bool, value: Cow<'static, str>) {
        let name = name(field);
        if self.0.contains_key(&name) {
            self.0.retain(|other, old| *other != name || !gives_way(old.as_bytes(), value.as_bytes()));
        }
        let mut value = match value {
            Cow::Borrowed(text) => static_value(text),
            Cow::Owned(text) => HeaderValue::try_from(text).expect("core forms visible ASCII"),
        };
        // Keeps the token out of the `Debug` text of responses, and out of HTTP/2's tables.
        value.set_sensitive(field == Field::SetCookie);
        self.0.append(name, value);
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

fn name(field: Field) -> HeaderName {
    match field {
        Field::SetCookie => header::SET_COOKIE,
        Field::Vary => header::VARY,
        Field::CacheControl => header::CACHE_CONTROL,
        other => HeaderName::from_static(other.name()),
    }
}
