//! What can go wrong, without the secrets that were near when it did.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use redis::{Client, ConnectionAddr, ErrorKind, RedisError, ServerError};
use sessions_core::{StoreError, StoreErrorKind};

use crate::refusal::Refusal;

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
    Refused { refusal: Refusal, server: String },
}

impl Fault {
    /// Sorts an error that redis-rs reports for something that may have been sent.
    pub(crate) fn of_sent(error: &RedisError) -> Self {
        match server_error(error) {
            Some(server) => Self::refused(server),
            None => Self::Lost(Cause::new(error)),
        }
    }

    /// Takes the answer of a server that says no.
    pub(crate) fn refused(error: &ServerError) -> Self {
        Self::Refused { refusal: Refusal::new(error), server: "the server".to_owned() }
    }

    pub(crate) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.code()),
            _ => None,
        }
    }

    /// Says whether another try may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Lost(_) => true,
            Self::Refused { refusal, .. } => refusal.may_pass(),
        }
    }

    /// Names the server in what is shown.
    pub(crate) fn at(self, server: impl fmt::Display) -> Self {
        match self {
            Self::Unreached(cause) => Self::Unreached(cause.at(server)),
            Self::Lost(cause) => Self::Lost(cause.at(server)),
            Self::Refused { refusal, .. } => Self::Refused { refusal, server: server.to_string() },
        }
    }

    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Unreached(cause) | Self::Lost(cause) => cause,
            Self::Refused { refusal, server } => Cause(format!("{server} {refusal}")),
        }
    }

    pub(crate) fn into_error(self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(NAME, kind).caused_by(self.cause())
    }
}

fn server_error(error: &RedisError) -> Option<&ServerError> {
    StdError::source(error).and_then(|source| source.downcast_ref())
}

/// A cause that is safe to log.
///
/// Not the error of redis-rs itself: that one quotes what the server said, which may quote what it
/// was sent.
#[derive(Clone, Debug)]
pub(crate) struct Cause(String);

impl Cause {
    pub(crate) fn new(error: &RedisError) -> Self {
        match error.kind() {
            // The system's or TLS's own words, which know nothing of what was sent.
            ErrorKind::Io => Self(in_lower_case(&error.to_string())),
            // What the server answered to AUTH, redis-rs does not tell.
            ErrorKind::AuthenticationFailed => Self::refusal(&Refusal::of("WRONGPASS", "")),
            ErrorKind::Server(_) | ErrorKind::Extension => {
                Self::refusal(&Refusal::of(error.code().unwrap_or("ERR"), error.detail().unwrap_or_default()))
            }
            _ => Self(in_lower_case(error.category())),
        }
    }

    fn refusal(refusal: &Refusal) -> Self {
        Self(format!("the server {refusal}"))
    }

    pub(crate) const fn text(text: String) -> Self {
        Self(text)
    }

    /// Names the server.
    pub(crate) fn at(self, server: impl fmt::Display) -> Self {
        Self(format!("{server}: {}", self.0))
    }
}

/// Writes a message of somebody else's as ours are.
fn in_lower_case(text: &str) -> String {
    let mut letters = text.chars();
    let is_word = letters.clone().nth(1).is_some_and(char::is_lowercase);
    match letters.next().filter(|_| is_word) {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text.to_owned(),
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// Returns how a server is named in errors: `host:port`, or the path of its socket.
pub(crate) fn name_of(client: &Client) -> String {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } if host.contains(':') => {
            format!("[{host}]:{port}")
        }
        address => address.to_string(),
    }
}

/// An error that kept a store from being opened. It shows neither the URL nor anything secret in
/// it.
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
    /// The URL has an option that this store does not know, has it twice, or with a value that it
    /// cannot have.
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
