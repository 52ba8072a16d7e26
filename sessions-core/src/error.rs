//! Error types, one for each caller's concern.

mod config;

pub use config::{ConfigError, ConfigErrorKind};

use std::error::Error as StdError;
use std::fmt;

use sessions_store::view::WriteError;
use sessions_store::{Limits, StoreError, StoreErrorKind};

type Cause = Box<dyn StdError + Send + Sync>;

/// The error of a session operation.
///
/// Its text is for the log and contains no token, id or session data. Send the client only the
/// [`status`](Self::status).
///
/// It has the size of a pointer, which keeps `Result`s small.
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    source: Option<Cause>,
    /// The entry or flash that the call failed at.
    key: Option<Box<str>>,
    /// The type that the entry or flash cannot be read as.
    expected_type: Option<&'static str>,
    redirect: Option<Redirect>,
}

/// Where the response to a denial sends the client.
pub(crate) enum Redirect {
    /// By 303 and `Location`.
    SeeOther(String),
    /// By `HX-Redirect`, which htmx follows whatever the status is.
    HxRedirect(String),
}

texts! {
    /// The kind of an [`Error`].
    pub enum ErrorKind {
        /// The store could not be read or written.
        ///
        /// What the request wrote was not saved, unless the store
        /// [timed out](sessions_store::StoreErrorKind::TimedOut): then it may have been.
        StoreUnavailable = "the session store is unavailable",
        /// The session's record has a format that only a newer build can read. The record is left
        /// unchanged, and the session stays valid for that build.
        NewerFormat = "a newer build wrote the session, and only that build can change or end it",
        /// The request has too many session cookies, or too many bytes of cookies, to determine its
        /// session.
        TooManyTokens = "the request has too many or too large cookies; the client must delete some",
        /// Another site made the browser send the request; see
        /// [`CrossOrigin`](crate::CrossOrigin).
        CrossOrigin = "another site made the browser send the request, and its origin is not trusted",
        /// The route requires a recent login or confirmation.
        ConfirmationRequired = "the visitor's last login or confirmation is too old",
        /// The request has both a bearer token and our cookie, or two bearer tokens.
        TwoTransports = "the request has more than one token: send a cookie or one bearer token",
        /// The store has no room for another session, and may evict none.
        StoreFull = "the session store is full",
        /// The session was destroyed, renewed or expired while the request was under way, or the
        /// request's bearer token opens no session. Nothing was written.
        Gone = "the session has ended or was renewed",
        /// A value that the request relied on has changed or is immutable. Nothing was written.
        Conflict = "the session has changed in a way that conflicts with the request",
        /// The entry is immutable: only `set_immutable` replaces it, though it can be removed.
        Immutable = "is immutable; only `set_immutable` replaces it",
        /// The entry is not an integer, or the sum is outside the range of `i64`.
        NotANumber = "is not an integer, or the sum is out of range",
        /// The record would exceed its limit of bytes or keys. It is unchanged.
        TooLarge = "the session would exceed its limits",
        /// The value cannot be stored, since it would not survive a round trip.
        Encode = "cannot be stored",
        /// The entry exists but cannot be read as the requested type.
        Decode = "cannot be read as",
        /// The operating system returned no random bytes, so no token was created.
        Entropy = "cannot create a token: the operating system returned no random bytes",
        /// No free id was found, because the id generator repeats itself.
        IdsExhausted = "cannot find a free session id: the id generator repeats itself",
        /// The token could not be sealed.
        Seal = "cannot seal the token",
        /// A timeout of a login, or of a session of its own, is below one millisecond. To end a
        /// session at once, use [`destroy`](crate::Session::destroy).
        ZeroExpiry = "a timeout below one millisecond would end the session at once; call `destroy` instead",
        /// The operation needs a session, and there is none.
        NoSession = "there is no session",
        /// The operation needs a principal, and nobody is signed in.
        NotSignedIn = "nobody is signed in",
        /// The principal of a login is empty. It could not be told apart from an anonymous visitor.
        EmptyPrincipal = "the principal is empty",
        /// The principal has as many sessions as are allowed, so the login was refused.
        TooManySessions = "the principal has as many sessions as are allowed",
        /// The operation needs a cookie, but the response headers were already sent.
        HeadersSent =
            "cannot set the session cookie: the response headers were already sent; write to the session, renew it \
             or sign in before the response starts",
        /// The handler asked for its session, and there is no session middleware around it.
        NoMiddleware =
            "the handler has no session: wrap its route in a SessionLayer (axum), SessionMiddleware (actix-web) or \
             SessionService (hyper)",
    }

    /// Returns the message of an error of this kind. The key of an entry or flash may precede it.
    pub(crate) fn message;
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Parts { kind, source: None, key: None, expected_type: None, redirect: None }))
    }

    /// Creates the error of a write to `key` that is refused.
    #[cold]
    pub(crate) fn refused(error: WriteError, key: &str, limits: &Limits) -> Self {
        let refused = match error {
            WriteError::Immutable => Self::new(ErrorKind::Immutable),
            WriteError::NotANumber => Self::new(ErrorKind::NotANumber),
            WriteError::TooManyKeys => {
                Self::with_source(ErrorKind::TooLarge, format!("a request writes to at most {} keys", limits.edits()))
            }
            WriteError::TooLarge => Self::too_large(limits),
        };
        refused.at(key)
    }

    /// Creates the error of a record that would exceed its limits.
    #[cold]
    pub(crate) fn too_large(limits: &Limits) -> Self {
        let (bytes, keys) = (limits.bytes(), limits.keys());
        Self::with_source(ErrorKind::TooLarge, format!("a session has at most {bytes} bytes and {keys} keys"))
    }

    /// Creates the error of an entry or flash that cannot be read as a `T`.
    #[cold]
    pub(crate) fn undecodable<T>(key: &str, source: impl Into<Cause>) -> Self {
        let mut error = Self::with_source(ErrorKind::Decode, source).at(key);
        error.0.expected_type = Some(std::any::type_name::<T>());
        error
    }

    #[cold]
    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<Cause>) -> Self {
        let mut error = Self::new(kind);
        error.0.source = Some(source.into());
        error
    }

    /// Names the entry or flash that the call failed at.
    #[cold]
    pub(crate) fn at(mut self, key: &str) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// Makes the response send the client to a page.
    #[cold]
    pub(crate) fn redirecting(mut self, redirect: Option<Redirect>) -> Self {
        self.0.redirect = redirect;
        self
    }

    /// Returns the kind of error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns why the store failed, if this is an error of the store.
    ///
    /// After a [`TimedOut`](StoreErrorKind::TimedOut) write, the change may have been made.
    #[must_use]
    pub fn store_error_kind(&self) -> Option<StoreErrorKind> {
        self.0.source.as_ref()?.downcast_ref().map(StoreError::kind)
    }

    /// Returns the address of the page that the response sends the client to.
    ///
    /// Only a denial has one: with [`NotSignedIn`](ErrorKind::NotSignedIn) it is the login
    /// page, with [`ConfirmationRequired`](ErrorKind::ConfirmationRequired) the confirm page.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        match self.0.redirect.as_ref()? {
            Redirect::SeeOther(url) | Redirect::HxRedirect(url) => Some(url),
        }
    }

    pub(crate) fn redirect(&self) -> Option<&Redirect> {
        self.0.redirect.as_ref()
    }

    /// Returns the key of the entry or flash that could not be read or written.
    ///
    /// Errors of the kinds [`Decode`](ErrorKind::Decode), [`Encode`](ErrorKind::Encode),
    /// [`Immutable`](ErrorKind::Immutable) and [`NotANumber`](ErrorKind::NotANumber) have one, and
    /// [`TooLarge`](ErrorKind::TooLarge) has one if an entry or flash did not fit.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Returns the type that the entry or flash was expected to have.
    ///
    /// Only errors of kind [`Decode`](ErrorKind::Decode) have one.
    #[must_use]
    pub const fn expected_type(&self) -> Option<&'static str> {
        self.0.expected_type
    }

    /// Returns the HTTP status to send to the client.
    ///
    /// - 303: the visitor must sign in or confirm, and the browser shows the page for that
    /// - 400: too many session cookies, a cookie beside a bearer token, or a login without a name
    /// - 401: there is no session or it is gone, or the visitor must sign in or confirm
    /// - 403: another site made the browser send the request, or the principal has too many
    ///   sessions
    /// - 409: conflict
    /// - 413: the record would be too large
    /// - 503: the store failed, is full, or has a record that only a newer build can read
    /// - 500: everything else
    ///
    /// A response with status 413 discards what its request wrote, as a 5xx does. So a handler
    /// that returns the error of a refused call leaves the record unchanged.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.0.kind {
            _ if matches!(self.0.redirect, Some(Redirect::SeeOther(_))) => 303,
            ErrorKind::StoreUnavailable | ErrorKind::StoreFull | ErrorKind::NewerFormat => 503,
            ErrorKind::TooManyTokens | ErrorKind::TwoTransports | ErrorKind::EmptyPrincipal => 400,
            ErrorKind::NotSignedIn | ErrorKind::ConfirmationRequired | ErrorKind::Gone | ErrorKind::NoSession => 401,
            ErrorKind::CrossOrigin | ErrorKind::TooManySessions => 403,
            ErrorKind::Conflict => 409,
            ErrorKind::TooLarge => 413,
            _ => 500,
        }
    }

    /// Returns the error and its sources as one text, for the log.
    ///
    /// Not every `tracing` subscriber shows the sources of an error.
    #[must_use]
    pub fn chain(&self) -> impl fmt::Display {
        Chain(self)
    }

    /// Returns whether the server caused the error, so that an operator should look at it.
    ///
    /// Adapters log such errors at level `ERROR` and all others at `DEBUG`. Not every 500 counts: a
    /// client that may choose keys can increment a string entry repeatedly, and must not be able to
    /// flood the log.
    #[must_use]
    pub const fn is_servers_fault(&self) -> bool {
        self.status() >= 500 && !matches!(self.0.kind, ErrorKind::Immutable | ErrorKind::NotANumber)
    }
}

/// Shows the kind and the source, never the value of an entry.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.kind());
        if let Some(key) = &self.0.key {
            shown.field("key", key);
        }
        if let Some(expected_type) = self.0.expected_type {
            shown.field("expected_type", &expected_type);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.0.key {
            write!(f, "the entry {key:?} ")?;
        }
        f.write_str(match self.0.kind {
            ErrorKind::TooLarge if self.0.key.is_some() => "does not fit the session's limits",
            kind => kind.message(),
        })?;
        self.0.expected_type.map_or(Ok(()), |expected| write!(f, " `{expected}`"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|cause| &**cause as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::NewerFormat => ErrorKind::NewerFormat,
            _ => ErrorKind::StoreUnavailable,
        };
        Self::with_source(kind, error)
    }
}

/// For handlers that return [`std::io::Result`]: `sessions-minihttp` finds the error inside.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// Displays an error followed by its sources.
struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let mut causes = std::iter::successors(self.0.source(), |cause| (*cause).source());
        causes.try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_error_contains_the_sessions() {
        let error = std::io::Error::from(Error::new(ErrorKind::Gone));
        assert_eq!(error.kind(), std::io::ErrorKind::Other);
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert_eq!(inner.map(Error::kind), Some(ErrorKind::Gone));
    }

    #[test]
    fn client_errors_are_not_the_servers_fault() {
        for (kind, status, is_servers_fault) in [
            (ErrorKind::StoreUnavailable, 503, true),
            (ErrorKind::StoreFull, 503, true),
            (ErrorKind::Gone, 401, false),
            (ErrorKind::Conflict, 409, false),
            (ErrorKind::NewerFormat, 503, true),
            (ErrorKind::TooManyTokens, 400, false),
            (ErrorKind::CrossOrigin, 403, false),
            (ErrorKind::ConfirmationRequired, 401, false),
            (ErrorKind::Immutable, 500, false),
            (ErrorKind::NotANumber, 500, false),
            (ErrorKind::TooLarge, 413, false),
            (ErrorKind::Encode, 500, true),
            (ErrorKind::Decode, 500, true),
            (ErrorKind::Entropy, 500, true),
            (ErrorKind::IdsExhausted, 500, true),
            (ErrorKind::Seal, 500, true),
            (ErrorKind::ZeroExpiry, 500, true),
            (ErrorKind::NoSession, 401, false),
            (ErrorKind::NotSignedIn, 401, false),
            (ErrorKind::EmptyPrincipal, 400, false),
            (ErrorKind::TooManySessions, 403, false),
            (ErrorKind::TwoTransports, 400, false),
            (ErrorKind::HeadersSent, 500, true),
            (ErrorKind::NoMiddleware, 500, true),
        ] {
            let error = Error::new(kind);
            assert_eq!((error.status(), error.is_servers_fault()), (status, is_servers_fault), "{kind:?}");
        }
    }
}
