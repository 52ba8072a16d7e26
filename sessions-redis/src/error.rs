//! What can go wrong, without the secrets that were near when it did.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use redis::{ErrorKind, RedisError, ServerError};
use sessions_core::{StoreError, StoreErrorKind};

/// Is the store's name, in its errors.
pub(crate) const NAME: &str = "redis";

/// Says why one try failed.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing was sent.
    Unreached(Cause),
    /// It was sent, and no answer came: it was done or not.
    Lost(Cause),
    /// The server said no; nothing was done.
    Refused(Refusal),
}

/// Is the answer of a server that did not do what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    code: &'static str,
    redirect: Option<Redirect>,
}

/// Says which server to ask instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// Is empty where the server means its own host.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For this once, and announced with ASKING.
    pub(crate) once: bool,
}

/// The codes that mean something here, the ones that a script of an old server may report inside of another message included.
const CODES: [&str; 14] = [
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "LOADING",
    "READONLY",
    "BUSY",
    "NOSCRIPT",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "WRONGTYPE",
    "NOAUTH",
];

impl Refusal {
    pub(crate) fn new(error: &ServerError) -> Self {
        let details = error.details().unwrap_or_default();
        let code = code_of(error.code(), details);
        let once = code == "ASK";
        let redirect = if once || code == "MOVED" { target(details, once) } else { None };
        Self { code, redirect }
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) const fn redirect(&self) -> Option<&Redirect> {
        self.redirect.as_ref()
    }

    /// Says whether the same may be accepted in a moment.
    fn may_pass(&self) -> bool {
        matches!(
            self.code,
            "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" | "READONLY" | "BUSY"
        )
    }
}

fn code_of(code: &str, details: &str) -> &'static str {
    let known = |word: &str| CODES.into_iter().find(|code| *code == word);
    // Redis 6 reports what failed inside a script as `ERR Error running script (…): -READONLY You can't…`.
    let inner = || details.split([' ', '-']).find_map(known);
    known(code).or_else(inner).unwrap_or("ERR")
}

/// Reads `3999 127.0.0.1:6381`.
fn target(details: &str, once: bool) -> Option<Redirect> {
    let (host, port) = details.split(' ').nth(1)?.rsplit_once(':')?;
    // A server that does not know its own name writes a question mark.
    let host = if host == "?" { "" } else { host };
    Some(Redirect { host: host.to_owned(), port: port.parse().ok()?, once })
}

impl Fault {
    /// Sorts an error that redis-rs reports for something that may have been sent.
    pub(crate) fn of_sent(error: &RedisError) -> Self {
        match server_error(error) {
            Some(server) => Self::Refused(Refusal::new(server)),
            None => Self::Lost(Cause::new(error)),
        }
    }

    pub(crate) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// Says whether another try may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Lost(_) => true,
            Self::Refused(refusal) => refusal.may_pass(),
        }
    }

    pub(crate) fn into_error(self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(NAME, kind).caused_by(match self {
            Self::Unreached(cause) | Self::Lost(cause) => cause,
            Self::Refused(refusal) => Cause(format!("the server answered {}", refusal.code)),
        })
    }
}

fn server_error(error: &RedisError) -> Option<&ServerError> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}

/// Is a cause that is safe to log.
///
/// Not the error of redis-rs itself: that one quotes what the server said, which may quote what it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Cause(String);

impl Cause {
    pub(crate) fn new(error: &RedisError) -> Self {
        match error.kind() {
            // The system's or TLS's own words, which know nothing of what was sent.
            ErrorKind::Io => Self(error.to_string()),
            ErrorKind::Server(_) | ErrorKind::Extension => {
                let code = server_error(error).map_or("ERR", |error| Refusal::new(error).code);
                Self(format!("the server answered {code}"))
            }
            _ => Self(error.category().to_owned()),
        }
    }

    pub(crate) const fn text(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// An error that kept a store from being opened. It shows neither the URL nor anything secret in it.
#[derive(Debug)]
pub struct OpenError {
    kind: OpenErrorKind,
    option: Option<String>,
    reason: Cow<'static, str>,
    source: Option<io::Error>,
}

/// The kind of an [`OpenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The URL is none that this store knows.
    Url,
    /// The URL has an option that this store does not know, has it twice, or with a value that it cannot have.
    UrlOption,
    /// The URL asks for TLS, and the feature `tls` is off.
    NoTls,
    /// The options contradict each other, or what the store was given.
    Options,
    /// No thread could be started.
    Thread,
}

impl OpenError {
    pub(crate) fn new(kind: OpenErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, option: None, reason: reason.into(), source: None }
    }

    pub(crate) fn url(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(OpenErrorKind::Url, reason)
    }

    /// Refuses an option of a URL, whose name has to be safe to show.
    pub(crate) fn url_option(name: &str, reason: impl fmt::Display) -> Self {
        let error = Self::new(OpenErrorKind::UrlOption, format!("the option `{name}` of the URL {reason}"));
        Self { option: Some(name.to_owned()), ..error }
    }

    pub(crate) fn no_tls() -> Self {
        Self::new(OpenErrorKind::NoTls, "this build has no TLS: turn on the feature `tls` of sessions-redis")
    }

    pub(crate) fn thread(error: io::Error) -> Self {
        let reason = "its thread could not be started";
        Self { source: Some(error), ..Self::new(OpenErrorKind::Thread, reason) }
    }

    /// Returns what went wrong.
    #[must_use]
    pub const fn kind(&self) -> OpenErrorKind {
        self.kind
    }

    /// Returns the name of the URL's option that was refused, if it was one and looks like a name.
    #[must_use]
    pub fn option(&self) -> Option<&str> {
        self.option.as_deref()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open the redis store: {}", self.reason)
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_a_script_of_an_old_server_is_recognised() {
        let details = "Error running script (call to f_1): @user_script:3: -READONLY You can't write against a read only replica.";
        assert_eq!(code_of("ERR", details), "READONLY");
        assert_eq!(code_of("ERR", "unknown command"), "ERR");
        assert_eq!(code_of("MOVED", "1 127.0.0.1:1"), "MOVED");
    }

    #[test]
    fn a_redirect_is_read_whatever_the_host_looks_like() {
        let redirect = target("3999 ::1:6381", true).unwrap();
        assert_eq!((redirect.host.as_str(), redirect.port, redirect.once), ("::1", 6381, true));
        assert_eq!(target("3999 :6381", false).unwrap().host, "");
        assert_eq!(target("3999 ?:6381", false).unwrap().host, "");
        assert!(target("3999", false).is_none());
    }
}
