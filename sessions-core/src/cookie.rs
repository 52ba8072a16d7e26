//! The cookie: how it is formed, and how it is found among those that a client sends.

mod base64url;
mod find;
mod plain_http;
mod rules;
mod seal;
mod token;

pub use seal::{Opened, Seal, SealKey};
pub use token::{Secret, SecretHash, Token};

pub(crate) use find::{Candidate, Candidates};
pub(crate) use plain_http::{LastWarning, shows_plain_http};
pub(crate) use seal::{Keyed, Mode as SealMode};

use std::fmt;
use std::time::Duration;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::error::{Error, ErrorKind};

/// Is how long browsers may keep a cookie, by RFC 6265bis section 5.5: 400 days.
const LONGEST_AGE: u64 = 400 * 24 * 60 * 60;

/// Is how large a name and value may be together, by RFC 6265bis section 5.6.
const LARGEST_PAIR: usize = 4096;

/// Says when a browser sends the cookie with requests that come from other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// Never. A user who follows a link, or returns from a sign-in elsewhere (OAuth), arrives
    /// signed out.
    Strict,
    /// Only when the user follows a link. Forms and scripts of other sites come without it, which
    /// stops most request forgery.
    #[default]
    Lax,
    /// Always. Needs `Secure`, and protection against request forgery of your own.
    None,
}

/// Is what the cookie is to be, before it is checked.
#[derive(Clone, Debug)]
pub(crate) struct CookieOptions {
    /// Is `None` for the strictest default that the other options allow.
    pub(crate) name: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) path: String,
    pub(crate) same_site: SameSite,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) partitioned: bool,
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self {
            name: None,
            domain: None,
            path: "/".to_owned(),
            same_site: SameSite::Lax,
            secure: true,
            http_only: true,
            partitioned: false,
        }
    }
}

impl CookieOptions {
    /// Returns the name, by default with the strictest prefix that these options allow.
    fn resolved_name(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None if !self.secure => "id",
            None if self.domain.is_none() && self.path == "/" => "__Host-id",
            None => "__Secure-id",
        }
    }

    pub(crate) fn build(&self) -> Result<CookieForm, ConfigError> {
        let name = self.resolved_name();
        rules::check(self, name)?;
        let cookie = ::cookie::Cookie::build((name, ""))
            .path(self.path.as_str())
            .secure(self.secure)
            .http_only(self.http_only)
            .partitioned(self.partitioned)
            .same_site(match self.same_site {
                SameSite::Strict => ::cookie::SameSite::Strict,
                SameSite::Lax => ::cookie::SameSite::Lax,
                SameSite::None => ::cookie::SameSite::None,
            });
        let cookie = match &self.domain {
            Some(domain) => cookie.domain(domain.as_str()),
            None => cookie,
        };
        let head = format!("{name}=");
        let rendered = cookie.build().to_string();
        let attributes = rendered.strip_prefix(&head).ok_or(ConfigError::new(ConfigErrorKind::CookieName))?;
        Ok(CookieForm { name: name.into(), attributes: attributes.into(), is_secure: self.secure })
    }
}

/// Is the checked form of the cookie: every `Set-Cookie` of ours, setting or removing, comes from
/// [`CookieForm::render`].
#[derive(Debug)]
pub(crate) struct CookieForm {
    name: Box<str>,
    /// Holds all attributes but `Max-Age`, from the first `;` on.
    attributes: Box<str>,
    /// Browsers accept it over TLS only.
    pub(crate) is_secure: bool,
}

impl CookieForm {
    pub(crate) const fn name(&self) -> &str {
        &self.name
    }

    /// Forms the header that sets the cookie. `fill` appends the value; `max_age` is `None` for a
    /// cookie that ends with the browser.
    pub(crate) fn set(
        &self,
        fill: impl FnOnce(&mut String) -> Result<(), Error>,
        max_age: Option<Duration>,
    ) -> Result<SetCookie, Error> {
        // A fraction of a second is cut off: the cookie never outlives the record.
        self.render(fill, max_age.map(|age| age.as_secs().min(LONGEST_AGE)))
    }

    /// Forms the header that removes the cookie.
    pub(crate) fn removal(&self) -> SetCookie {
        self.render(|_| Ok(()), Some(0)).expect("an empty value is not too large")
    }

    fn render(
        &self,
        fill: impl FnOnce(&mut String) -> Result<(), Error>,
        max_age: Option<u64>,
    ) -> Result<SetCookie, Error> {
        let mut digits = itoa::Buffer::new();
        let age = max_age.map(|seconds| ["; Max-Age=", digits.format(seconds)]).unwrap_or_default();
        // Exactly as much as a cookie with a token needs: a header value takes it over without a
        // copy.
        let parts = [&*self.name, "=", &*self.attributes, age[0], age[1]];
        let length = parts.iter().map(|part| part.len()).sum::<usize>() + Token::TEXT_LENGTH;
        let mut text = String::with_capacity(length);
        text.push_str(&self.name);
        text.push('=');
        fill(&mut text)?;
        // The `=` is not counted.
        if text.len() > LARGEST_PAIR + 1 {
            return Err(Error::new(ErrorKind::Seal));
        }
        text.push_str(&self.attributes);
        age.iter().for_each(|part| text.push_str(part));
        Ok(SetCookie(text))
    }
}

/// Is the value of a `Set-Cookie` field. It holds a token, so its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SetCookie(String);

impl SetCookie {
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Says whether two `Set-Cookie` fields set the cookie of the same name.
pub(crate) fn are_namesakes(one: &[u8], other: &[u8]) -> bool {
    name_of(one) == name_of(other)
}

/// Returns the name that browsers read in a `Set-Cookie` field, by RFC 6265bis section 5.6: without
/// the spaces and tabs around it, and empty where no `=` comes before the first `;`.
fn name_of(field: &[u8]) -> &[u8] {
    match memchr::memchr2(b'=', b';', field) {
        Some(at) if field[at] == b'=' => find::trim(&field[..at]),
        _ => &[],
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetCookie(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> CookieOptions {
        CookieOptions::default()
    }

    fn set(options: &CookieOptions, max_age: Option<Duration>) -> String {
        let fill = |text: &mut String| {
            text.push_str("TOKEN");
            Ok(())
        };
        options.build().unwrap().set(fill, max_age).unwrap().into_string()
    }

    #[test]
    fn the_default_cookie_is_the_strictest() {
        assert_eq!(set(&options(), None), "__Host-id=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/");
    }

    #[test]
    fn the_default_name_has_the_strictest_prefix_that_the_options_allow() {
        let path = CookieOptions { path: "/shop".to_owned(), ..options() };
        let domain = CookieOptions { domain: Some("example.com".to_owned()), ..options() };
        let plain = CookieOptions { secure: false, ..options() };
        assert!(set(&path, None).starts_with("__Secure-id=TOKEN; "));
        assert!(set(&domain, None).starts_with("__Secure-id=TOKEN; "));
        assert_eq!(set(&plain, None), "id=TOKEN; HttpOnly; SameSite=Lax; Path=/");
    }

    #[test]
    fn removing_differs_from_setting_in_value_and_age_only() {
        let form = options().build().unwrap();
        let removal = form.removal().into_string();
        assert_eq!(removal, "__Host-id=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
        assert_eq!(set(&options(), Some(Duration::ZERO)).replace("TOKEN", ""), removal);
    }

    #[test]
    fn an_age_is_whole_seconds_and_at_most_400_days() {
        let cases = [(1_999, "1"), (60_000, "60"), (u64::MAX, "34560000")];
        for (millis, age) in cases {
            let text = set(&options(), Some(Duration::from_millis(millis)));
            assert_eq!(text.rsplit('=').next(), Some(age));
        }
    }

    #[test]
    fn a_value_that_no_browser_would_keep_is_an_error() {
        let form = options().build().unwrap();
        let fill = |length: usize| {
            move |text: &mut String| {
                text.push_str(&"x".repeat(length));
                Ok(())
            }
        };
        let room = 4096 - "__Host-id".len();
        assert!(form.set(fill(room), None).is_ok());
        assert_eq!(form.set(fill(room + 1), None).unwrap_err().kind(), ErrorKind::Seal);
    }

    #[test]
    fn namesakes_are_told_as_browsers_read_names() {
        let ours = options().build().unwrap().removal().into_string();
        let cases = [
            ("__Host-id=x; Secure; Path=/", true),
            ("__Host-id =x", true),
            (" \t__Host-id\t =x", true),
            ("__Host-id==", true),
            ("__Host-id", false),
            ("__Host-id; a=b", false),
            ("__Host-id2=x", false),
            ("__Host-i=x", false),
            ("__host-id=x", false),
            ("a=__Host-id=x", false),
            ("=__Host-id=x", false),
            ("", false),
        ];
        for (field, are) in cases {
            assert_eq!(are_namesakes(field.as_bytes(), ours.as_bytes()), are, "{field:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", SetCookie("id=TOKEN".to_owned())), "SetCookie(..)");
    }
}
