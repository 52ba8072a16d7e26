//! The response headers for the session, and how they are written.

use std::borrow::Cow;

use crate::cookie::{SetCookie, have_same_name};
use crate::error::{Error, ErrorKind, Redirect};

/// The headers that a response must carry for the session.
///
/// An adapter writes them with [`write_to`](Self::write_to).
#[derive(Clone, Debug, Default)]
#[must_use = "the client gets no cookie unless this is written to the response"]
pub struct SessionHeaders {
    pub(super) cookie: Option<SetCookie>,
    pub(super) vary: Vary,
    /// The response is for one visitor only: somebody is signed in or may be, or it reports an
    /// error.
    pub(super) is_private: bool,
    pub(super) retry_after: bool,
}

/// By which request headers a response varies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Vary {
    #[default]
    No,
    ByCookie,
    /// By the cookie and the bearer token.
    ByBoth,
}

texts! {
    /// A response header that sessions use.
    pub enum ResponseHeader {
        SetCookie = "set-cookie",
        Vary = "vary",
        CacheControl = "cache-control",
        RetryAfter = "retry-after",
        Location = "location",
        /// htmx follows it.
        HxRedirect = "hx-redirect",
    }

    /// Returns the header's name, in lower case.
    pub fn name;
}

/// The headers of a framework's response, implemented by each adapter.
pub trait ResponseHeaders {
    /// Adds a header after others of the same name, and returns whether there were any.
    ///
    /// The value contains only visible ASCII and spaces.
    fn add(&mut self, header: ResponseHeader, value: Cow<'static, str>) -> bool;

    /// Removes the headers of this name whose value `keeps` rejects, in order.
    ///
    /// Called only if the handler has set such a header.
    fn retain(&mut self, header: ResponseHeader, keeps: &mut dyn FnMut(&[u8]) -> bool);

    /// Removes the headers whose lower-case name `gives_way` accepts.
    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool);
}

impl SessionHeaders {
    /// Returns the headers of a bare error response.
    ///
    /// It must not be cached, and after a 503 the client may retry in a second. A denial depends on
    /// the cookie; [`write_redirect`] writes where it sends the client.
    #[cold]
    pub fn of_error(error: &Error) -> Self {
        let varies = matches!(error.kind(), ErrorKind::NotSignedIn | ErrorKind::ConfirmationRequired);
        let vary = if varies { Vary::ByCookie } else { Vary::No };
        Self { retry_after: error.status() == 503, vary, ..Self::of_failure() }
    }

    /// Returns the headers of a bare response to a failure of the program itself.
    #[cold]
    pub fn of_failure() -> Self {
        Self { is_private: true, ..Self::default() }
    }

    /// Returns whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cookie.is_none() && matches!(self.vary, Vary::No) && !self.is_private && !self.retry_after
    }

    /// Takes out the value of the `Set-Cookie` header.
    ///
    /// For adapters that cannot use [`write_to`](Self::write_to); send `Cache-Control: no-store`
    /// with it. The value contains a token: never put it anywhere but in the response.
    pub fn take_set_cookie(&mut self) -> Option<String> {
        self.cookie.take().map(|cookie| cookie.0)
    }

    /// Writes the headers to a response.
    ///
    /// - At most one `Set-Cookie` with our name (RFC 6265bis section 4.1.1). It replaces any that
    ///   the handler or a nested layer set; cookies with other names are kept.
    /// - With the cookie, `Cache-Control: no-store`, whatever the handler set: a cache that stored
    ///   the cookie would sign others in. `Expires`, `Surrogate-Control` and headers for shared
    ///   caches only, such as `CDN-Cache-Control` (RFC 9213), are removed.
    /// - `Cache-Control: no-store` if somebody is signed in, so that the browser's back button does
    ///   not show the page after a logout, or if loading the session failed. Skipped if the
    ///   handler set `Cache-Control` itself, or with
    ///   [`no_store(false)`](crate::SessionsBuilder::no_store).
    /// - `Vary: Cookie` if the session was asked for, merged into an existing `Vary`; with
    ///   [bearer tokens](crate::SessionsBuilder::bearer) also `Authorization`.
    pub fn write_to(self, headers: &mut impl ResponseHeaders) {
        if self.vary != Vary::No {
            vary_by(headers, "Cookie");
        }
        if self.vary == Vary::ByBoth {
            vary_by(headers, "Authorization");
        }
        if let Some(cookie) = self.cookie {
            put(headers, ResponseHeader::SetCookie, Cow::Owned(cookie.0), have_same_name);
            put(headers, ResponseHeader::CacheControl, Cow::Borrowed("no-store"), |_, _| true);
            headers.remove_if(&mut controls_caching);
        } else if self.is_private && headers.add(ResponseHeader::CacheControl, Cow::Borrowed("no-store")) {
            remove_last(headers, ResponseHeader::CacheControl);
        }
        if self.retry_after {
            put(headers, ResponseHeader::RetryAfter, Cow::Borrowed("1"), |_, _| true);
        }
    }
}

/// Writes the redirect of a denial, if there is one.
#[cold]
pub fn write_redirect(error: &Error, headers: &mut impl ResponseHeaders) {
    let (header, url) = match error.redirect() {
        Some(Redirect::SeeOther(url)) => (ResponseHeader::Location, url),
        Some(Redirect::HxRedirect(url)) => (ResponseHeader::HxRedirect, url),
        None => return,
    };
    put(headers, header, Cow::Owned(url.clone()), |_, _| true);
}

/// Returns whether a header other than `Cache-Control` controls caching.
fn controls_caching(name: &str) -> bool {
    let is_targeted = name.len() > "cache-control".len() && name.ends_with("cache-control");
    is_targeted || matches!(name, "expires" | "surrogate-control" | "edge-control" | "x-accel-expires")
}

/// Returns whether an old value gives way to a new one.
type GivesWay = fn(&[u8], &[u8]) -> bool;

/// Removes the last header of a name, because the handler has set its own.
#[cold]
fn remove_last(headers: &mut impl ResponseHeaders, header: ResponseHeader) {
    let count = values(headers, header).len();
    retain(headers, header, |place, _| place + 1 < count);
}

/// Adds a header and removes those of its name for which `gives_way(old, new)` is true.
fn put(headers: &mut impl ResponseHeaders, header: ResponseHeader, value: Cow<'static, str>, gives_way: GivesWay) {
    if headers.add(header, value) {
        make_way(headers, header, gives_way);
    }
}

#[cold]
fn make_way(headers: &mut impl ResponseHeaders, header: ResponseHeader, gives_way: GivesWay) {
    let values = values(headers, header);
    if let Some((new, others)) = values.split_last() {
        retain(headers, header, |place, value| place == others.len() || !gives_way(value, new));
    }
}

fn vary_by(headers: &mut impl ResponseHeaders, name: &'static str) {
    if headers.add(ResponseHeader::Vary, Cow::Borrowed(name)) {
        merge_vary(headers, name);
    }
}

#[cold]
fn merge_vary(headers: &mut impl ResponseHeaders, name: &str) {
    let mut others = values(headers, ResponseHeader::Vary);
    others.pop();
    if field_names(&others).any(|other| other == "*" || other.eq_ignore_ascii_case(name)) {
        remove_last(headers, ResponseHeader::Vary);
    } else {
        // One line, because some caches read only one.
        retain(headers, ResponseHeader::Vary, |_, _| false);
        let names: Vec<_> = field_names(&others).chain([name]).collect();
        headers.add(ResponseHeader::Vary, Cow::Owned(names.join(", ")));
    }
}

/// Keeps the headers of a name by their position and value.
fn retain(headers: &mut impl ResponseHeaders, header: ResponseHeader, keeps: impl Fn(usize, &[u8]) -> bool) {
    let mut places = 0..;
    headers.retain(header, &mut |value| places.next().is_some_and(|place| keeps(place, value)));
}

fn values(headers: &mut impl ResponseHeaders, header: ResponseHeader) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    headers.retain(header, &mut |value| {
        values.push(value.to_vec());
        true
    });
    values
}

fn field_names(values: &[Vec<u8>]) -> impl Iterator<Item = &str> {
    values.iter().flat_map(|value| value.split(|byte| *byte == b',')).filter_map(field_name)
}

/// Returns a name listed in a `Vary` header, or `None` if it is not visible ASCII, which no header
/// name contains.
fn field_name(bytes: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(bytes.trim_ascii()).ok()?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookie::CookieOptions;

    #[derive(Default)]
    struct Head(Vec<(&'static str, String)>);

    impl ResponseHeaders for Head {
        fn add(&mut self, field: ResponseHeader, value: Cow<'static, str>) -> bool {
            let has_others = self.0.iter().any(|(name, _)| *name == field.name());
            self.0.push((field.name(), value.into_owned()));
            has_others
        }

        fn retain(&mut self, field: ResponseHeader, keeps: &mut dyn FnMut(&[u8]) -> bool) {
            self.0.retain(|(name, value)| *name != field.name() || keeps(value.as_bytes()));
        }

        fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
            self.0.retain(|(name, _)| !gives_way(name));
        }
    }

    fn written(attach: SessionHeaders, fields: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut head = Head(fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
        attach.write_to(&mut head);
        head.0
    }

    fn vary(before: &[&str]) -> Vec<String> {
        let fields: Vec<_> = before.iter().map(|value| ("vary", *value)).collect();
        let attach = SessionHeaders { vary: Vary::ByCookie, ..SessionHeaders::default() };
        written(attach, &fields).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn vary_is_merged_into_one_line() {
        assert_eq!(vary(&[]), ["Cookie"]);
        assert_eq!(vary(&["Accept"]), ["Accept, Cookie"]);
        assert_eq!(vary(&["Accept", "Accept-Language"]), ["Accept, Accept-Language, Cookie"]);
        assert_eq!(vary(&["Accept", "cookie"]), ["Accept", "cookie"]);
        assert_eq!(vary(&["*"]), ["*"]);
        assert_eq!(vary(&[""]), ["Cookie"]);
        assert_eq!(vary(&["Cookie-Monster"]), ["Cookie-Monster, Cookie"]);
    }

    #[test]
    fn merged_vary_is_visible_ascii() {
        assert_eq!(vary(&["Accept, Größe"]), ["Accept, Cookie"]);
        assert_eq!(vary(&["Größe", "Accept"]), ["Accept, Cookie"]);
        assert_eq!(vary(&["A\0B, \u{7f}, Accept,\tOrigin\t, a b"]), ["Accept, Origin, Cookie"]);
        assert_eq!(vary(&["Größe, cookie"]), ["Größe, cookie"]);
        assert_eq!(field_name(b"X-\xe9"), None);
    }

    #[test]
    fn cookie_replaces_its_namesake_and_forbids_caching() {
        let cookie =
            CookieOptions { name: Some("id".to_owned()), ..CookieOptions::default() }.build().unwrap().removal();
        let attach = SessionHeaders { cookie: Some(cookie.clone()), ..SessionHeaders::default() };
        let before = [
            ("set-cookie", "a=1"),
            ("set-cookie", "id=planted"),
            ("set-cookie", "id =planted"),
            ("cache-control", "public, max-age=60"),
            ("set-cookie", "idx=2"),
            ("cache-control", "immutable"),
            ("cdn-cache-control", "max-age=60"),
            ("cloudflare-cdn-cache-control", "max-age=60"),
            ("surrogate-control", "max-age=60"),
            ("edge-control", "max-age=60"),
            ("x-accel-expires", "60"),
            ("expires", "Thu, 01 Dec 2033 16:00:00 GMT"),
            ("x-cache-control-note", "kept"),
        ];
        let after = [
            ("set-cookie", "a=1".to_owned()),
            ("set-cookie", "idx=2".to_owned()),
            ("x-cache-control-note", "kept".to_owned()),
            ("set-cookie", cookie.0),
            ("cache-control", "no-store".to_owned()),
        ];
        assert_eq!(written(attach, &before), after);
    }

    #[test]
    fn private_page_is_no_store_by_default() {
        let attach = || SessionHeaders { is_private: true, ..SessionHeaders::default() };
        assert_eq!(written(attach(), &[]), [("cache-control", "no-store".to_owned())]);
        for own in [&[("cache-control", "private, max-age=5")][..], &[("cache-control", "a"), ("cache-control", "b")]] {
            let before: Vec<_> = own.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!(written(attach(), own), before);
        }
        let expires = [("expires", "0")];
        assert_eq!(written(attach(), &expires).len(), 2, "a field of the handler's stays");
    }

    #[test]
    fn no_headers_change_nothing() {
        let fields = [("vary", "Accept"), ("set-cookie", "id=1")];
        assert!(SessionHeaders::default().is_empty());
        let cookie = CookieOptions::default().build().unwrap().removal();
        assert!(!SessionHeaders { cookie: Some(cookie), ..SessionHeaders::default() }.is_empty());
        assert!(!SessionHeaders { vary: Vary::ByCookie, ..SessionHeaders::default() }.is_empty());
        assert!(!SessionHeaders { is_private: true, ..SessionHeaders::default() }.is_empty());
        assert!(!SessionHeaders { retry_after: true, ..SessionHeaders::default() }.is_empty());
        assert_eq!(written(SessionHeaders::default(), &fields).len(), 2);
    }

    #[test]
    fn denial_sends_the_client_to_a_page() {
        let written = |redirect| {
            let error = Error::new(ErrorKind::NotSignedIn).redirecting(redirect);
            let mut head = Head::default();
            SessionHeaders::of_error(&error).write_to(&mut head);
            write_redirect(&error, &mut head);
            (error.status(), head.0)
        };
        let private = || vec![("vary", "Cookie".to_owned()), ("cache-control", "no-store".to_owned())];
        let with = |header, value: &str| [private(), vec![(header, value.to_owned())]].concat();
        assert_eq!(written(None), (401, private()));
        assert_eq!(written(Some(Redirect::SeeOther("/in".to_owned()))), (303, with("location", "/in")));
        assert_eq!(written(Some(Redirect::HxRedirect("/in".to_owned()))), (401, with("hx-redirect", "/in")));
    }

    #[test]
    fn error_response_forbids_caching_and_allows_retry() {
        let no_store = || ("cache-control", "no-store".to_owned());
        let retry_after = ("retry-after", "1".to_owned());
        assert_eq!(written(SessionHeaders::of_failure(), &[]), [no_store()]);
        let of = |kind| written(SessionHeaders::of_error(&Error::new(kind)), &[]);
        assert_eq!(of(ErrorKind::Gone), [no_store()]);
        assert_eq!(of(ErrorKind::Decode), [no_store()]);
        let mut headers = of(ErrorKind::StoreUnavailable);
        headers.sort_unstable();
        assert_eq!(headers, [no_store(), retry_after]);
    }
}
