//! Reading and writing the session cookie: name, attributes and seal.

use std::sync::Arc;
use std::time::Duration;

use crate::cookie::find::{Candidate, Candidates};
use crate::cookie::rules;
use crate::cookie::seal::{Opened, Seal};
use crate::cookie::set_cookie::SetCookie;
use crate::cookie::token::Token;
use crate::error::{ConfigError, ConfigErrorKind, Error, ErrorKind};

/// Maximum age of a cookie in seconds: 400 days (RFC 6265bis section 5.5).
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// Maximum length of a cookie's name and value together (RFC 6265bis section 5.6).
pub(super) const MAX_PAIR_LENGTH: usize = 4096;

/// When a browser sends the cookie with requests from other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SameSite {
    /// Never. Users who follow a link or return from an external sign-in (OAuth) arrive signed out.
    Strict,
    /// Only when the user follows a link. Forms and scripts of other sites send no cookie, which
    /// stops most request forgery.
    #[default]
    Lax,
    /// Always. Requires `Secure`. Only [`CrossOrigin`](crate::CrossOrigin) then stops request
    /// forgery.
    None,
}

/// The options of the cookie before validation.
#[derive(Clone, Debug)]
pub(crate) struct CookieOptions {
    /// `None` for the strictest default name that the other options allow.
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
    /// Returns the name, by default with the strictest prefix that the options allow.
    fn resolved_name(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None if rules::is_host_only(self) => "__Host-id",
            None if self.secure => "__Secure-id",
            None => "id",
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
        Ok(CookieForm { name: name.into(), attributes: attributes.into(), is_secure: self.secure, seal: None })
    }
}

/// The validated options of the cookie.
///
/// [`CookieForm::render`] makes every `Set-Cookie` header, whether it sets or removes the cookie.
#[derive(Debug)]
pub(crate) struct CookieForm {
    pub(crate) name: Box<str>,
    /// All attributes except `Max-Age`, from the first `;` on.
    attributes: Box<str>,
    /// Whether the cookie is `Secure`: browsers accept it only over TLS.
    pub(crate) is_secure: bool,
    pub(crate) seal: Option<Arc<dyn Seal>>,
}

impl CookieForm {
    /// Reads the tokens in a `Cookie` header. Returns whether to read another one.
    pub(crate) fn read(&self, header: &[u8], candidates: &mut Candidates) -> bool {
        candidates.read(&self.name, header, |value| self.open(value))
    }

    /// Reads the token in a cookie's value or a bearer token.
    #[inline]
    pub(crate) fn open(&self, value: &[u8]) -> Option<Candidate> {
        let Some(seal) = &self.seal else {
            return Some(Candidate { token: Token::parse(value)?, is_stale: false });
        };
        let Opened { token, is_stale } = seal.open(str::from_utf8(value).ok()?)?;
        Some(Candidate { token: Token::parse(token.as_bytes())?, is_stale })
    }

    /// Returns a token as text, as in the cookie's value.
    pub(crate) fn token_text(&self, token: &Token) -> Result<String, Error> {
        let text = token.text();
        let Some(seal) = &self.seal else { return Ok(text.as_str().to_owned()) };
        let sealed = seal.seal(text.as_str()).map_err(|cause| Error::with_source(ErrorKind::Seal, cause))?;
        if sealed.bytes().all(rules::is_cookie_octet) {
            Ok(sealed)
        } else {
            Err(Error::with_source(ErrorKind::Seal, "the seal has written a character that no cookie may contain"))
        }
    }

    /// Returns the header that sets the cookie.
    ///
    /// Without a `max_age`, the browser drops the cookie when it closes.
    pub(crate) fn set(&self, token: &Token, max_age: Option<Duration>) -> Result<SetCookie, Error> {
        // Rounded down, so that the cookie never outlives the record; but 0 would remove it.
        let max_age = max_age.map(|age| age.as_secs().clamp(1, MAX_AGE));
        match &self.seal {
            None => self.render(token.text().as_str(), max_age),
            Some(_) => self.render(&self.token_text(token)?, max_age),
        }
    }

    /// Returns the header that removes the cookie.
    pub(crate) fn removal(&self) -> SetCookie {
        self.render("", Some(0)).expect("an empty value fits")
    }

    fn render(&self, value: &str, max_age: Option<u64>) -> Result<SetCookie, Error> {
        if self.name.len() + value.len() > MAX_PAIR_LENGTH {
            return Err(Error::with_source(ErrorKind::Seal, "the seal's value is too long for a cookie"));
        }
        let mut digits = itoa::Buffer::new();
        let age = max_age.map(|seconds| ["; Max-Age=", digits.format(seconds)]).unwrap_or_default();
        // One allocation of the exact length: a header value takes it over without a copy.
        Ok(SetCookie([&*self.name, "=", value, &*self.attributes, age[0], age[1]].concat()))
    }
}

#[cfg(test)]
mod tests {
    use sessions_store::SessionId;

    use super::*;
    use crate::cookie::Secret;

    fn options() -> CookieOptions {
        CookieOptions::default()
    }

    fn token() -> Token {
        Token::new(SessionId::from_bytes([0; 16]), Secret::from_bytes([0; 16]))
    }

    fn set(options: &CookieOptions, max_age: Option<Duration>) -> String {
        let text = options.build().unwrap().set(&token(), max_age).unwrap().0;
        text.replace(&"A".repeat(Token::TEXT_LENGTH), "TOKEN")
    }

    #[test]
    fn the_default_cookie_is_the_strictest() {
        assert_eq!(set(&options(), None), "__Host-id=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/");
    }

    #[test]
    fn the_default_name_has_the_strictest_prefix() {
        let path = CookieOptions { path: "/shop".to_owned(), ..options() };
        let domain = CookieOptions { domain: Some("example.com".to_owned()), ..options() };
        let plain = CookieOptions { secure: false, ..options() };
        assert!(set(&path, None).starts_with("__Secure-id=TOKEN; "));
        assert!(set(&domain, None).starts_with("__Secure-id=TOKEN; "));
        assert_eq!(set(&plain, None), "id=TOKEN; HttpOnly; SameSite=Lax; Path=/");
    }

    #[test]
    fn every_option_has_its_attribute() {
        let domain = Some("example.com".to_owned());
        let all = CookieOptions { domain, path: "/shop".to_owned(), partitioned: true, ..options() };
        let attributes = "; HttpOnly; SameSite=Lax; Partitioned; Secure; Path=/shop; Domain=example.com";
        assert_eq!(set(&all, None), format!("__Secure-id=TOKEN{attributes}"));
        for (same_site, attribute) in [(SameSite::Strict, "Strict"), (SameSite::Lax, "Lax"), (SameSite::None, "None")] {
            let readable = CookieOptions { same_site, http_only: false, ..options() };
            assert_eq!(set(&readable, None), format!("__Host-id=TOKEN; SameSite={attribute}; Secure; Path=/"));
        }
    }

    #[test]
    fn removal_differs_only_in_value_and_age() {
        let form = options().build().unwrap();
        let removal = form.removal().0;
        assert_eq!(removal, "__Host-id=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
        let cookie = set(&options(), Some(Duration::from_secs(1)));
        assert_eq!(cookie.replace("TOKEN", "").replace("Max-Age=1", "Max-Age=0"), removal);
    }

    #[test]
    fn max_age_is_rounded_down_and_at_most_400_days() {
        let cases = [(1, "1"), (999, "1"), (1_999, "1"), (60_000, "60"), (u64::MAX, "34560000")];
        for (millis, age) in cases {
            let text = set(&options(), Some(Duration::from_millis(millis)));
            assert_eq!(text.rsplit('=').next(), Some(age));
        }
    }

    /// A seal that turns every token into this many letters.
    #[derive(Debug)]
    struct Letters(usize);

    impl Seal for Letters {
        fn seal(&self, _: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            Ok("x".repeat(self.0))
        }

        fn open(&self, _: &str) -> Option<Opened> {
            None
        }
    }

    #[test]
    fn a_value_too_long_for_browsers_is_an_error() {
        let set = |length| {
            let form = CookieForm { seal: Some(Arc::new(Letters(length))), ..options().build().unwrap() };
            form.set(&token(), None)
        };
        let room = 4096 - "__Host-id".len();
        assert!(set(room).is_ok());
        assert_eq!(set(room + 1).unwrap_err().kind(), ErrorKind::Seal);
    }
}
