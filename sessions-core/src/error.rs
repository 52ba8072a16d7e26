//! What can go wrong, one type for each caller's concern.

mod config;
mod store;

pub use config::{ConfigError, ConfigErrorKind};
pub use store::{StoreError, StoreErrorKind};

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

type Cause = Box<dyn StdError + Send + Sync>;

/// Says why a session could not do what it was asked.
///
/// Its text is for the log, and holds no token, id or session data. What the client is told is the
/// bare [`status`](Self::status).
///
/// It is as large as a pointer, so that the results of calls that succeed are small.
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    source: Option<Cause>,
    undecodable: Option<Undecodable>,
}

/// An entry or flash that could not be read.
struct Undecodable {
    key: Arc<str>,
    expected: &'static str,
}

/// Is the kind of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store could not be asked, or could not write. Nothing of the request was saved.
    StoreUnavailable,
    /// The session's record has a format that only a newer build can read. It is left as it is, and
    /// the session lives on there.
    NewerFormat,
    /// The request carries more session cookies than are looked at, so nothing can be said of the
    /// session.
    TooManyTokens,
    /// The store holds as much as it may, and all of it belongs to people who are signed in.
    StoreFull,
    /// The session was destroyed, renewed or expired while the request was under way. Nothing was
    /// written.
    Gone,
    /// A value that the request relied on had changed, or was immutable. Nothing was written.
    Conflict,
    /// The entry is immutable: only `set_immutable` replaces it.
    Immutable,
    /// The entry is not a number that can be added to, or the sum leaves the range of `i64`.
    NotANumber,
    /// The record would exceed its limits of bytes or keys. It is as it was.
    TooLarge,
    /// The value cannot be stored: what reads it again would not get it as it is.
    Encode,
    /// The entry is there and cannot be read as the type asked for.
    Decode,
    /// No random bytes could be had, so no token was made.
    Entropy,
    /// No free id was found: the id generator repeats itself.
    IdsExhausted,
    /// The token could not be sealed.
    Seal,
    /// A session's own idle limit must be a millisecond or more;
    /// [`destroy`](crate::Session::destroy) ends a session at once.
    ZeroExpiry,
    /// There is no session to do this to.
    NoSession,
    /// The response's head is gone, and this would have needed a cookie.
    AlreadyCommitted,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Parts { kind, source: None, undecodable: None }))
    }

    #[cold]
    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<Cause>) -> Self {
        Self(Box::new(Parts { kind, source: Some(source.into()), undecodable: None }))
    }

    #[cold]
    pub(crate) fn new_undecodable(key: &str, expected: &'static str, source: impl Into<Cause>) -> Self {
        let mut error = Self::with_source(ErrorKind::Decode, source);
        error.0.undecodable = Some(Undecodable { key: key.into(), expected });
        error
    }

    /// Returns what went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the key of the entry or flash that could not be read, for
    /// [`Decode`](ErrorKind::Decode).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.undecodable.as_ref().map(|entry| &*entry.key)
    }

    /// Returns the type that the entry or flash should have had, for [`Decode`](ErrorKind::Decode).
    #[must_use]
    pub fn expected_type(&self) -> Option<&'static str> {
        self.0.undecodable.as_ref().map(|entry| entry.expected)
    }

    /// Returns the key and the expected type of an entry that could not be read, for its event.
    pub(crate) fn undecodable(&self) -> Option<(&Arc<str>, &'static str)> {
        self.0.undecodable.as_ref().map(|entry| (&entry.key, entry.expected))
    }

    /// Returns the HTTP status that tells a client as much as it may know.
    ///
    /// 503 where the store or another build is to blame, 400 for too many session cookies, 401 for
    /// a session that is gone, 409 for a conflict, 413 for a record that would be too large, 500
    /// for the rest. A response of 413 keeps nothing of what its request wrote, as one of a 5xx, so
    /// a handler that returns what a call on the handle refused leaves the record as it was.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.0.kind {
            ErrorKind::StoreUnavailable | ErrorKind::StoreFull | ErrorKind::NewerFormat => 503,
            ErrorKind::TooManyTokens => 400,
            ErrorKind::Gone => 401,
            ErrorKind::Conflict => 409,
            ErrorKind::TooLarge => 413,
            _ => 500,
        }
    }

    /// Returns the error and its causes as one text, for the log.
    ///
    /// Not every subscriber of `tracing` shows the causes of an error.
    #[must_use]
    pub fn chain(&self) -> impl fmt::Display {
        Chain(self)
    }

    /// Says whether the server is to blame, so that somebody should look at it. Adapters tell the
    /// log of such an error at the level `ERROR`, of others at `DEBUG`.
    ///
    /// Not every 5xx is: a client that may choose keys can add to a text as often as it likes, and
    /// must not flood the log with it.
    #[must_use]
    pub const fn is_servers_fault(&self) -> bool {
        !matches!(
            self.0.kind,
            ErrorKind::Gone
                | ErrorKind::Conflict
                | ErrorKind::TooLarge
                | ErrorKind::TooManyTokens
                | ErrorKind::Immutable
                | ErrorKind::NotANumber
        )
    }
}

/// Shows the kind and the cause, never what an entry holds.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.kind());
        if let Some(Undecodable { key, expected }) = &self.0.undecodable {
            shown.field("key", key).field("expected_type", expected);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Undecodable { key, expected }) = &self.0.undecodable {
            return write!(f, "the entry {key:?} cannot be read as `{expected}`");
        }
        f.write_str(match self.0.kind {
            ErrorKind::StoreUnavailable => "the session store is unavailable",
            ErrorKind::NewerFormat => "the session was written by a newer build, and only that can change or end it",
            ErrorKind::TooManyTokens => "the request carries more session cookies than are looked at; the client must delete some",
            ErrorKind::StoreFull => "the session store is full",
            ErrorKind::Gone => "the session ended while the request was under way",
            ErrorKind::Conflict => "the session changed in a way that the request did not expect",
            ErrorKind::Immutable => "the entry is immutable",
            ErrorKind::NotANumber => "the entry cannot be added to",
            ErrorKind::TooLarge => "the session would exceed its limits",
            ErrorKind::Encode => "the value cannot be stored",
            ErrorKind::Decode => "the entry is not of the type asked for",
            ErrorKind::Entropy => "cannot make a token: the operating system gave no random bytes",
            ErrorKind::IdsExhausted => "the id generator repeats itself",
            ErrorKind::Seal => "the token could not be sealed",
            ErrorKind::ZeroExpiry => {
                "an idle limit below a millisecond would end the session at once; destroy it instead"
            }
            ErrorKind::NoSession => "there is no session",
            ErrorKind::AlreadyCommitted => {
                "the response headers were already sent, and this needs a cookie; write to the session, renew it or sign in \
                 before the response starts"
            }
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|cause| &**cause as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::with_source(ErrorKind::StoreUnavailable, error)
    }
}

/// An error and its causes.
struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let mut next = StdError::source(self.0);
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_can_cause_is_not_the_servers_fault() {
        for (kind, status, is_servers_fault) in [
            (ErrorKind::StoreUnavailable, 503, true),
            (ErrorKind::StoreFull, 503, true),
            (ErrorKind::Gone, 401, false),
            (ErrorKind::Conflict, 409, false),
            (ErrorKind::NewerFormat, 503, true),
            (ErrorKind::TooManyTokens, 400, false),
            (ErrorKind::Immutable, 500, false),
            (ErrorKind::NotANumber, 500, false),
            (ErrorKind::TooLarge, 413, false),
            (ErrorKind::Encode, 500, true),
            (ErrorKind::Decode, 500, true),
            (ErrorKind::Entropy, 500, true),
            (ErrorKind::IdsExhausted, 500, true),
            (ErrorKind::Seal, 500, true),
            (ErrorKind::ZeroExpiry, 500, true),
            (ErrorKind::NoSession, 500, true),
            (ErrorKind::AlreadyCommitted, 500, true),
        ] {
            let error = Error::new(kind);
            assert_eq!((error.status(), error.is_servers_fault()), (status, is_servers_fault), "{kind:?}");
        }
    }
}
