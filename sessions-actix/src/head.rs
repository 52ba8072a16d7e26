//! The heads of actix-web's requests and responses, as core sees them.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use sessions_core::{Attach, Exchange, Field, Load, ResponseHead};

/// Goes through the values of all `Cookie` fields.
fn cookies(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(header::COOKIE).map(HeaderValue::as_bytes)
}

/// Loads the session of a request.
pub(crate) fn load(exchange: &Exchange, request: &HttpRequest) -> Load {
    exchange.session_from(cookies(request), || {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER))?;
        Some((origin.as_bytes(), headers.get(header::HOST)?.as_bytes()))
    })
}

/// Writes to a response's headers what its session needs there.
pub(crate) fn attach(attach: Attach, headers: &mut HeaderMap) {
    if !attach.is_empty() {
        attach.write_to(&mut Headers(headers));
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl ResponseHead for Headers<'_> {
    fn add(&mut self, field: Field, value: Cow<'static, str>) -> bool {
        // Nearly no handler sets a field that sessions are concerned with, so one look-up has to
        // do.
        let others = self.0.insert(name_of(field), header_value(field, value));
        let has_others = !others.is_empty();
        if has_others {
            let new = self.0.remove(name_of(field));
            others.chain(new).for_each(|value| self.0.append(name_of(field), value));
        }
        has_others
    }

    fn retain(&mut self, field: Field, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        let values = self.0.remove(name_of(field)).filter(|value| keeps(value.as_bytes()));
        values.for_each(|value| self.0.append(name_of(field), value));
    }

    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
        let names: Vec<HeaderName> = self.0.keys().filter(|name| gives_way(name.as_str())).cloned().collect();
        for name in names {
            self.0.remove(name);
        }
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
        Field::SetCookie => header::SET_COOKIE,
        Field::Vary => header::VARY,
        Field::CacheControl => header::CACHE_CONTROL,
        other => HeaderName::from_static(other.name()),
    }
}
