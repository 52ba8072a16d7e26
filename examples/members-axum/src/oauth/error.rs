//! The error of a sign-in at a provider.

use std::error::Error;
use std::fmt;

/// The reason why a provider could not be asked.
#[derive(Debug)]
pub struct OAuthError {
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl OAuthError {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }

    pub(super) fn caused_by(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what, source: Some(source.into()) }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for OAuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
