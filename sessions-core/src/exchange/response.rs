//! What a response's head must carry for the session, and how it gets there.

use std::borrow::Cow;

use crate::cookie::{SetCookie, are_namesakes};

/// What a response's head must carry for the session.
///
/// Given out by a [`Commit`](crate::Commit); an adapter writes it with
/// [`write_to`](Self::write_to).
#[derive(Clone, Debug, Default)]
#[must_use = "the client gets no cookie unless this is written to the response"]
pub struct Attach {
    pub(crate) cookie: Option<SetCookie>,
    pub(crate) vary: bool,
    /// Somebody is signed in, so the response is for nobody else.
    pub(crate) is_private: bool,
}

/// Is one of the header fields that sessions are concerned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `Set-Cookie`.
    SetCookie,
    /// `Vary`.
    Vary,
    /// `Cache-Control`.
    CacheControl,
}

impl Field {
    /// Returns the field's name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::CacheControl => "cache-control",
        }
    }
}

/// Is the head of a response, as its framework keeps it. Implemented by each adapter.
pub trait ResponseHead {
    /// Adds a field after those of its name, and says whether there are any. The value holds
    /// visible ASCII and spaces only.
    fn add(&mut self, field: Field, value: Cow<'static, str>) -> bool;

    /// Calls `keeps` with the value of each field of this name, in their order, and removes those
    /// that it does not keep. Needed only where a handler has set a field that sessions are
    /// concerned with.
    fn retain(&mut self, field: Field, keeps: &mut dyn FnMut(&[u8]) -> bool);

    /// Removes the fields for whose name, in lower case, `gives_way` returns `true`.
    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool);
}

impl Attach {
    /// Says whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cookie.is_none() && !self.vary && !self.is_private
    }

    /// Takes out the value of the `Set-Cookie` field, for an adapter that cannot use
    /// [`write_to`](Self::write_to). With it goes `Cache-Control: no-store`. It holds a token: it
    /// belongs in the response and nowhere else.
    pub fn take_set_cookie(&mut self) -> Option<String> {
        self.cookie.take().map(SetCookie::into_string)
    }

    /// Says whether the response needs `Vary: Cookie`.
    #[must_use]
    pub const fn varies_by_cookie(&self) -> bool {
        self.vary
    }

    /// Writes to a response's head what the session needs there.
    ///
    /// - One `Set-Cookie` of our name at most (RFC 6265bis section 4.1.1), in place of any that the
    ///   handler or a nested layer set; those of other names stay as they are.
    /// - With it `Cache-Control: no-store`, whatever the handler said: a cache that kept the cookie
    ///   would sign others in. `Expires`, `Surrogate-Control` and the fields that speak to a shared
    ///   cache alone, such as `CDN-Cache-Control` (RFC 9213), give way.
    /// - `Cache-Control: no-store` where somebody is signed in, unless the handler set
    ///   `Cache-Control` itself or the manager was built with
    ///   [`no_store(false)`](crate::SessionsBuilder::no_store): the browser's back button must not
    ///   show the page after a logout.
    /// - `Vary: Cookie` wherever the session was looked at, added to what is there.
    pub fn write_to(self, head: &mut impl ResponseHead) {
        if self.vary {
            vary_by_cookie(head);
        }
        if let Some(cookie) = self.cookie {
            put(head, Field::SetCookie, Cow::Owned(cookie.into_string()), are_namesakes);
            put(head, Field::CacheControl, Cow::Borrowed("no-store"), |_, _| true);
            head.remove_if(&mut speaks_to_caches);
        } else if self.is_private && head.add(Field::CacheControl, Cow::Borrowed("no-store")) {
            leave_to_handler(head, Field::CacheControl);
        }
    }
}

/// Returns whether a field, besides `Cache-Control`, tells a cache what it may keep.
fn speaks_to_caches(name: &str) -> bool {
    let is_targeted = name.len() > "cache-control".len() && name.ends_with("cache-control");
    is_targeted || matches!(name, "expires" | "surrogate-control" | "edge-control" | "x-accel-expires")
}

/// Removes the last field of a name: the handler has set one.
#[cold]
fn leave_to_handler(head: &mut impl ResponseHead, field: Field) {
    let count = values(head, field).len();
    retain(head, field, |place, _| place + 1 < count);
}

/// Adds a field, in place of those of its name that give way to it, by `gives_way(old, new)`.
fn put(head: &mut impl ResponseHead, field: Field, value: Cow<'static, str>, gives_way: fn(&[u8], &[u8]) -> bool) {
    if head.add(field, value) {
        make_way(head, field, gives_way);
    }
}

#[cold]
fn make_way(head: &mut impl ResponseHead, field: Field, gives_way: fn(&[u8], &[u8]) -> bool) {
    let values = values(head, field);
    if let Some((new, others)) = values.split_last() {
        retain(head, field, |place, value| place == others.len() || !gives_way(value, new));
    }
}

fn vary_by_cookie(head: &mut impl ResponseHead) {
    if head.add(Field::Vary, Cow::Borrowed("Cookie")) {
        merge_vary(head);
    }
}

#[cold]
fn merge_vary(head: &mut impl ResponseHead) {
    let mut others = values(head, Field::Vary);
    others.pop();
    if varies_by_cookie(&others) {
        retain(head, Field::Vary, |place, _| place < others.len());
    } else {
        // One line: there are caches that read only one.
        retain(head, Field::Vary, |_, _| false);
        let names: Vec<_> = field_names(&others).chain(["Cookie"]).collect();
        head.add(Field::Vary, Cow::Owned(names.join(", ")));
    }
}

/// Keeps the fields of a name by their place and value.
fn retain(head: &mut impl ResponseHead, field: Field, keeps: impl Fn(usize, &[u8]) -> bool) {
    let mut places = 0..;
    head.retain(field, &mut |value| places.next().is_some_and(|place| keeps(place, value)));
}

fn values(head: &mut impl ResponseHead, field: Field) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    head.retain(field, &mut |value| {
        values.push(value.to_vec());
        true
    });
    values
}

fn varies_by_cookie(values: &[Vec<u8>]) -> bool {
    field_names(values).any(|name| name == "*" || name.eq_ignore_ascii_case("cookie"))
}

fn field_names(values: &[Vec<u8>]) -> impl Iterator<Item = &str> {
    values.iter().flat_map(|value| value.split(|byte| *byte == b',')).filter_map(field_name)
}

/// Returns one of the names in a `Vary`, `None` for what is not visible ASCII: no request has a
/// field of such a name.
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

    impl ResponseHead for Head {
        fn add(&mut self, field: Field, value: Cow<'static, str>) -> bool {
            let has_others = self.0.iter().any(|(name, _)| *name == field.name());
            self.0.push((field.name(), value.into_owned()));
            has_others
        }

        fn retain(&mut self, field: Field, keeps: &mut dyn FnMut(&[u8]) -> bool) {
            self.0.retain(|(name, value)| *name != field.name() || keeps(value.as_bytes()));
        }

        fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
            self.0.retain(|(name, _)| !gives_way(name));
        }
    }

    fn written(attach: Attach, fields: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut head = Head(fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
        attach.write_to(&mut head);
        head.0
    }

    fn vary(before: &[&str]) -> Vec<String> {
        let fields: Vec<_> = before.iter().map(|value| ("vary", *value)).collect();
        let attach = Attach { vary: true, ..Attach::default() };
        written(attach, &fields).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn vary_is_merged_into_one_line_and_never_doubled() {
        assert_eq!(vary(&[]), ["Cookie"]);
        assert_eq!(vary(&["Accept"]), ["Accept, Cookie"]);
        assert_eq!(vary(&["Accept", "Accept-Language"]), ["Accept, Accept-Language, Cookie"]);
        assert_eq!(vary(&["Accept", "cookie"]), ["Accept", "cookie"]);
        assert_eq!(vary(&["*"]), ["*"]);
        assert_eq!(vary(&[""]), ["Cookie"]);
        assert_eq!(vary(&["Cookie-Monster"]), ["Cookie-Monster, Cookie"]);
    }

    #[test]
    fn a_merged_vary_holds_visible_ascii_and_spaces_only() {
        assert_eq!(vary(&["Accept, Größe"]), ["Accept, Cookie"]);
        assert_eq!(vary(&["Größe", "Accept"]), ["Accept, Cookie"]);
        assert_eq!(vary(&["A\0B, \u{7f}, Accept,\tOrigin\t, a b"]), ["Accept, Origin, Cookie"]);
        assert_eq!(vary(&["Größe, cookie"]), ["Größe, cookie"]);
        assert_eq!(field_name(b"X-\xe9"), None);
    }

    #[test]
    fn a_cookie_replaces_its_namesake_and_forbids_caching() {
        let cookie =
            CookieOptions { name: Some("id".to_owned()), ..CookieOptions::default() }.build().unwrap().removal();
        let attach = Attach { cookie: Some(cookie.clone()), ..Attach::default() };
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
            ("set-cookie", cookie.into_string()),
            ("cache-control", "no-store".to_owned()),
        ];
        assert_eq!(written(attach, &before), after);
    }

    #[test]
    fn a_page_of_somebody_is_not_stored_unless_its_handler_says_otherwise() {
        let attach = || Attach { is_private: true, ..Attach::default() };
        assert_eq!(written(attach(), &[]), [("cache-control", "no-store".to_owned())]);
        for own in [&[("cache-control", "private, max-age=5")][..], &[("cache-control", "a"), ("cache-control", "b")]] {
            let before: Vec<_> = own.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!(written(attach(), own), before);
        }
        let expires = [("expires", "0")];
        assert_eq!(written(attach(), &expires).len(), 2, "a field of the handler's stays");
    }

    #[test]
    fn nothing_to_attach_changes_nothing() {
        let fields = [("vary", "Accept"), ("set-cookie", "id=1")];
        assert!(Attach::default().is_empty());
        assert_eq!(written(Attach::default(), &fields).len(), 2);
    }
}
