//! The session handle that a handler holds.

mod entries;
mod flashes;
mod gate;
mod immediate;
mod issue;
mod key;
mod lenient;
mod load;
mod value;

pub use gate::{Admission, SignedIn};
pub use issue::Issued;
pub use key::Key;
pub use lenient::Lenient;
pub use load::Load;
pub use value::Value;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sessions_store::{SessionId, Timestamp};

use crate::error::{Error, ErrorKind};
use crate::exchange::{Exchange, Shared, save};
use crate::manager::{Login, SessionInfo, Sessions};

#[doc = include_str!("docs/session.md")]
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns the exchange that the session was loaded in.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange { shared: Arc::clone(&self.shared) }
    }

    /// Returns the manager that the session belongs to.
    ///
    /// For what concerns other sessions too, such as
    /// [`sessions_of`](crate::Sessions::sessions_of).
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    /// Returns the session's public id, or `None` until it is stored.
    ///
    /// The id stays the same for the session's whole life, including when it is renewed. It grants
    /// no access, so it may be shown and logged.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.shared.lock().id()
    }

    /// Returns the current time of the manager's clock.
    ///
    /// The timestamps of a session compare with it: `session.now().since(info.last_seen_at())` is
    /// how long ago a device was used.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.sessions.now()
    }

    /// Returns whether the request has no stored session.
    ///
    /// Also true after [`destroy`](Self::destroy), once a call has failed with
    /// [`Gone`](crate::ErrorKind::Gone), and for a request whose tokens open no session or could
    /// not be checked.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.shared.lock().live().is_none()
    }

    /// Returns the principal that is signed in, if any.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        self.shared.lock().principal().map(str::to_owned)
    }

    /// Gives the session a new secret; the response carries the new token.
    ///
    /// The client's current token stops working when the request is committed. Call this at every
    /// change of privilege (OWASP, ASVS 7.2.4), so that a stolen or planted token is worthless
    /// afterwards. The id and the data stay. Concurrent requests with the old token can still read
    /// what they loaded, but cannot write; those that come later, within the
    /// [`renewal_grace`](crate::SessionsBuilder::renewal_grace), see an empty session.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let issued = sessions.issue("ann").await?;
    /// # let exchange = sessions.open();
    /// # let session = exchange.session([issued.cookie().as_bytes()]).await?;
    /// // Ann has become an administrator.
    /// session.renew();
    /// assert!(exchange.end(200).await?.take_set_cookie().is_some());
    /// // The token from before opens nothing.
    /// assert!(sessions.open().session([issued.cookie().as_bytes()]).await?.is_new());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "cycle_id")]
    #[doc(alias = "regenerate")]
    pub fn renew(&self) {
        self.shared.lock().renewal = true;
    }

    /// Signs a principal in: renews the session and binds it to the principal.
    ///
    /// [`sessions_of`](crate::Sessions::sessions_of) then lists the session, and
    /// [`destroy_principal`](crate::Sessions::destroy_principal) ends it. Data that the visitor
    /// stored before signing in is kept, unless the session belongs to another principal: then it
    /// is dropped first. Call this only after the visitor has proven their identity.
    ///
    /// A [`Login`] in place of the principal's name has timeouts of its own: "keep me signed in".
    ///
    /// # Errors
    ///
    /// Returns [`EmptyPrincipal`](crate::ErrorKind::EmptyPrincipal) for an empty principal,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for one longer than 1,024 bytes, and
    /// [`ZeroExpiry`](crate::ErrorKind::ZeroExpiry) for a timeout below a millisecond. Nothing is
    /// changed then. Returns [`HeadersSent`](crate::ErrorKind::HeadersSent) if the response headers
    /// were already sent: the new token cannot reach the client, so the next save fails too, and
    /// drops what the request wrote. Until then, the handle shows the new principal.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// session.set("cart", "tea")?;
    /// // The visitor has entered the right password.
    /// session.login("ann")?;
    /// assert_eq!(session.principal().as_deref(), Some("ann"));
    /// assert_eq!(session.get::<String>("cart")?.as_deref(), Some("tea"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "sign_in")]
    pub fn login(&self, login: impl Into<Login>) -> Result<(), Error> {
        // Converted before the lock is taken, since the conversion may use the session.
        let (login, sessions) = (login.into(), &self.shared.sessions);
        self.shared.lock().login(login, &sessions.config().expiry, sessions.now())
    }

    /// Records that the principal has just proved again who they are, and renews the session.
    ///
    /// Call this when a signed-in visitor has entered their password again.
    /// [`signed_in_within`](Self::signed_in_within) then counts from now; timeouts and data stay.
    ///
    /// # Errors
    ///
    /// Returns [`NotSignedIn`](crate::ErrorKind::NotSignedIn) if nobody is signed in, and
    /// [`HeadersSent`](crate::ErrorKind::HeadersSent) if the response headers were already sent.
    /// The next save fails too then.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let issued = sessions.issue("ann").await?;
    /// # let exchange = sessions.open();
    /// # let session = exchange.session([issued.cookie().as_bytes()]).await?;
    /// // Ann has entered her password again.
    /// session.confirm()?;
    /// let cookie = exchange.end(200).await?.take_set_cookie();
    /// assert!(cookie.is_some_and(|cookie| !cookie.starts_with(issued.cookie())), "a new token");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn confirm(&self) -> Result<(), Error> {
        self.shared.lock().confirm()
    }

    /// Returns when the principal last proved who they are, by a login or
    /// [`confirm`](Self::confirm).
    #[must_use]
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.shared.lock().signed_in_at(self.now())
    }

    /// Returns whether the principal has proved who they are less than `duration` ago.
    ///
    /// Ask this before money moves or a password changes, and let the visitor sign in again
    /// otherwise (ASVS 7.5.3).
    #[must_use]
    pub fn signed_in_within(&self, duration: Duration) -> bool {
        self.signed_in_at().is_some_and(|time| self.now().since(time) < duration)
    }

    /// Ends the session on every node, before the response is sent; the response removes the
    /// cookie.
    ///
    /// No concurrent request can bring it back. Whatever is written later in the same request, such
    /// as a farewell flash, starts a new session. Only a request with a bearer token cannot start
    /// one: its flashes are dropped, and a login or an entry makes the response fail.
    ///
    /// If a session may still be live, the response fails and leaves the cookie alone:
    ///
    /// - with [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store fails, or
    ///   failed when the session was loaded
    /// - with [`TooManyTokens`](crate::ErrorKind::TooManyTokens) or
    ///   [`NewerFormat`](crate::ErrorKind::NewerFormat) if the request's tokens could not be
    ///   checked
    /// - with [`Gone`](crate::ErrorKind::Gone) if a renewal has just replaced the request's token,
    ///   if the request had already found that another one renewed or ended the session, or if a
    ///   bearer token opens no session
    ///
    /// Within an adapter's middleware the destroy takes effect however the request ends: with a
    /// 5xx, a panic, a timeout or a client that disconnects. A handler without a middleware must
    /// finish the exchange itself; if it is dropped before that, the session is not ended.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let issued = sessions.issue("ann").await?;
    /// # let exchange = sessions.open();
    /// # let session = exchange.session([issued.cookie().as_bytes()]).await?;
    /// session.destroy();
    /// assert_eq!(session.principal(), None);
    /// let _ = exchange.end(200).await?;
    /// assert_eq!(sessions.count().await?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "delete")]
    #[doc(alias = "logout")]
    #[doc(alias = "flush")]
    #[doc(alias = "purge")]
    pub fn destroy(&self) {
        self.shared.lock().destroy();
    }

    /// Returns how long the session lives unless it is used again.
    ///
    /// `None` if it never expires or is not stored yet.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.expires_at().map(|deadline| deadline.since(self.now()))
    }

    /// Returns when the session expires unless it is used again.
    ///
    /// `None` if it never expires or is not stored yet.
    #[doc(alias = "expiry_date")]
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.shared.lock().expires_at(self.now()).filter(|deadline| *deadline != Timestamp::NEVER)
    }

    /// Restarts the idle timeout when the request is saved.
    ///
    /// Requests that only read restart it once per
    /// [`touch_every`](crate::SessionsBuilder::touch_every); this one does even if that was a
    /// moment ago. A cookie that outlives the browser is sent again with a fresh `Max-Age`. Other
    /// cookies have no `Max-Age`, and a client with a bearer token gets no cookie.
    ///
    /// # Errors
    ///
    /// Returns [`NoSession`](crate::ErrorKind::NoSession) if there is no session.
    pub fn shift_expiration(&self) -> Result<(), Error> {
        self.shared.lock().shift_expiration()
    }

    /// Sets the idle timeout of this session, and makes its cookie outlive the browser.
    ///
    /// The timeout is stored with the record, and later commits keep it; a login replaces it. If
    /// the absolute timeout would end the session sooner, it is moved to `idle` from now. The
    /// session then ends at that time even if it is used, unless this is called again.
    ///
    /// # Errors
    ///
    /// Returns [`ZeroExpiry`](crate::ErrorKind::ZeroExpiry) for less than a millisecond, which
    /// would end the session at once, and [`NoSession`](crate::ErrorKind::NoSession) if there is no
    /// session.
    #[doc(alias = "set_expiry")]
    pub fn update_expiration(&self, idle: Duration) -> Result<(), Error> {
        if idle.as_millis() == 0 {
            return Err(Error::new(ErrorKind::ZeroExpiry));
        }
        let sessions = &self.shared.sessions;
        self.shared.lock().set_expiration(idle, &sessions.config().expiry, sessions.now())
    }

    /// Writes the request's changes to the store now.
    ///
    /// If the response headers were not sent yet, they will carry the cookie. Use this for changes
    /// that must be kept whatever the response's status, and in streams and sockets: once the
    /// response headers were sent, only this call writes to the store.
    ///
    /// A request that is dropped keeps what it has saved and loses its other writes. It is dropped
    /// when a timeout cuts it off and, where the framework notices, when its client disconnects;
    /// the docs of each adapter's middleware say when that happens.
    ///
    /// Saves of one session run one at a time, and the response headers wait for them. A save whose
    /// future is dropped (by a timeout, say) is not undone: the next save, or the response, first
    /// waits for the store's answer to it. A `save` future that is held without being polled blocks
    /// the others.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable),
    /// [`StoreFull`](crate::ErrorKind::StoreFull) or a similar error if the store did not write;
    /// the changes are kept for another attempt. If the store timed out, they may have been written
    /// anyway, and a second attempt then adds an increment twice. [`Gone`](crate::ErrorKind::Gone)
    /// and [`Conflict`](crate::ErrorKind::Conflict) mean that nothing was written and the changes
    /// were dropped; [`TooLarge`](crate::ErrorKind::TooLarge) that nothing was written, since the
    /// record would exceed its limits. If there was a login among the changes, what the request has
    /// written since is dropped too; later saves and the response then fail with `Gone`.
    /// [`TooManySessions`](crate::ErrorKind::TooManySessions) means that the login was refused, and
    /// that the session has ended.
    /// [`HeadersSent`](crate::ErrorKind::HeadersSent) means that a cookie would have to
    /// be set but the response headers were sent; the changes that need the cookie are dropped, and
    /// all changes if there is a login among them. [`NoSession`](crate::ErrorKind::NoSession) means
    /// that the request may begin none: it is an `OPTIONS` request. Nor may a request with a bearer
    /// token, even after a [`destroy`](Self::destroy); its error is `Gone`.
    ///
    /// [`TooManyTokens`](crate::ErrorKind::TooManyTokens) and
    /// [`NewerFormat`](crate::ErrorKind::NewerFormat) mean that the request's tokens could not be
    /// checked. If no new token can be made, the error is [`Entropy`](crate::ErrorKind::Entropy),
    /// [`Seal`](crate::ErrorKind::Seal) or [`IdsExhausted`](crate::ErrorKind::IdsExhausted).
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// let sessions = Sessions::builder().build()?;
    /// let exchange = sessions.open();
    /// let session = exchange.session([]).await?;
    /// session.set("order", &17)?;
    /// session.save().await?;
    ///
    /// // It is kept, whatever the status of the response.
    /// let _ = exchange.end(500).await?;
    /// assert_eq!(sessions.count().await?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn save(&self) -> Result<(), Error> {
        save(&self.shared).await
    }

    /// Lists the principal's live sessions, this one included, for a page of devices.
    ///
    /// They reflect the store: unsaved writes of this request are not included.
    /// [`Key::get_from`](crate::Key::get_from) reads an entry of one, such as the
    /// [`Device`](crate::Device) that the application stored at the login.
    ///
    /// # Errors
    ///
    /// Returns [`NotSignedIn`](crate::ErrorKind::NotSignedIn) if nobody is signed in, and
    /// [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be reached.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let [phone, laptop] = [sessions.issue("ann").await?, sessions.issue("ann").await?];
    /// # let session = sessions.open().session([laptop.cookie().as_bytes()]).await?;
    /// // Ann has signed in on two devices, and this is the request of one.
    /// let devices = session.devices().await?;
    /// assert_eq!(devices.len(), 2);
    /// assert_eq!(devices.iter().filter(|device| Some(device.id()) == session.id()).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn devices(&self) -> Result<Vec<SessionInfo>, Error> {
        let principal = self.principal().ok_or_else(|| Error::new(ErrorKind::NotSignedIn))?;
        self.shared.sessions.sessions_of(&principal).await
    }

    /// Ends one session of the principal, and returns whether it existed.
    ///
    /// This is the "sign out" button on a page of devices.
    ///
    /// An id of another principal's session ends nothing, so it may come from the client. For the
    /// request's own session this is [`destroy`](Self::destroy).
    ///
    /// # Errors
    ///
    /// Returns [`NotSignedIn`](crate::ErrorKind::NotSignedIn) if nobody is signed in. Otherwise the
    /// same as [`destroy_session_of`](crate::Sessions::destroy_session_of).
    pub async fn destroy_device(&self, id: SessionId) -> Result<bool, Error> {
        let principal = self.principal().ok_or_else(|| Error::new(ErrorKind::NotSignedIn))?;
        if self.id() == Some(id) {
            self.destroy();
            return Ok(true);
        }
        self.shared.sessions.destroy_session_of(&principal, id).await
    }

    /// Ends the principal's other sessions and returns how many: "sign out everywhere else".
    ///
    /// # Errors
    ///
    /// Returns [`NotSignedIn`](crate::ErrorKind::NotSignedIn) if nobody is signed in, and
    /// [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write: some
    /// sessions may then still be live.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let [phone, laptop] = [sessions.issue("ann").await?, sessions.issue("ann").await?];
    /// # let session = sessions.open().session([laptop.cookie().as_bytes()]).await?;
    /// assert_eq!(session.destroy_others().await?, 1);
    /// // The phone is signed out.
    /// assert!(sessions.open().session([phone.cookie().as_bytes()]).await?.is_new());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn destroy_others(&self) -> Result<u64, Error> {
        let (principal, id) = {
            let state = self.shared.lock();
            (state.principal().map(str::to_owned), state.id())
        };
        let principal = principal.ok_or_else(|| Error::new(ErrorKind::NotSignedIn))?;
        self.shared.sessions.destroy_of(&principal, id).await
    }
}

/// Shows the id, never the data.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
