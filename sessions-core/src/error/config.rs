//! Errors of the configuration.

use std::fmt;

/// The error of an invalid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    /// The rejected value, and what to write instead.
    advice: Option<Box<str>>,
}

texts! {
    /// The kind of a [`ConfigError`].
    pub enum ConfigErrorKind {
        /// The cookie name is not an RFC 9110 token, or leaves no room for a value.
        CookieName = "the cookie name is not a valid token",
        /// The prefix of the cookie name contradicts another option, or differs from a known prefix
        /// only in case.
        CookiePrefix = "the prefix of the cookie name contradicts the other options",
        /// The cookie path does not begin with `/`, or has a character that no cookie may contain.
        CookiePath = "the cookie path is not valid",
        /// The cookie domain is not a lower-case name of at least two labels.
        CookieDomain = "the cookie domain is not a lower-case name of at least two labels",
        /// `SameSite=None` requires `Secure`.
        SameSiteNoneNeedsSecure = "SameSite=None requires Secure",
        /// `Partitioned` requires `Secure`.
        PartitionedNeedsSecure = "Partitioned requires Secure",
        /// The key is missing, shorter than 32 bytes or obviously not random.
        SealKey = "the key is missing, shorter than 32 bytes or obviously not random",
        /// The idle or absolute timeout is below one millisecond: every session would end at once.
        ZeroExpiry = "a timeout below one millisecond would end every session at once",
        /// The interval between two sweeps or rotations is below one millisecond.
        ZeroInterval = "an interval below one millisecond would sweep or rotate without a pause; `None` turns it off",
        /// The limit of a principal's sessions is zero: nobody could sign in.
        NoSessions = "a principal needs at least one session; `None` allows any number",
        /// The limits allow no entry, or more bytes or keys than the record format can store.
        RecordLimits = "the limits must allow an entry, and at most 4,294,967,295 bytes and 65,535 keys",
        /// A trusted origin is not of the form `scheme://host` or `scheme://host:port`.
        TrustedOrigin = "a trusted origin is not valid",
        /// A trusted proxy is not an address or a network.
        TrustedProxy = "a trusted proxy is not an address or a network",
        /// The login or confirm page is not a path of this site.
        Page = "the login or confirm page is not a path of this site",
        /// The process-wide session manager is already in use.
        GlobalAlreadySet = "the process-wide session manager is already in use",
    }

    /// Returns the message of an error of this kind, which advice may follow.
    pub(crate) fn message;
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind, advice: None }
    }

    pub(crate) fn with_advice(mut self, advice: impl Into<Box<str>>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Returns the kind of error.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.message())?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, ": {advice}"))
    }
}

impl std::error::Error for ConfigError {}
