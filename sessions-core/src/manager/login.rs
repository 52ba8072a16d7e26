//! A sign-in: who, and for how long.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::manager::expiry::Expiry;
use crate::platform::{Timestamp, whole_millis};
use crate::record::{LONGEST_PRINCIPAL, Lifetime};

/// A sign-in: the principal, and how long they stay signed in.
///
/// Without more it has the manager's timeouts, and a cookie as the manager sets it.
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
    idle: Timeout,
    absolute: Timeout,
    persists: bool,
}

/// A timeout of one sign-in.
#[derive(Clone, Copy, Debug)]
enum Timeout {
    Managers,
    Own(Duration),
    Endless,
}

impl Login {
    /// Creates a sign-in with the manager's timeouts.
    pub fn new(principal: impl Into<String>) -> Self {
        let principal = principal.into().into_boxed_str();
        Self { principal, idle: Timeout::Managers, absolute: Timeout::Managers, persists: false }
    }

    /// Keeps the principal signed in for `duration`, used or not: "keep me signed in".
    ///
    /// The session ends `duration` after this login, its idle timeout is as long, and its cookie
    /// outlives the browser. Everybody else keeps the manager's timeouts. Browsers keep a cookie
    /// for 400 days at most. `None`, for a box that was not ticked, changes nothing.
    pub fn remember(mut self, duration: impl Into<Option<Duration>>) -> Self {
        if let Some(duration) = duration.into() {
            self.idle = Timeout::Own(duration);
            self.absolute = Timeout::Own(duration);
            self.persists = true;
        }
        self
    }

    /// Sets the idle timeout of this login, `None` for none.
    pub fn idle(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.idle = idle.into().into();
        self
    }

    /// Sets the absolute timeout of this login, `None` for none.
    pub fn absolute(mut self, absolute: impl Into<Option<Duration>>) -> Self {
        self.absolute = absolute.into().into();
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
        if [self.idle, self.absolute].into_iter().any(Timeout::is_zero) {
            return Err(Error::new(ErrorKind::ZeroExpiry));
        }
        let lifetime = expiry.lifetime(now);
        let lifetime = match self.idle {
            Timeout::Managers => lifetime,
            Timeout::Own(limit) => lifetime.with_idle(limit),
            Timeout::Endless => lifetime.with_idle(None),
        };
        let lifetime = match self.absolute {
            Timeout::Managers => lifetime,
            Timeout::Own(limit) => lifetime.with_absolute_deadline(now.after(limit)),
            Timeout::Endless => lifetime.with_absolute_deadline(Timestamp::NEVER),
        };
        let persists = self.persists || lifetime.cookie_persists();
        Ok((self.principal, lifetime.with_persistent_cookie(persists)))
    }
}

impl From<&str> for Login {
    fn from(principal: &str) -> Self {
        Self::new(principal)
    }
}

impl From<&String> for Login {
    fn from(principal: &String) -> Self {
        Self::new(principal)
    }
}

impl From<String> for Login {
    fn from(principal: String) -> Self {
        Self::new(principal)
    }
}

impl Timeout {
    fn is_zero(self) -> bool {
        matches!(self, Self::Own(limit) if whole_millis(limit) == 0)
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(limit: Option<Duration>) -> Self {
        limit.map_or(Self::Endless, Self::Own)
    }
}

/// Shows the timeouts, not the principal.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .field("persists", &self.persists)
            .finish_non_exhaustive()
    }
}
