//! The options in the query of a URL.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use sessions_remote::may_show_option;
use url::form_urlencoded;

use crate::driver::Database;
use crate::error::{OpenError, OpenErrorKind};

/// Our own options, but for those that only one database has.
const OURS: &[&str] = &["table", "load_deadline_ms", "commit_deadline_ms", "max_in_flight", "max_connections"];

/// The parts of a URL before and after its first `?`, with known options only.
pub struct Query<'a> {
    options: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Hides the values.
impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.options.iter().map(|(name, _)| name)).finish()
    }
}

impl<'a> Query<'a> {
    /// Splits a URL, and checks the names of its options.
    ///
    /// An unknown or repeated option is an error, since its author expects an effect that would not
    /// occur.
    pub(crate) fn of<D: Database>(url: &'a str) -> Result<(&'a str, Self), OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut options: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !OURS.iter().chain(D::URL_OPTIONS).any(|known| *known == name) {
                return Err(unknown::<D>(&name, query));
            }
            if options.iter().any(|(other, _)| *other == name) {
                return Err(OpenError::url_option(&name, "is there twice"));
            }
            options.push((name, value));
        }
        Ok((base, Self { options }))
    }

    /// Returns the value of an option.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, OpenError> {
        let parse = |value: &str| value.parse().map_err(|_| OpenError::url_option(name, "has to be a whole number"));
        self.get(name).map(parse).transpose()
    }

    pub(crate) fn millis(&self, name: &str) -> Result<Option<Duration>, OpenError> {
        Ok(self.number(name)?.map(|millis| Duration::from_millis(millis.into())))
    }

    /// Returns one of a few values, each of them with its name.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Result<Option<T>, OpenError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let known = || values.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
        let found = values.iter().find(|(name, _)| *name == value).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| OpenError::url_option(name, format_args!("has to be {}", known())))
    }

    /// Returns how to connect, given the URL before its query and the names of sqlx's options.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn connect_options<O: sqlx::ConnectOptions>(&self, base: &str, names: &[&str]) -> Result<O, OpenError> {
        const INVALID: &str = "the URL is no URL of a database, or one of its options has a wrong value \
                               (in a user or a password, write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40)";
        const WITHOUT_TLS: [&str; 5] = ["disable", "disabled", "allow", "prefer", "preferred"];
        let url = url::Url::parse(base).ok().filter(|url| url.fragment().is_none());
        let mut url = url.ok_or_else(|| OpenError::url(INVALID))?;
        for (name, value) in self.options.iter().filter(|(name, _)| names.contains(&&**name)) {
            if name.ends_with("mode") && !WITHOUT_TLS.contains(&&*value.to_lowercase()) && !cfg!(feature = "tls") {
                let reason = "this build has no TLS: turn on the feature `tls` of sessions-sql";
                return Err(OpenError::new(OpenErrorKind::NoTls, reason));
            }
            url.query_pairs_mut().append_pair(name, value);
        }
        // sqlx logs slow statements with their texts, which may contain values.
        O::from_url(&url).map(O::disable_statement_logging).map_err(|_| OpenError::url(INVALID))
    }
}

/// Returns the error for an unknown option.
fn unknown<D: Database>(name: &str, query: &str) -> OpenError {
    let known = OURS.iter().chain(D::URL_OPTIONS).copied().collect::<Vec<_>>().join(", ");
    if may_show_option(name, query) {
        return OpenError::url_option(name, format_args!("is unknown; there are {known}"));
    }
    let reason =
        format!("an option of the URL is unknown; there are {known} (in a password, write `?` as %3F and `&` as %26)");
    OpenError::new(OpenErrorKind::UrlOption, reason)
}
