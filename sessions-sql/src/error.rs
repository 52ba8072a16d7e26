//! Why a store cannot be opened.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

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
    /// Options of the builder contradict each other, or one has an invalid value.
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
    pub(crate) fn new(kind: OpenErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, option: None, reason: reason.into(), source: None }
    }

    pub(crate) fn url(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(OpenErrorKind::Url, reason)
    }

    /// Creates the error for an option of a URL, whose name must be safe to show.
    pub(crate) fn url_option(name: &str, reason: impl fmt::Display) -> Self {
        let error = Self::new(OpenErrorKind::UrlOption, format!("the option `{name}` of the URL {reason}"));
        Self { option: Some(name.to_owned()), ..error }
    }

    pub(crate) fn thread(error: io::Error) -> Self {
        Self { source: Some(error.into()), ..Self::new(OpenErrorKind::Runtime, "its thread could not be started") }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn file(path: &std::path::Path, error: sessions_disk::OpenError) -> Self {
        let reason = format!("{}: {}", path.display(), error.reason());
        Self { source: Some(error.into()), ..Self::new(OpenErrorKind::File, reason) }
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
        write!(f, "cannot open the SQL store: {}", self.reason)
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| &**error as _)
    }
}
