use std::fmt;

use cookie_store::{CookieStore, RawCookie};
use url::{Host, Url};

use crate::SetCookie;

/// A browser's cookies.
///
/// Adds the rules for prefixes and for Secure to the `cookie_store` crate.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    store: CookieStore,
}

/// The reason why a jar ignores a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Jar {
    /// Stores, replaces or removes a cookie by a Set-Cookie header from `url`.
    ///
    /// # Errors
    ///
    /// Fails if a browser would ignore the header.
    pub fn take(&mut self, field: &str, url: &Url) -> Result<(), Refusal> {
        let cookie = SetCookie::parse(field);
        check_secure(&cookie, url)?;
        check_prefix(&cookie)?;
        let raw = RawCookie::parse(field.to_owned()).map_err(|error| Refusal(format!("{field}: {error}")))?;
        let taken = self.store.insert_raw(&raw, url);
        taken.map(drop).map_err(|error| Refusal(format!("{field}: {error}")))
    }

    /// Returns the Cookie header for a request to `url`, if any cookie is to be sent.
    #[must_use]
    pub fn field(&self, url: &Url) -> Option<String> {
        let pairs: Vec<String> =
            self.store.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Returns the number of cookies that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.iter_unexpired().count()
    }

    /// Returns whether there are no cookies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Refuses Secure cookies from untrustworthy origins. Browsers trust the loopback interface.
fn check_secure(cookie: &SetCookie, url: &Url) -> Result<(), Refusal> {
    let is_local = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if cookie.attribute("Secure").is_some() && url.scheme() != "https" && !is_local {
        return Err(Refusal(format!("{cookie}: Secure from {url}")));
    }
    Ok(())
}

/// Enforces the rules of prefixes.
///
/// They apply to prefixes in upper and lower case, and to the value of a nameless cookie.
fn check_prefix(cookie: &SetCookie) -> Result<(), Refusal> {
    let starts_with =
        |text: &str, prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_secure = cookie.attribute("Secure").is_some();
    let is_host_only = cookie.attribute("Domain").is_none() && cookie.attribute("Path") == Some("/");
    let is_hidden = cookie.name().is_empty()
        && (starts_with(cookie.value(), "__Host-") || starts_with(cookie.value(), "__Secure-"));
    let breaks_host = starts_with(cookie.name(), "__Host-") && !(is_secure && is_host_only);
    let breaks_secure = starts_with(cookie.name(), "__Secure-") && !is_secure;
    if is_hidden || breaks_host || breaks_secure {
        return Err(Refusal(format!("{cookie}: violates the rule of its prefix")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_prefix_is_enforced() {
        let page = url("http://localhost:8080/set");
        let good = "__Host-id=a; Path=/; Secure; HttpOnly; SameSite=Lax";
        let mut jar = Jar::default();
        jar.take(good, &page).unwrap();
        assert_eq!(jar.field(&page).as_deref(), Some("__Host-id=a"));
        for bad in [
            "__Host-id=b; Path=/",
            "__Host-id=b; Secure",
            "__Host-id=b; Secure; Path=/set",
            "__Host-id=b; Secure; Path=/; Domain=localhost",
            "__host-id=b; Path=/",
            "__Secure-id=b; Path=/",
            "=__Host-id=b; Path=/; Secure",
        ] {
            assert!(jar.take(bad, &page).is_err(), "{bad}");
        }
        assert_eq!(jar.field(&page).as_deref(), Some("__Host-id=a"));
    }

    #[test]
    fn a_secure_cookie_needs_a_trustworthy_origin() {
        let mut jar = Jar::default();
        assert!(jar.take("id=a; Secure; Path=/", &url("http://example.com/")).is_err());
        jar.take("id=a; Secure; Path=/", &url("https://example.com/")).unwrap();
        assert_eq!(jar.field(&url("http://example.com/")), None);
        assert_eq!(jar.field(&url("https://example.com/x")).as_deref(), Some("id=a"));
    }

    #[test]
    fn a_removal_removes_only_the_cookie_with_its_path() {
        let page = url("http://localhost/a/b");
        let mut jar = Jar::default();
        jar.take("id=a; Path=/", &page).unwrap();
        // There is no such cookie to remove.
        assert!(jar.take("id=; Path=/a; Max-Age=0", &page).is_err());
        assert_eq!(jar.len(), 1);
        jar.take("id=; Path=/; Max-Age=0", &page).unwrap();
        assert!(jar.is_empty());
        jar.take("id=a; Path=/; Max-Age=60", &page).unwrap();
        jar.take("id=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", &page).unwrap();
        assert_eq!(jar.field(&page), None);
    }
}
