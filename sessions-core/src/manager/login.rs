//! A sign-in: who, and for how long.

use std::time::Duration;

use sessions_store::{Lifetime, Timestamp};

use crate::error::{Error, ErrorKind};
use crate::manager::expiry::Expiry;

/// Maximum length of a principal in bytes.
///
/// An e-mail address has at most 254, an OpenID Connect subject 255.
const LONGEST_PRINCIPAL: usize = 1024;

/// A sign-in: the principal, and how long they stay signed in.
///
/// By default it uses the manager's timeouts and cookie settings.
///
/// ```
/// use std::time::Duration;
/// use sessions_core::{Login, Sessions};
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let exchange = sessions.open();
/// let session = exchange.session([]).await?;
///
/// // The box "keep me signed in" was ticked.
/// session.login(Login::new("ann").remember(Duration::from_secs(30 * 86_400)))?;
///
/// let cookie = exchange.end(200).await?.take_set_cookie().unwrap();
/// assert!(cookie.contains("; Max-Age="), "it outlives the browser");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct Login {
    principal: Box<str>,
    /// Its own timeouts, `None` for the manager's and [`Duration::MAX`] for none.
    idle: Option<Duration>,
    absolute: Option<Duration>,
    persists: bool,
}

impl Login {
    /// Creates a sign-in with the manager's timeouts.
    pub fn new(principal: impl Into<String>) -> Self {
        Self { principal: principal.into().into_boxed_str(), idle: None, absolute: None, persists: false }
    }

    /// Keeps the principal signed in for `duration`, used or not: "keep me signed in".
    ///
    /// The session ends `duration` after this login, its idle timeout is as long, and its cookie
    /// outlives the browser. Everybody else keeps the manager's timeouts. Browsers keep a cookie
    /// for 400 days at most. `None`, for a box that was not ticked, changes nothing.
    pub fn remember(mut self, duration: impl Into<Option<Duration>>) -> Self {
        let duration = duration.into();
        if duration.is_some() {
            (self.idle, self.absolute, self.persists) = (duration, duration, true);
        }
        self
    }

    /// Sets the idle timeout of this login, `None` for none.
    pub fn idle(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.idle = idle.into().or(Some(Duration::MAX));
        self
    }

    /// Sets the absolute timeout of this login, `None` for none.
    pub fn absolute(mut self, absolute: impl Into<Option<Duration>>) -> Self {
        self.absolute = absolute.into().or(Some(Duration::MAX));
        self
    }

    /// Checks the sign-in and returns its principal and lifetime.
    pub(crate) fn resolve(self, expiry: &Expiry, now: Timestamp) -> Result<(Box<str>, Lifetime), Error> {
        if self.principal.is_empty() {
            return Err(Error::new(ErrorKind::EmptyPrincipal));
        }
        if self.principal.len() > LONGEST_PRINCIPAL {
            let cause = format!("the principal is longer than {LONGEST_PRINCIPAL} bytes");
            return Err(Error::with_source(ErrorKind::TooLarge, cause));
        }
        let expiry = Expiry {
            idle: self.idle.or(expiry.idle),
            absolute: self.absolute.or(expiry.absolute),
            persists: self.persists || expiry.persists,
        };
        if expiry.is_zero() {
            return Err(Error::new(ErrorKind::ZeroExpiry));
        }
        Ok((self.principal, expiry.lifetime(now)))
    }
}

impl<T: Into<String>> From<T> for Login {
    fn from(principal: T) -> Self {
        Self::new(principal)
    }
}

redacted!(Login { idle, absolute, persists });
