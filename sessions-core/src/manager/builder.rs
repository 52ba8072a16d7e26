//! The options, checked when the manager is built.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cookie::{CookieForm, CookieOptions, SameSite};
use crate::cookie::{Keyed, Seal, SealKey, SealMode};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::id::SessionId;
use crate::manager::event::{DestroyReason, Event, Listeners, TARGET};
use crate::manager::expiry::Expiry;
use crate::manager::sessions::Sessions;
use crate::platform::{Clock, Entropy, SystemClock, fill_random, whole_millis};
use crate::record::Limits;
use crate::record::{Codec, Values};
use crate::store::{MemoryStore, Store};

/// Says what becomes of a request that asks for its session while the store is unreachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// The request fails with 503, and keeps its cookie and its record. Routes that do not ask for
    /// a session answer as ever.
    #[default]
    Refuse,
    /// The request sees an empty session, and fails with 503 only if it writes to it. Its cookie
    /// and its record are kept.
    Anonymous,
}

pub(crate) type IdGenerator = Arc<dyn Fn() -> SessionId + Send + Sync>;

/// Collects the options of a [`Sessions`]; every default is the safe one.
///
/// ```
/// use std::time::Duration;
/// use sessions_core::Sessions;
///
/// let sessions = Sessions::builder().cookie_name("__Host-shop").idle(Duration::from_secs(15 * 60)).build()?;
/// assert!(Sessions::builder().cookie_name("__Host-shop").domain("example.com").build().is_err());
/// # Ok::<(), sessions_core::ConfigError>(())
/// ```
#[must_use]
pub struct SessionsBuilder {
    store: Option<Arc<dyn Store>>,
    cookie: CookieOptions,
    seal: SealOption,
    listeners: Listeners,
    config: Config,
}

/// Holds the options that are used as they are given.
pub(crate) struct Config {
    pub(crate) expiry: Expiry,
    pub(crate) touch_every_millis: u64,
    pub(crate) sweep_every: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) outage: OutagePolicy,
    pub(crate) no_store: bool,
    pub(crate) values: Values,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) id_generator: Option<IdGenerator>,
}

enum SealOption {
    None,
    Keyed(SealMode, Vec<SealKey>),
    Own(Arc<dyn Seal>),
}

impl Default for SessionsBuilder {
    fn default() -> Self {
        Self {
            store: None,
            cookie: CookieOptions::default(),
            seal: SealOption::None,
            listeners: Listeners::default(),
            config: Config {
                expiry: Expiry::default(),
                touch_every_millis: 60_000,
                sweep_every: Some(Duration::from_secs(10)),
                limits: Limits::default(),
                outage: OutagePolicy::default(),
                no_store: true,
                values: Values::Json,
                clock: Box::new(SystemClock),
                entropy: fill_random,
                id_generator: None,
            },
        }
    }
}

impl SessionsBuilder {
    /// Sets where sessions are kept. The default is a [`MemoryStore`], which forgets them when the
    /// process ends.
    pub fn store(self, store: impl Store) -> Self {
        self.shared_store(Arc::new(store))
    }

    /// Sets where sessions are kept, for a store that is chosen at run time or shared.
    ///
    /// Of several managers that one browser meets, such as one for each path, each needs a
    /// [`cookie_name`](Self::cookie_name) of its own. Over one store they have the same sessions
    /// and principals, and accept each other's tokens: a part that must be kept apart needs a store
    /// of its own.
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Names the cookie. The default is `__Host-id`: browsers refuse a cookie of such a name that
    /// another host or plain HTTP tries to plant (RFC 6265bis section 4.1.3). With a domain or a
    /// path it is `__Secure-id`, with [`insecure_http`](Self::insecure_http) `id`.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = Some(name.into());
        self
    }

    /// Shares the cookie with all hosts under a domain, such as `example.com`. By default it
    /// belongs to one host, which is safer: any host under the domain can read and overwrite a
    /// shared one. It is never guessed from a request.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Limits the cookie to paths under one. The default is `/`. A path protects nothing: pages of
    /// one host can read each other.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// Says when the cookie comes with requests from other sites. The default is [`SameSite::Lax`];
    /// `Strict` breaks the return from a sign-in elsewhere.
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Keeps a separate cookie for each site that embeds ours (CHIPS).
    pub const fn partitioned(mut self) -> Self {
        self.cookie.partitioned = true;
        self
    }

    /// Sends the cookie over plain HTTP too: without `Secure`, and by default called `id`.
    /// **Anybody on the way can then read it.**
    ///
    /// Meant for development. A warning is logged. Whether a request came over TLS is never
    /// concluded from its headers, which anybody can send; behind a proxy that ends TLS this option
    /// is not needed.
    pub const fn insecure_http(mut self) -> Self {
        self.cookie.secure = false;
        self
    }

    /// Lets scripts of the page read the cookie: without `HttpOnly`. **Any script that slips into a
    /// page can then steal sessions.**
    pub const fn readable_by_scripts(mut self) -> Self {
        self.cookie.http_only = false;
        self
    }

    /// Sets how long sessions live. The default is 30 minutes idle, 12 hours in all, the cookie
    /// until the browser closes.
    pub const fn expiry(mut self, expiry: Expiry) -> Self {
        self.config.expiry = expiry;
        self
    }

    /// Sets how long a session lives without being used, `None` for ever. The default is 30 minutes
    /// (OWASP).
    pub fn idle(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.config.expiry = self.config.expiry.idle(idle);
        self
    }

    /// Sets how long a session lives however much it is used, `None` for ever. The default is 12
    /// hours (NIST SP 800-63B).
    pub fn absolute(mut self, absolute: impl Into<Option<Duration>>) -> Self {
        self.config.expiry = self.config.expiry.absolute(absolute);
        self
    }

    /// Sets how often it is written down that a session is in use, when nothing else is. The
    /// default is a minute; at most a twentieth of the idle limit. Between two such writes, a read
    /// of a session costs no write; the idle limit is as exact as this interval.
    pub const fn touch_every(mut self, interval: Duration) -> Self {
        self.config.touch_every_millis = whole_millis(interval);
        self
    }

    /// Sets how often expired records are swept out of the store, by a thread of its own; `None`
    /// for never. The default is 10 seconds. Expired sessions are dead whether swept or not.
    pub fn sweep_every(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.config.sweep_every = interval.into();
        self
    }

    /// Sets how large a record may be, in bytes. The default is 65,536, the most 4,294,967,295.
    pub const fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.config.limits = self.config.limits.with_bytes(bytes);
        self
    }

    /// Sets how many entries and flashes a session may hold. The default is 256, the most 65,535.
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.config.limits = self.config.limits.with_keys(keys);
        self
    }

    /// Says what becomes of requests while the store is unreachable. The default is
    /// [`OutagePolicy::Refuse`].
    pub const fn outage(mut self, policy: OutagePolicy) -> Self {
        self.config.outage = policy;
        self
    }

    /// Sets whether responses that depend on a session in which somebody is signed in get
    /// `Cache-Control: no-store`, unless their handler sets `Cache-Control` itself. The default is
    /// `true` (OWASP): without it the back button shows private pages after a logout. It costs the
    /// browser's cache, so a handler whose responses may be kept says so, by `private, max-age=60`
    /// for instance.
    pub const fn no_store(mut self, is_on: bool) -> Self {
        self.config.no_store = is_on;
        self
    }

    /// Signs the tokens with the first key; tokens signed with any of the keys are accepted. A
    /// forged cookie then costs no look-up.
    ///
    /// Turning it on or off signs everybody out: a cookie of the other kind opens nothing. To
    /// change a key, put the new one first; what the older one signed is signed anew with the
    /// session's next commit, a minute later at most while the session is used. Take the older one
    /// away when all sessions have been used since, or have expired.
    pub fn signed(mut self, keys: impl IntoIterator<Item = SealKey>) -> Self {
        self.seal = SealOption::Keyed(SealMode::Signed, keys.into_iter().collect());
        self
    }

    /// Encrypts the tokens with the first key; tokens encrypted with any of the keys are accepted.
    /// The cookie then shows nothing, not even the session's id.
    ///
    /// Turning it on or off signs everybody out, and keys are changed, as told at
    /// [`signed`](Self::signed).
    pub fn encrypted(mut self, keys: impl IntoIterator<Item = SealKey>) -> Self {
        self.seal = SealOption::Keyed(SealMode::Encrypted, keys.into_iter().collect());
        self
    }

    /// Seals the tokens in a way of your own.
    pub fn seal(mut self, seal: impl Seal) -> Self {
        self.seal = SealOption::Own(Arc::new(seal));
        self
    }

    /// Writes values in a form of your own. The default is JSON.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.config.values = Values::Coded(Arc::new(codec));
        self
    }

    /// Makes the public ids of sessions in a way of your own. They need not be hard to guess, only
    /// different: the secret is not theirs.
    pub fn id_generator(mut self, generator: impl Fn() -> SessionId + Send + Sync + 'static) -> Self {
        self.config.id_generator = Some(Arc::new(generator));
        self
    }

    /// Sets where the time comes from. The default is the [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.config.clock = Box::new(clock);
        self
    }

    /// Replaces the source of random bytes, for [`testing`](crate::testing).
    pub(crate) fn with_entropy(mut self, fill: Entropy) -> Self {
        self.config.entropy = fill;
        self
    }

    /// Calls `listener` for everything that happens to sessions, as [`Sessions::on_event`] does.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listeners.add(Arc::new(listener));
        self
    }

    /// Calls `listener` for every session that ends, with the reason.
    pub fn on_destroy(self, listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) -> Self {
        self.on_event(destroy_listener(listener))
    }

    /// Checks the options and builds the manager.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the options: limits or intervals of zero, weak keys, above all a
    /// cookie that browsers would refuse.
    pub fn build(self) -> Result<Sessions, ConfigError> {
        if self.config.expiry.is_zero() {
            return Err(ConfigError::new(ConfigErrorKind::ZeroExpiry));
        }
        if self.config.sweep_every.is_some_and(|interval| whole_millis(interval) == 0) {
            return Err(ConfigError::new(ConfigErrorKind::ZeroInterval));
        }
        if !self.config.limits.fit_the_format() {
            return Err(ConfigError::new(ConfigErrorKind::RecordLimits));
        }
        let form = self.seal.apply(self.cookie.build()?)?;
        if !self.cookie.secure {
            tracing::warn!(
                target: TARGET,
                cookie = form.name(),
                "session cookies are sent over plain HTTP; do not do this in production"
            );
        }
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::default()));
        Ok(Sessions::new(self.config, form, store, self.listeners))
    }
}

impl SealOption {
    fn apply(self, form: CookieForm) -> Result<CookieForm, ConfigError> {
        Ok(match self {
            Self::None => form,
            Self::Keyed(mode, keys) => {
                let keyed = Keyed::new(mode, &keys, form.name())?;
                form.sealed(Arc::new(keyed))
            }
            Self::Own(seal) => form.sealed(seal),
        })
    }
}

pub(crate) fn destroy_listener(listener: impl Fn(SessionId, DestroyReason)) -> impl Fn(&Event) {
    move |event| {
        if let Event::Destroyed { id, reason } = *event {
            listener(id, reason);
        }
    }
}

impl fmt::Debug for SessionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("store", &self.store)
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("expiry", &self.expiry).field("limits", &self.limits).finish_non_exhaustive()
    }
}
