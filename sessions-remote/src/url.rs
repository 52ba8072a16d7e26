//! The options in the query of a URL.

use std::fmt;

use form_urlencoded::parse;

use crate::open_error::{OpenError, OpenErrorKind};
use crate::options::Options;

/// The hint for a URL that a character in a user or a password may have cut off.
pub const PERCENT_ENCODING: &str = "(in a user or a password, write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40)";

/// The options in the query of a database's URL: each is known and stands there once.
///
/// An unknown or repeated option is an error, since its author expects an effect that would not
/// occur. `Debug` hides the values.
///
/// ```
/// use sessions_remote::{OpenErrorKind, UrlOptions};
///
/// let options = UrlOptions::parse("table=visits&max_in_flight=100", &["table"])?;
/// assert_eq!(options.get("table"), Some("visits"));
///
/// let error = UrlOptions::parse("tabel=visits", &["table"]).unwrap_err();
/// assert_eq!((error.kind(), error.option()), (OpenErrorKind::UrlOption, Some("tabel")));
///
/// // It may be the rest of a password, as in postgres://app:pass?word@host/app.
/// let error = UrlOptions::parse("word@host/app", &["table"]).unwrap_err();
/// assert!(!error.to_string().contains("word@host"));
/// # Ok::<(), sessions_remote::OpenError>(())
/// ```
#[derive(Default)]
pub struct UrlOptions(Vec<(String, String)>);

impl UrlOptions {
    /// Parses a query. The known options are those of [`Options`] and the engine's `own`.
    ///
    /// # Errors
    ///
    /// Fails with [`UrlOption`](OpenErrorKind::UrlOption) if an option is unknown or given twice.
    pub fn parse(query: &str, own: &[&str]) -> Result<Self, OpenError> {
        let known = || own.iter().chain(Options::IN_URLS).copied();
        let mut options = Self(Vec::new());
        for (name, value) in parse(query.as_bytes()) {
            if !known().any(|known| known == name) {
                return Err(unknown(&name, query, &known().collect::<Vec<_>>().join(", ")));
            }
            if options.get(&name).is_some() {
                return Err(OpenError::url_option(&name, "is given twice"));
            }
            options.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(options)
    }

    /// Returns the value of an option.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Returns the options in the order of the URL.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the number that an option is set to.
    ///
    /// # Errors
    ///
    /// Fails if the value is no whole number.
    pub fn number(&self, name: &str) -> Result<Option<u32>, OpenError> {
        let parse = |value: &str| value.parse().map_err(|_| OpenError::url_option(name, "has to be a whole number"));
        self.get(name).map(parse).transpose()
    }

    /// Returns the listed value that an option names, if the option is set.
    ///
    /// # Errors
    ///
    /// Fails if the value is none of them.
    pub fn one_of<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Result<Option<T>, OpenError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let known = || values.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
        let found = values.iter().find(|(name, _)| *name == value).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| OpenError::url_option(name, format_args!("has to be {}", known())))
    }
}

impl fmt::Debug for UrlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

fn unknown(name: &str, query: &str, known: &str) -> OpenError {
    if may_show(name, query) {
        return OpenError::url_option(name, format_args!("is unknown; the known options are {known}"));
    }
    let reason = format!(
        "an option of the URL is unknown; the known options are {known} (in a password, write `?` as %3F and `&` as %26)"
    );
    OpenError::new(OpenErrorKind::UrlOption, reason)
}

/// Returns whether an error may show the name of an unknown option in a URL with this query.
///
/// A password with a `?` of its own ends the URL early, and the rest of it looks like an option.
fn may_show(name: &str, query: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.len() <= 32 && name.bytes().all(is_name) && !query.contains('@')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused(result: Result<impl fmt::Debug, OpenError>) -> (Option<String>, String) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), OpenErrorKind::UrlOption);
        (error.option().map(str::to_owned), error.to_string())
    }

    #[test]
    fn options_of_every_remote_store_are_read() {
        let url = UrlOptions::parse("load_deadline_ms=5&commit_deadline_ms=7&max_in_flight=9", &[]).unwrap();
        let mut options = Options::default();
        options.read(&url).unwrap();
        let millis = Duration::from_millis;
        assert_eq!((options.load_deadline, options.commit_deadline, options.max_in_flight), (millis(5), millis(7), 9));
        options.read(&UrlOptions::default()).unwrap();
        assert_eq!(options.load_deadline, millis(5), "what is missing stays");
        for query in ["load_deadline_ms=1s", "commit_deadline_ms=-1", "max_in_flight="] {
            let url = UrlOptions::parse(query, &[]).unwrap();
            assert!(refused(options.read(&url)).1.ends_with("has to be a whole number"), "{query}");
        }
    }

    #[test]
    fn values_are_decoded_and_hidden() {
        let options = UrlOptions::parse("user=ann&pass=p%26w+d", &["user", "pass"]).unwrap();
        assert_eq!((options.get("pass"), options.get("table")), (Some("p&w d"), None));
        assert_eq!(format!("{options:?}"), r#"["user", "pass"]"#);
    }

    #[test]
    fn one_of_a_few_values_is_chosen() {
        let choose =
            |query| UrlOptions::parse(query, &["mode"]).unwrap().one_of("mode", &[("on", true), ("off", false)]);
        assert_eq!((choose("mode=off").unwrap(), choose("").unwrap()), (Some(false), None));
        let (option, message) = refused(choose("mode=Off"));
        assert_eq!(option.as_deref(), Some("mode"));
        assert!(message.ends_with("has to be on or off"), "{message}");
    }

    #[test]
    fn a_repeated_or_unknown_option_is_refused() {
        let parse = |query| refused(UrlOptions::parse(query, &["table"]));
        assert_eq!(parse("table=a&table=a").0.as_deref(), Some("table"));
        let (option, message) = parse("tables=a");
        assert_eq!(option.as_deref(), Some("tables"));
        assert!(message.contains("table, load_deadline_ms, commit_deadline_ms, max_in_flight"), "{message}");
    }

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        let long = "x".repeat(33);
        for query in ["hunter2@host/app", "hunter2=@host", "hunter 2=1", &long] {
            let (option, message) = refused(UrlOptions::parse(query, &[]));
            assert!(option.is_none() && !message.contains("hunter") && !message.contains(&long), "{message}");
        }
    }
}
