//! What can be wrong with the options.

use std::fmt;

/// What is wrong with the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    /// What was given, and what to write instead.
    advice: Option<Box<str>>,
}

/// The kind of a [`ConfigError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The cookie's name is not a token of RFC 9110, or leaves no room for a value.
    CookieName,
    /// The name's prefix promises what the other options break, or is nearly one that browsers
    /// know.
    CookiePrefix,
    /// The path does not begin with `/`, or holds what a cookie cannot carry.
    CookiePath,
    /// The domain is not a lower-case name of two labels or more.
    CookieDomain,
    /// `SameSite=None` needs `Secure`.
    SameSiteNoneNeedsSecure,
    /// `Partitioned` needs `Secure`.
    PartitionedNeedsSecure,
    /// A key is shorter than 32 bytes or obviously not random, or there is none.
    SealKey,
    /// An idle or absolute limit below a millisecond ends every session at once.
    ZeroExpiry,
    /// The interval between two sweeps must be a millisecond or more.
    ZeroInterval,
    /// A record may hold more bytes or keys than its format has room for, so that what a session
    /// took could not be saved.
    RecordLimits,
    /// The process-wide default is already in use.
    GlobalAlreadySet,
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind, advice: None }
    }

    pub(crate) fn with_advice(mut self, advice: impl Into<Box<str>>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Returns what is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ConfigErrorKind::CookieName => "the cookie's name is not a token",
            ConfigErrorKind::CookiePrefix => "the cookie's name has a prefix that the other options break",
            ConfigErrorKind::CookiePath => "the cookie's path is not one",
            ConfigErrorKind::CookieDomain => "the cookie's domain is not a lower-case name of two labels or more",
            ConfigErrorKind::SameSiteNoneNeedsSecure => "SameSite=None needs Secure",
            ConfigErrorKind::PartitionedNeedsSecure => "Partitioned needs Secure",
            ConfigErrorKind::SealKey => "a key is missing, shorter than 32 bytes or plainly not random",
            ConfigErrorKind::ZeroExpiry => "a limit below a millisecond ends every session at once",
            ConfigErrorKind::ZeroInterval => {
                "an interval below a millisecond would sweep without a pause; use None to never sweep"
            }
            ConfigErrorKind::RecordLimits => "a record may hold 4,294,967,295 bytes and 65,535 keys at most",
            ConfigErrorKind::GlobalAlreadySet => "the process-wide default is already in use",
        })?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, ": {advice}"))
    }
}

impl std::error::Error for ConfigError {}
