//! How long a session lives.

use std::time::Duration;

use sessions_store::{Lifetime, Record, Timestamp};

/// The timeouts of sessions, and the lifetime of their cookie in browsers.
///
/// Both timeouts are stored in the record, and the server enforces them at every read. The cookie's
/// `Max-Age` is only a hint to the browser.
///
/// ```
/// use std::time::Duration;
/// use sessions_core::{Expiry, Sessions};
///
/// # pollster::block_on(async {
/// let remembered = Expiry::default().idle(Duration::from_secs(14 * 86_400)).absolute(None).persistent_cookie(true);
/// let sessions = Sessions::builder().expiry(remembered).build()?;
/// assert!(sessions.issue("ann").await?.set_cookie().ends_with("; Max-Age=1209600"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Expiry {
    pub(super) idle: Option<Duration>,
    pub(super) absolute: Option<Duration>,
    /// Browsers keep the cookie until the session expires.
    pub(super) persists: bool,
}

impl Default for Expiry {
    /// 30 minutes idle, 12 hours absolute, and a cookie that ends with the browser.
    ///
    /// The OWASP session management cheat sheet and NIST SP 800-63B ask for both timeouts.
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(30 * 60)),
            absolute: Some(Duration::from_secs(12 * 60 * 60)),
            persists: false,
        }
    }
}

impl Expiry {
    /// Creates an expiry without timeouts.
    ///
    /// Whoever has the cookie stays signed in until the session is destroyed.
    ///
    /// Browsers keep the cookie for 400 days.
    pub const fn never() -> Self {
        Self { idle: None, absolute: None, persists: true }
    }

    /// Sets the idle timeout, `None` for none. The default is 30 minutes.
    pub fn idle(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.idle = idle.into();
        self
    }

    /// Sets the absolute timeout, `None` for none. The default is 12 hours.
    pub fn absolute(mut self, absolute: impl Into<Option<Duration>>) -> Self {
        self.absolute = absolute.into();
        self
    }

    /// Sets whether the cookie outlives the browser. The default is `false`.
    ///
    /// Its `Max-Age` is then the session's remaining time, and it is resent whenever the idle
    /// timeout restarts.
    pub const fn persistent_cookie(mut self, persists: bool) -> Self {
        self.persists = persists;
        self
    }

    /// Returns the lifetime of a session that begins at `now`.
    pub(crate) fn lifetime(&self, now: Timestamp) -> Lifetime {
        Lifetime::ENDLESS
            .with_idle(self.idle)
            .with_absolute_deadline(self.absolute.map_or(Timestamp::NEVER, |limit| now.after(limit)))
            .with_persistent_cookie(self.persists)
    }

    /// Returns whether a timeout is zero when rounded down to milliseconds, the unit of a record.
    pub(crate) fn is_zero(&self) -> bool {
        [self.idle, self.absolute].into_iter().flatten().any(|limit| limit.as_millis() == 0)
    }
}

/// Returns whether the time of last use is due to be written.
///
/// Writing it at every request would turn each read into a write. A session with a short idle
/// timeout is touched more often, so that it never loses more than a twentieth of that timeout.
pub(crate) fn touch_is_due(record: &Record, now: Timestamp, touch_every_millis: u64) -> bool {
    let interval = touch_every_millis.min(record.idle_millis() / 20);
    now.as_millis().saturating_sub(record.last_seen().as_millis()) >= interval.max(1)
}

/// Time after which an unused rotated secret is replaced: its response was probably lost.
pub(crate) const ROTATION_GRACE: Duration = Duration::from_secs(60);

/// Returns whether a session that is used at `now` is due for a new secret.
pub(crate) fn rotation_is_due(record: &Record, now: Timestamp, rotate_every: Duration) -> bool {
    match record.rotating_since() {
        Some(since) => now.since(since) >= ROTATION_GRACE,
        None => now.since(record.secret_since()) >= rotate_every,
    }
}

#[cfg(test)]
mod tests {
    use sessions_store::{SecretHash, SessionId};

    use super::*;

    fn record(idle: Option<Duration>) -> Record {
        let hash = SecretHash::from_bytes([0; 32]);
        Record::builder(SessionId::from_bytes([0; 16]), hash, Timestamp::from_millis(0)).idle(idle).build().unwrap()
    }

    #[test]
    fn nearer_timeout_ends_a_session() {
        let at = Timestamp::from_millis;
        let idle = |millis| Some(Duration::from_millis(millis));
        let ends_at = |now, idle: Option<Duration>, absolute| {
            Lifetime::ENDLESS.with_idle(idle).with_absolute_deadline(absolute).ends_at(now)
        };
        for (now, limit, absolute, end) in [
            (at(10), idle(5), at(100), at(15)),
            (at(99), idle(5), at(100), at(100)),
            (at(10), None, at(100), at(100)),
            (at(10), None, Timestamp::NEVER, Timestamp::NEVER),
            (at(10), Some(Duration::MAX), Timestamp::NEVER, Timestamp::NEVER),
        ] {
            assert_eq!(ends_at(now, limit, absolute), end);
        }
    }

    #[test]
    fn timeout_below_a_millisecond_is_zero() {
        for (micros, is_zero) in [(0, true), (500, true), (999, true), (1000, false), (1500, false)] {
            let limit = Duration::from_micros(micros);
            assert_eq!(Expiry::never().idle(limit).is_zero(), is_zero, "{limit:?}");
            assert_eq!(Expiry::never().absolute(limit).is_zero(), is_zero, "{limit:?}");
        }
        assert!(!Expiry::never().is_zero());
    }

    #[test]
    fn touch_is_due_once_per_interval() {
        let minute = 60_000;
        let due = |idle, seconds: u64| touch_is_due(&record(idle), Timestamp::from_millis(seconds * 1000), minute);
        let half_an_hour = Some(Duration::from_secs(1800));
        assert!(!due(half_an_hour, 59) && due(half_an_hour, 60));
        assert!(!due(None, 59) && due(None, 60));
        let short = Some(Duration::from_secs(100));
        assert!(!due(short, 4) && due(short, 5));
    }

    #[test]
    fn setter_changes_only_its_timeout() {
        let browser = Expiry::never().persistent_cookie(false);
        assert_eq!(browser, Expiry::default().idle(None).absolute(None));
        let persists = |expiry: Expiry| expiry.lifetime(Timestamp::from_millis(0)).cookie_persists();
        assert!(!persists(browser) && persists(Expiry::never()));
        assert_eq!(browser.persistent_cookie(true), Expiry::never());
    }
}
