//! The builder of the manager.

use std::sync::Arc;
use std::time::Duration;

use sessions_store::{Limits, MemoryStore, SessionId, Store};

use crate::codec::{Codec, Values};
use crate::cookie::{CookieOptions, SameSite, Seal};
#[cfg(feature = "seal")]
use crate::cookie::{Keyed, SealKey, SealMode};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::manager::config::{Config, LimitPolicy, OutagePolicy};
use crate::manager::event::{DestroyReason, Event, Listeners, TARGET};
use crate::manager::expiry::Expiry;
use crate::manager::sessions::Sessions;
use crate::platform::{Clock, Entropy};
use crate::request::CrossOrigin;

/// The builder of a [`Sessions`]; every default is the safe choice.
///
/// ```
/// use std::time::Duration;
/// use sessions_core::Sessions;
///
/// let sessions = Sessions::builder().cookie_name("__Host-shop").idle(Duration::from_secs(15 * 60)).build()?;
/// assert!(Sessions::builder().cookie_name("__Host-shop").domain("example.com").build().is_err());
/// # Ok::<(), sessions_core::ConfigError>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct SessionsBuilder {
    store: Option<Arc<dyn Store>>,
    cookie: CookieOptions,
    /// Makes the seal of a cookie with a name.
    seal: Option<MakeSeal>,
    listeners: Listeners,
    config: Config,
}

type MakeSeal = Box<dyn FnOnce(&str) -> Result<Arc<dyn Seal>, ConfigError> + Send + Sync>;

/// Defines setters, each with the one expression that changes the builder.
macro_rules! setters {
    ($(
        $(#[$about:meta])*
        $visibility:vis fn $name:ident($self:ident, $value:ident: $type:ty) => $change:expr;
    )+) => {
        impl SessionsBuilder {
            $(
                $(#[$about])*
                $visibility fn $name(mut $self, $value: $type) -> Self {
                    $change;
                    $self
                }
            )+
        }
    };
}

setters! {
    /// Sets where sessions are kept.
    ///
    /// The default is a [`MemoryStore`](sessions_store::MemoryStore), which loses them when the
    /// process ends. Pass an `Arc` of a store that is shared or chosen at run time.
    ///
    /// If one browser uses several managers, such as one per path, give each its own
    /// [`cookie_name`](Self::cookie_name). With a shared store they have the same sessions and
    /// principals, and accept each other's tokens; a part that must be separate needs its own
    /// store.
    pub fn store(self, store: impl Store) => self.store = Some(Arc::new(store));

    /// Sets the cookie's name. The default is `__Host-id`.
    ///
    /// Browsers reject a `__Host-` cookie set by another host or over plain HTTP (RFC 6265bis
    /// section 4.1.3). With a domain or a path the default is `__Secure-id`, with
    /// [`secure(false)`](Self::secure) `id`.
    pub fn cookie_name(self, name: impl Into<String>) => self.cookie.name = Some(name.into());

    /// Shares the cookie with all hosts under a domain, such as `example.com`.
    ///
    /// By default it belongs to one host, which is safer: any host under the domain can read and
    /// overwrite a shared cookie. The domain is never guessed from a request.
    pub fn domain(self, domain: impl Into<String>) => self.cookie.domain = Some(domain.into());

    /// Restricts the cookie to paths below one. The default is `/`.
    ///
    /// This is no protection: pages of the same host can read each other.
    pub fn path(self, path: impl Into<String>) => self.cookie.path = path.into();

    /// Sets when requests from other sites carry the cookie. The default is [`SameSite::Lax`].
    ///
    /// `Lax` keeps it out of forms that other sites post, and sends it with their links. `Strict`
    /// breaks the return from a sign-in on another site.
    pub fn same_site(self, same_site: SameSite) => self.cookie.same_site = same_site;

    /// Sets whether browsers keep a separate cookie per embedding site (CHIPS).
    ///
    /// The default is `false`. It matters only within frames on other sites, where each of these
    /// sites then gets a session of its own.
    pub fn partitioned(self, is_on: bool) => self.cookie.partitioned = is_on;

    /// Sets whether browsers send the cookie over TLS only (`Secure`). The default is `true`.
    ///
    /// `false` is meant for development: over plain HTTP, **anybody on the network path can read
    /// the cookie**. Its default name is then `id`, and a warning is logged. Headers never decide
    /// whether a request came over TLS, since anybody can send them; behind a proxy that terminates
    /// TLS the default is right.
    pub fn secure(self, is_on: bool) => self.cookie.secure = is_on;

    /// Sets whether the cookie is hidden from scripts (`HttpOnly`). The default is `true`.
    ///
    /// With `false`, **any script that slips into a page can steal sessions**.
    pub fn http_only(self, is_on: bool) => self.cookie.http_only = is_on;

    /// Sets how long sessions live. See [`Expiry`] for the defaults.
    pub fn expiry(self, expiry: Expiry) => self.config.expiry = expiry;

    /// Sets the idle timeout, `None` for none. The default is 30 minutes (OWASP).
    ///
    /// Users who are away for longer sign in again, unless the login is
    /// [remembered](crate::Login::remember). Sessions that are already stored keep their timeout
    /// until their next login.
    pub fn idle(self, idle: impl Into<Option<Duration>>) => self.config.expiry.idle = idle.into();

    /// Sets the absolute timeout, `None` for none. The default is 12 hours (NIST SP 800-63B).
    ///
    /// It counts from the login, or from the first write to a session in which nobody has signed
    /// in, and use does not extend it. So a stolen token works no longer than that. The cost is
    /// that users sign in again in the middle of their work, and that a visitor's cart is lost
    /// after 12 hours.
    ///
    /// Sessions that are already stored keep their deadline until their next login.
    pub fn absolute(self, absolute: impl Into<Option<Duration>>) => self.config.expiry.absolute = absolute.into();

    /// Sets how long a replaced token counts as superseded; 30 seconds by default, which is longer
    /// than nearly all requests take.
    ///
    /// Browsers send concurrent requests, and some still carry the old token when a login has
    /// replaced it. Such a request sees an empty session. Its writes are refused with 401, and its
    /// response carries no cookie, so that no new session's cookie signs the user out. It may sign
    /// in: the same principal then gets a session with a copy of the entries, a different principal
    /// an empty session. Afterwards the old token is unknown, like any other. After several
    /// renewals within an hour, the last three replaced tokens count as superseded; otherwise only
    /// the last one. With `Duration::ZERO`, a replaced token is unknown at once.
    pub fn renewal_grace(self, grace: Duration) => self.config.renewal_grace = grace;

    /// Sets how often a session in use gets a new secret; `None`, the default, for never.
    ///
    /// A stolen token then stops working at its owner's next requests (OWASP's renewal timeout).
    /// The old token works until the new one is first used, so neither concurrent requests nor a
    /// lost response sign anybody out. A new token that was not used within a minute is replaced.
    /// The cost is two more commits per interval. A login and [`renew`](crate::Session::renew)
    /// still replace the token at once. A [bearer](Self::bearer) token is not rotated.
    ///
    /// A stream or socket keeps its session if it saves or [reloads](crate::Session::reload) once
    /// per interval.
    pub fn rotate_every(self, interval: impl Into<Option<Duration>>) => self.config.rotate_every = interval.into();

    /// Sets how many sessions a principal may have at once, `None` for any number.
    ///
    /// The default is 1,000, so that no single account can fill the store. A login beyond it ends
    /// the principal's oldest logins, each with the event
    /// [`SessionLimit`](DestroyReason::SessionLimit), or is refused, by
    /// [`limit_policy`](Self::limit_policy). Concurrent logins may exceed the limit for a moment.
    /// If the store fails at this check, the next login checks again. The clocks of the servers
    /// decide which logins are the oldest. A login costs one more call to the store, which counts
    /// the principal's sessions, or loads them if logins are refused.
    pub fn sessions_per_principal(self, most: impl Into<Option<usize>>) =>
        self.config.sessions_per_principal = most.into();

    /// Sets what happens to a login beyond
    /// [`sessions_per_principal`](Self::sessions_per_principal). The default is
    /// [`LimitPolicy::EndOldest`], so that somebody who has lost a device can still sign in.
    pub fn limit_policy(self, policy: LimitPolicy) => self.config.limit_policy = policy;

    /// Sets whether clients may send their token as `Authorization: Bearer …`.
    ///
    /// The default is `false`, since a token that scripts can read may leak. RFC 6750 describes
    /// such tokens.
    ///
    /// This is for clients without a cookie jar, such as command-line tools and native apps.
    /// [`Sessions::issue`] gives them a token. A request with a bearer token is never answered with
    /// a cookie and begins no session; with both the token and our cookie it is refused with 400.
    /// Responses that used their session vary by both headers. Browsers never send such a token by
    /// themselves, so no other site can make them use it. But a script that stores one can leak it:
    /// use cookies for pages.
    pub fn bearer(self, is_on: bool) => self.config.bearer = is_on;

    /// Sets how often reads write the time of last use; once a minute by default.
    ///
    /// Reads in between cost no write, and the idle timeout is accurate to this interval: a session
    /// that is read every second costs one write in sixty requests. A session whose idle timeout is
    /// below 20 intervals is touched more often: once per twentieth of its idle timeout. With
    /// `Duration::ZERO`, each request that uses its session writes.
    pub fn touch_every(self, interval: Duration) =>
        self.config.touch_every_millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);

    /// Sets how often a background thread sweeps expired records; `None` for never.
    ///
    /// The default is 10 seconds. An expired session is rejected whether it was swept or not, so
    /// the interval only determines how long its record takes up space. Each manager sweeps, so
    /// each server that shares a database sends its own statements at this interval.
    pub fn sweep_every(self, interval: impl Into<Option<Duration>>) => self.config.sweep_every = interval.into();

    /// Sets the maximum size of a record in bytes.
    ///
    /// The default is 65,536 (64 KiB), the maximum 4,294,967,295. The limit bounds what one visitor
    /// can make the store keep, and what a request costs: each that uses a session loads its whole
    /// record, and each commit copies it.
    pub fn max_record_bytes(self, bytes: usize) => self.config.limits = Limits::new(bytes, self.config.limits.keys());

    /// Sets the maximum number of entries and flashes.
    ///
    /// The default is 256, the maximum 65,535. A key is found by a search through all of them, so
    /// many keys make each read and write slower.
    pub fn max_keys(self, keys: usize) => self.config.limits = Limits::new(self.config.limits.bytes(), keys);

    /// Sets what happens to requests while the store is unreachable.
    ///
    /// The default is [`OutagePolicy::Refuse`], since everybody would seem signed out otherwise. A
    /// page that loads its session without needing it then fails too.
    pub fn outage(self, policy: OutagePolicy) => self.config.outage = policy;

    /// Sets whether responses to signed-in users get `Cache-Control: no-store`.
    ///
    /// The default is `true` (OWASP): otherwise the back button shows private pages after a logout.
    /// It applies to responses whose request read the session, unless the handler sets
    /// `Cache-Control` itself. The cost is the browser's cache, so a handler whose responses may be
    /// cached should set a header such as `private, max-age=60`.
    pub fn no_store(self, is_on: bool) => self.config.no_store = is_on;

    /// Sets which requests from other sites are refused with 403.
    ///
    /// The default is [`CrossOrigin::RefuseCrossSite`], which breaks neither subdomains nor the
    /// return from a sign-in elsewhere.
    ///
    /// Requests are checked when they ask for their session, so a route that does not is not
    /// affected, and neither is a `GET` that opens no WebSocket. Behind a proxy that replaces
    /// `Host`, a browser that sends no `Sec-Fetch-Site` is refused: let the proxy pass `Host` on,
    /// or trust the origin.
    pub fn cross_origin(self, refused: CrossOrigin) => self.config.cross_origin.refused = refused;

    /// Adds origins whose requests are not refused, such as `https://login.example.com`.
    ///
    /// A sign-in at another site that ends with a posted form (`response_mode=form_post`) needs
    /// this if the cookie has `SameSite=None`, or with [`CrossOrigin::RefuseCrossOrigin`].
    pub fn trusted_origins(self, origins: impl IntoIterator<Item = impl Into<String>>) =>
        self.config.cross_origin.trusted.extend(origins.into_iter().map(Into::into));

    /// Sets the page where visitors sign in, such as `/login`.
    ///
    /// A browser that requests a members' page is redirected here, with the requested path as
    /// `next`. After a posted form, `next` is the path of the page that contains the form. Check
    /// that with [`local_path`](crate::local_path) when it comes back. A request of htmx gets a 401
    /// with `HX-Redirect`. Without a login page, and for other requests such as `fetch`, the
    /// response is a bare 401.
    pub fn login_page(self, path: impl Into<String>) => self.config.pages.login = Some(path.into());

    /// Sets the page where signed-in visitors prove again who they are.
    ///
    /// The default is the [`login_page`](Self::login_page).
    pub fn confirm_page(self, path: impl Into<String>) => self.config.pages.confirm = Some(path.into());

    /// Signs tokens with the first key; tokens signed with any of the keys are accepted.
    ///
    /// A forged cookie is then rejected without a lookup.
    ///
    /// Turning signing on or off signs everybody out: cookies of the other kind are rejected. To
    /// rotate a key, put the new one first. A cookie signed with the old key is signed again by the
    /// next request that uses its session. Remove the old key when all sessions have been used
    /// since or have expired. A [bearer](Self::bearer) token is not sent again;
    /// [`bearer_token`](crate::Session::bearer_token) returns it signed with the new key.
    #[cfg(feature = "seal")]
    pub fn signed(self, keys: impl IntoIterator<Item = SealKey>) => self.seal = Some(keyed(SealMode::Signed, keys));

    /// Encrypts tokens with the first key; tokens encrypted with any of the keys are accepted.
    ///
    /// The cookie then reveals nothing, not even the session's id. Turning encryption on or off
    /// signs everybody out; keys are rotated as described at [`signed`](Self::signed).
    #[cfg(feature = "seal")]
    pub fn encrypted(self, keys: impl IntoIterator<Item = SealKey>) =>
        self.seal = Some(keyed(SealMode::Encrypted, keys));

    /// Sets a custom seal for tokens.
    pub fn seal(self, seal: impl Seal) => self.seal = Some(Box::new(|_| Ok(Arc::new(seal))));

    /// Sets a custom encoding for values.
    ///
    /// The default is JSON: it survives fields that are added, and people can read it. Bytes take
    /// up to four times their size in it.
    pub fn codec(self, codec: impl Codec) => self.config.values = Values::Coded(Arc::new(codec));

    /// Sets a custom generator of session ids.
    ///
    /// They must be unique but need not be unguessable: the secret is separate.
    pub fn id_generator(self, generator: impl Fn() -> SessionId + Send + Sync + 'static) =>
        self.config.id_generator = Some(Arc::new(generator));

    /// Sets the clock. The default is the [`SystemClock`](crate::SystemClock).
    pub fn clock(self, clock: impl Clock) => self.config.clock = Box::new(clock);

    /// Replaces the source of random bytes, for [`testing`](crate::testing).
    pub(crate) fn with_entropy(self, fill: Entropy) => self.config.entropy = fill;
}

impl SessionsBuilder {
    /// Calls `listener` for every event, as [`Sessions::on_event`] does.
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listeners.add(Arc::new(listener));
        self
    }

    /// Calls `listener` with the id and reason of each session that this manager ends, as
    /// [`Sessions::on_destroy`] does.
    ///
    /// [`destroy_all`](Sessions::destroy_all) does not call it.
    pub fn on_destroy(self, listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) -> Self {
        self.on_event(destroy_listener(listener))
    }

    /// Checks the options and builds the manager.
    ///
    /// # Errors
    ///
    /// Returns the first invalid option:
    ///
    /// - an idle or absolute timeout, or an interval of sweeps or rotations, below one millisecond
    /// - a principal limit of zero
    /// - limits of a record that allow no entry, or more than the format does
    /// - an origin that no browser sends
    /// - a login or confirm page that is not a path of this site
    /// - a cookie that browsers would reject
    /// - a seal without a key
    pub fn build(mut self) -> Result<Sessions, ConfigError> {
        let refuse = |is_wrong, kind| if is_wrong { Err(ConfigError::new(kind)) } else { Ok(()) };
        refuse(self.config.expiry.is_zero(), ConfigErrorKind::ZeroExpiry)?;
        let mut intervals = [self.config.sweep_every, self.config.rotate_every].into_iter().flatten();
        refuse(intervals.any(|interval| interval.as_millis() == 0), ConfigErrorKind::ZeroInterval)?;
        refuse(self.config.sessions_per_principal == Some(0), ConfigErrorKind::NoSessions)?;
        refuse(!self.config.limits.are_possible(), ConfigErrorKind::RecordLimits)?;
        self.config.cross_origin.check(self.cookie.same_site)?;
        self.config.pages.check()?;
        let mut form = self.cookie.build()?;
        form.seal = self.seal.map(|make| make(&form.name)).transpose()?;
        if !self.cookie.secure {
            tracing::warn!(
                target: TARGET,
                cookie = &*form.name,
                "session cookies are sent over plain HTTP; do not do this in production"
            );
        }
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::default()));
        Ok(Sessions::new(self.config, form, store, self.listeners))
    }
}

#[cfg(feature = "seal")]
fn keyed(mode: SealMode, keys: impl IntoIterator<Item = SealKey>) -> MakeSeal {
    let keys: Vec<_> = keys.into_iter().collect();
    Box::new(move |cookie_name| Ok(Arc::new(Keyed::new(mode, &keys, cookie_name)?)))
}

pub(crate) fn destroy_listener(listener: impl Fn(SessionId, DestroyReason)) -> impl Fn(&Event) {
    move |event| {
        if let Event::Destroyed { id, reason } = *event {
            listener(id, reason);
        }
    }
}

redacted!(SessionsBuilder { store, cookie });
