//! Why a store cannot be opened.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// An error that prevented a store from being opened.
///
/// It shows neither the URL nor a secret in it.
#[derive(Debug)]
pub struct OpenError {
    kind: OpenErrorKind,
    option: Option<String>,
    reason: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an [`OpenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The URL has a form that this store does not know.
    Url,
    /// An option in the URL is unknown, repeated or has an invalid value.
    UrlOption,
    /// The URL asks for TLS, but the feature `tls` is off.
    NoTls,
    /// Options contradict each other or a given connection, or one has an invalid value.
    Options,
    /// The folder of a database file does not exist.
    Folder,
    /// The database file cannot be created, or somebody else may have put it there or written to
    /// it.
    File,
    /// A thread could not be started, or a pool was given outside a tokio runtime.
    Runtime,
}

impl OpenError {
    /// Creates an error. The reason must be safe to show.
    pub fn new(kind: OpenErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, option: None, reason: reason.into(), source: None }
    }

    /// Creates the error for an option of a URL, whose name must be safe to show.
    pub fn url_option(name: &str, reason: impl fmt::Display) -> Self {
        let error = Self::new(OpenErrorKind::UrlOption, format!("the option `{name}` of the URL {reason}"));
        Self { option: Some(name.to_owned()), ..error }
    }

    /// Creates the error for an option that is 0, which would let nothing through.
    #[must_use]
    pub fn zero(name: &str) -> Self {
        Self::new(OpenErrorKind::Options, format!("`{name}` is 0, which lets nothing through"))
    }

    /// Creates the error for a URL that needs TLS, which a build of `krate` lacks.
    #[must_use]
    pub fn no_tls(krate: &str) -> Self {
        Self::new(OpenErrorKind::NoTls, format!("this build has no TLS: turn on the feature `tls` of {krate}"))
    }

    /// Adds the cause, which must be safe to show.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> OpenErrorKind {
        self.kind
    }

    /// Returns the name of the refused URL option, if it is safe to show.
    #[must_use]
    pub fn option(&self) -> Option<&str> {
        self.option.as_deref()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open the session store: {}", self.reason)
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| &**error as _)
    }
}
