//! The manager: configuration, store and listeners.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cookie::Seal;
use crate::cookie::Token;
use crate::cookie::{Candidate, Candidates, CookieForm, LastWarning, SetCookie};
use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::Exchange;
use crate::id::SessionId;
use crate::manager::builder::{Config, SessionsBuilder, destroy_listener};
use crate::manager::event::{DestroyReason, Event, Listeners, StoreCall, TARGET};
use crate::manager::info::SessionInfo;
use crate::manager::sweeper::Sweeper;
use crate::platform::Timestamp;
use crate::store::{Cursor, Store};

/// Is the manager of sessions: configuration, store and listeners. Cheap to clone; clones are the
/// same manager.
///
/// ```
/// use sessions_core::Sessions;
///
/// let sessions = Sessions::builder().build()?;
/// sessions.on_destroy(|id, reason| println!("session {id} ended: {reason:?}"));
/// # Ok::<(), sessions_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    config: Config,
    form: CookieForm,
    seal: Option<Arc<dyn Seal>>,
    store: Arc<dyn Store>,
    listeners: Listeners,
    /// When it was last logged that browsers drop the cookie.
    plain_http: LastWarning,
    /// Ends its thread when the last clone of the manager goes.
    sweeper: OnceLock<Sweeper>,
}

impl Sessions {
    /// Begins a manager with every option at its safe default.
    pub fn builder() -> SessionsBuilder {
        SessionsBuilder::default()
    }

    pub(crate) fn new(
        config: Config,
        form: CookieForm,
        seal: Option<Arc<dyn Seal>>,
        store: Arc<dyn Store>,
        listeners: Listeners,
    ) -> Self {
        let (plain_http, sweeper) = (LastWarning::default(), OnceLock::new());
        let shared = Arc::new(Shared { config, form, seal, store, listeners, plain_http, sweeper });
        if let Some(interval) = shared.config.sweep_every {
            // Not before there is a manager: the thread ends where it finds none.
            shared.sweeper.get_or_init(|| Sweeper::spawn(Arc::downgrade(&shared), interval));
        }
        Self { shared }
    }

    pub(crate) const fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Opens an exchange for one request, which loads nothing until it is asked to.
    #[must_use]
    #[inline]
    pub fn open(&self) -> Exchange {
        Exchange::new(self.clone(), false)
    }

    /// Opens an exchange for a request of this method. `OPTIONS` begins no session, whatever is
    /// written: a browser sends a preflight without its cookies, so that each would begin one.
    #[must_use]
    #[inline]
    pub fn open_for(&self, method: &str) -> Exchange {
        Exchange::new(self.clone(), method == "OPTIONS")
    }

    /// Calls `listener` from now on for everything that happens to sessions. It is called outside
    /// every lock, after the store has done its part, so it may use the manager; a panic in it is
    /// caught. It runs on the request's thread: it should be quick.
    ///
    /// A listener stays as long as the manager. If it held a clone, neither would ever go, nor the
    /// store and the thread that sweeps it. It reaches the manager through
    /// [`global`](Self::global), or through a [`Weak`](std::sync::Weak) of an `Arc` around it:
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use sessions_core::Sessions;
    /// let sessions = Arc::new(Sessions::builder().build()?);
    /// let manager = Arc::downgrade(&sessions);
    /// sessions.on_event(move |event| {
    ///     if let Some(sessions) = manager.upgrade() {
    ///         println!("{}: {event:?}", sessions.cookie_name());
    ///     }
    /// });
    /// # Ok::<(), sessions_core::ConfigError>(())
    /// ```
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.shared.listeners.add(Arc::new(listener));
    }

    /// Calls `listener` from now on for every session that ends, with the reason, as
    /// [`on_event`](Self::on_event) does.
    ///
    /// [`destroy_all`](Self::destroy_all) names no sessions; it is an [`Event::DestroyedAll`].
    pub fn on_destroy(&self, listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
        self.on_event(destroy_listener(listener));
    }

    /// Ends one session on every node, and says whether there was one.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot write: the
    /// session may then still live.
    pub async fn destroy_by_id(&self, id: SessionId) -> Result<bool, Error> {
        let existed = self.told(StoreCall::Destroy, self.store().destroy(id).await)?;
        if existed {
            self.raise(&Event::Destroyed { id, reason: DestroyReason::Administration });
        }
        Ok(existed)
    }

    /// Ends all sessions on every node, and says how many there were.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot write: some
    /// sessions may then still live.
    pub async fn destroy_all(&self) -> Result<u64, Error> {
        let count = self.told(StoreCall::Destroy, self.store().destroy_all().await)?;
        self.raise(&Event::DestroyedAll { count });
        Ok(count)
    }

    /// Lists the live sessions of a principal, the newest first: a "your devices" page.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot be asked.
    pub async fn sessions_of(&self, principal: &str) -> Result<Vec<SessionInfo>, Error> {
        let records = self.told(StoreCall::Load, self.store().of_principal(principal, self.now()).await)?;
        let mut sessions: Vec<_> = records.iter().map(SessionInfo::from).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created(), session.id())));
        Ok(sessions)
    }

    /// Ends a principal's sessions except one, and says how many: "sign out everywhere else".
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot write: some
    /// sessions may then still live.
    pub async fn destroy_others(&self, principal: &str, keep: SessionId) -> Result<usize, Error> {
        self.destroy_of(principal, Some(keep)).await
    }

    /// Ends a principal's sessions, and says how many.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot write: some
    /// sessions may then still live.
    pub async fn destroy_principal(&self, principal: &str) -> Result<usize, Error> {
        self.destroy_of(principal, None).await
    }

    async fn destroy_of(&self, principal: &str, except: Option<SessionId>) -> Result<usize, Error> {
        let ended = self.told(StoreCall::Destroy, self.store().destroy_of_principal(principal, except).await)?;
        for id in &ended {
            self.raise(&Event::Destroyed { id: *id, reason: DestroyReason::Administration });
        }
        Ok(ended.len())
    }

    /// Counts the sessions in the store. Some that have expired may be counted until they are
    /// swept.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot be asked.
    pub async fn count(&self) -> Result<u64, Error> {
        self.told(StoreCall::Load, self.store().count().await)
    }

    /// Lists one page of all live sessions, and where the next begins. `limit` is a hint; a session
    /// may be listed twice.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot be asked.
    pub async fn scan(&self, from: Option<Cursor>, limit: usize) -> Result<(Vec<SessionInfo>, Option<Cursor>), Error> {
        let page = self.told(StoreCall::Load, self.store().scan(from, limit, self.now()).await)?;
        Ok((page.records.iter().map(SessionInfo::from).collect(), page.next))
    }

    /// Removes at most `limit` expired records from the store, and says how many there were. The
    /// manager's own thread does so every few seconds; see
    /// [`sweep_every`](SessionsBuilder::sweep_every).
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store cannot write.
    pub async fn sweep(&self, limit: usize) -> Result<usize, Error> {
        let swept = self.told(StoreCall::Sweep, self.store().sweep(limit, self.now()).await)?;
        for id in &swept {
            self.raise(&Event::Destroyed { id: *id, reason: DestroyReason::Expired });
        }
        Ok(swept.len())
    }

    /// Returns the name of the cookie.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        self.shared.form.name()
    }

    /// Says whether both are the same manager: clones of one are.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Raises the event of a store's failure, and makes it the caller's error.
    pub(crate) fn told<T>(&self, call: StoreCall, answer: Result<T, StoreError>) -> Result<T, Error> {
        answer.map_err(|error| {
            self.raise(&Event::StoreFailed { call, kind: error.kind() });
            error.into()
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.config.clock.now()
    }

    pub(crate) fn raise(&self, event: &Event) {
        self.shared.listeners.raise(event);
    }

    /// Reads the tokens in a `Cookie` field. Says whether another field is to be read.
    pub(crate) fn read_field(&self, field: &[u8], candidates: &mut Candidates) -> bool {
        let is_read = self.shared.seal.is_none() && candidates.read_only_pair(self.cookie_name(), field);
        is_read || candidates.read(self.cookie_name(), field, |value| self.open_value(value))
    }

    fn open_value(&self, value: &[u8]) -> Option<Candidate> {
        match &self.shared.seal {
            None => Token::parse(value).map(|token| Candidate { token, is_stale: false }),
            Some(seal) => open_sealed(&**seal, value),
        }
    }

    pub(crate) fn cookie_is_secure(&self) -> bool {
        self.shared.form.is_secure
    }

    /// Warns, once a minute at most, that a browser drops the cookie that it is sent.
    #[cold]
    pub(crate) fn warn_of_plain_http(&self) {
        if self.shared.plain_http.is_due(self.now()) {
            tracing::warn!(
                target: TARGET,
                cookie = self.cookie_name(),
                "browsers drop this Secure cookie, since the request came over plain HTTP: serve over TLS, or build the manager with \
                 insecure_http() in development"
            );
        }
    }

    pub(crate) fn removal_cookie(&self) -> SetCookie {
        self.shared.form.removal()
    }

    /// Forms the cookie that carries a token of `record`.
    pub(crate) fn token_cookie(
        &self,
        token: &Token,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<SetCookie, Error> {
        let max_age = self.config().expiry.cookie_persists().then(|| match expires_at {
            Timestamp::NEVER => Duration::MAX,
            deadline => deadline.since(now),
        });
        self.shared.form.set(|text| self.write_value(token, text), max_age)
    }

    fn write_value(&self, token: &Token, text: &mut String) -> Result<(), Error> {
        let Some(seal) = &self.shared.seal else {
            token.write_text(text);
            return Ok(());
        };
        let mut plain = String::with_capacity(Token::TEXT_LENGTH);
        token.write_text(&mut plain);
        let sealed = seal.seal(&plain).map_err(|cause| Error::with_source(ErrorKind::Seal, cause))?;
        if !sealed.bytes().all(is_cookie_octet) {
            return Err(Error::new(ErrorKind::Seal));
        }
        text.push_str(&sealed);
        Ok(())
    }
}

/// Says whether RFC 6265bis allows a byte in an unquoted cookie value.
const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

// Out of line, so that reading a token that is not sealed is short.
#[inline(never)]
fn open_sealed(seal: &dyn Seal, value: &[u8]) -> Option<Candidate> {
    let opened = seal.open(std::str::from_utf8(value).ok()?)?;
    Some(Candidate { token: Token::parse(opened.token().as_bytes())?, is_stale: opened.is_stale() })
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("cookie", &self.cookie_name())
            .field("store", &self.shared.store)
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
