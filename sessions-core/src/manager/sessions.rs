//! The manager: configuration, store and event listeners.

use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use sessions_store::{Cursor, Lifetime, Record, SessionId, Store, StoreError, Timestamp};

use crate::cookie::{CookieForm, SetCookie, Token};
use crate::error::Error;
use crate::manager::builder::{SessionsBuilder, destroy_listener};
use crate::manager::config::Config;
use crate::manager::event::{DestroyReason, Event, Listeners, StoreCall, TARGET};
use crate::manager::info::SessionInfo;
use crate::manager::sweeper;
use crate::manager::warning::LastWarning;

/// The session manager: configuration, store and event listeners.
///
/// Cloning is cheap; clones share one manager.
///
/// ```
/// use std::sync::mpsc;
/// use sessions_core::{DestroyReason, Sessions};
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let (sender, ended) = mpsc::channel();
/// sessions.on_destroy(move |id, reason| drop(sender.send((id, reason))));
///
/// let issued = sessions.issue("ann").await?;
/// assert_eq!(sessions.destroy_principal("ann").await?, 1);
/// assert_eq!(ended.try_recv()?, (issued.id(), DestroyReason::Revoked));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Sessions {
    pub(super) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    config: Config,
    form: CookieForm,
    store: Arc<dyn Store>,
    listeners: Listeners,
    /// When the warning about dropped cookies was last logged.
    plain_http: LastWarning,
    /// When the warning about unsaved writes was last logged.
    unsaved: LastWarning,
    /// Stops the sweeping thread when the last clone of the manager is dropped.
    sweeper: OnceLock<Sender<()>>,
}

impl Sessions {
    /// Returns a builder with safe defaults.
    pub fn builder() -> SessionsBuilder {
        SessionsBuilder::default()
    }

    pub(crate) fn new(config: Config, form: CookieForm, store: Arc<dyn Store>, listeners: Listeners) -> Self {
        let (plain_http, unsaved) = Default::default();
        let inner = Arc::new(Inner { config, form, store, listeners, plain_http, unsaved, sweeper: OnceLock::new() });
        if let Some(interval) = inner.config.sweep_every {
            // Started only now: the thread stops if it finds no manager.
            inner.sweeper.get_or_init(|| sweeper::spawn(Arc::downgrade(&inner), interval));
        }
        Self { inner }
    }

    /// Calls `listener` for every event from now on.
    ///
    /// It is called without holding a lock, after the store operation, so it may use the manager.
    /// Its panics are caught. It should return quickly: it runs on the thread of the request that
    /// causes the event, or for expired sessions on the thread that sweeps them.
    ///
    /// A listener lives as long as the manager. If it captured a clone of the manager, neither
    /// would ever be dropped, nor would the store or its sweeping thread. It can reach the manager
    /// through [`global`](Self::global), or through a [`Weak`](std::sync::Weak) of an `Arc` around
    /// it:
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
    /// assert_eq!(Arc::strong_count(&sessions), 1, "the listener does not keep the manager");
    /// # Ok::<(), sessions_core::ConfigError>(())
    /// ```
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.inner.listeners.add(Arc::new(listener));
    }

    /// Calls `listener` with the id and reason of each session that this manager ends from now on.
    ///
    /// It is not called for sessions that other nodes end, nor for those that expire in Redis,
    /// which removes them itself. [`destroy_all`](Self::destroy_all) raises [`Event::DestroyedAll`]
    /// instead.
    pub fn on_destroy(&self, listener: impl Fn(SessionId, DestroyReason) + Send + Sync + 'static) {
        self.on_event(destroy_listener(listener));
    }

    /// Ends one session on every node and returns whether it existed.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write:
    /// the session may then still be live.
    pub async fn destroy_by_id(&self, id: SessionId) -> Result<bool, Error> {
        let existed = self.check_answer(StoreCall::Destroy, self.store().destroy(id).await)?;
        if existed {
            self.raise(&Event::Destroyed { id, reason: DestroyReason::Revoked });
        }
        Ok(existed)
    }

    /// Ends all sessions on every node and returns how many.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write:
    /// some sessions may then still be live.
    pub async fn destroy_all(&self) -> Result<u64, Error> {
        let count = self.check_answer(StoreCall::Destroy, self.store().destroy_all().await)?;
        self.raise(&Event::DestroyedAll { count });
        Ok(count)
    }

    /// Lists a principal's live sessions, newest first, for example for a "your devices" page.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached.
    pub async fn sessions_of(&self, principal: &str) -> Result<Vec<SessionInfo>, Error> {
        let records = self.check_answer(StoreCall::Load, self.store().of_principal(principal, self.now()).await)?;
        let mut sessions: Vec<_> = records.into_iter().map(|record| self.info(record)).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at(), session.id())));
        Ok(sessions)
    }

    fn info(&self, record: Record) -> SessionInfo {
        SessionInfo { record, values: self.config().values.clone() }
    }

    /// Ends one session if it belongs to a principal, and returns whether it did.
    ///
    /// For a "your devices" page, whose form names the session to sign out: nobody can end a
    /// session of somebody else.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store fails, and
    /// [`NewerFormat`](crate::ErrorKind::NewerFormat) if only a newer build can read the record.
    /// The session may then still be live.
    pub async fn destroy_session_of(&self, principal: &str, id: SessionId) -> Result<bool, Error> {
        let is_theirs = self.find_record(id).await?.is_some_and(|record| record.principal() == Some(principal));
        Ok(is_theirs && self.destroy_by_id(id).await?)
    }

    /// Finds a live session by its public id.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached or the record is damaged, and [`NewerFormat`](crate::ErrorKind::NewerFormat) if only
    /// a newer build can read the record.
    pub async fn find(&self, id: SessionId) -> Result<Option<SessionInfo>, Error> {
        Ok(self.find_record(id).await?.map(|record| self.info(record)))
    }

    /// Loads the record of a live session.
    pub(crate) async fn find_record(&self, id: SessionId) -> Result<Option<Record>, Error> {
        let now = self.now();
        let record = self.check_answer(StoreCall::Load, self.store().load(id, now).await)?;
        Ok(record.filter(|record| record.is_live(now)))
    }

    /// Ends a principal's sessions except one and returns how many: "sign out everywhere else".
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write:
    /// some sessions may then still be live.
    pub async fn destroy_others(&self, principal: &str, keep: SessionId) -> Result<u64, Error> {
        self.destroy_of(principal, Some(keep)).await
    }

    /// Ends a principal's sessions and returns how many.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write:
    /// some sessions may then still be live.
    pub async fn destroy_principal(&self, principal: &str) -> Result<u64, Error> {
        self.destroy_of(principal, None).await
    }

    /// Ends a principal's sessions, except `except`, and returns how many.
    pub(crate) async fn destroy_of(&self, principal: &str, except: Option<SessionId>) -> Result<u64, Error> {
        let ended =
            self.check_answer(StoreCall::Destroy, self.store().destroy_of_principal(principal, except).await)?;
        for id in &ended {
            self.raise(&Event::Destroyed { id: *id, reason: DestroyReason::Revoked });
        }
        Ok(ended.len() as u64)
    }

    /// Counts the sessions in the store, possibly including expired ones that are not swept yet.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached.
    pub async fn count(&self) -> Result<u64, Error> {
        self.check_answer(StoreCall::Load, self.store().count().await)
    }

    /// Lists one page of live sessions, with the cursor of the next page.
    ///
    /// `limit` is a hint, and a session may be listed twice.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// reached.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # for name in ["ann", "ben", "cem"] {
    /// #     let _ = sessions.issue(name).await?;
    /// # }
    /// let (mut names, mut next) = (Vec::new(), None);
    /// loop {
    ///     let (page, cursor) = sessions.scan(next, 100).await?;
    ///     names.extend(page.iter().filter_map(|info| info.principal().map(str::to_owned)));
    ///     next = cursor;
    ///     if next.is_none() {
    ///         break;
    ///     }
    /// }
    /// names.sort();
    /// assert_eq!(names, ["ann", "ben", "cem"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn scan(&self, from: Option<Cursor>, limit: usize) -> Result<(Vec<SessionInfo>, Option<Cursor>), Error> {
        let page = self.check_answer(StoreCall::Load, self.store().scan(from, limit, self.now()).await)?;
        Ok((page.records.into_iter().map(|record| self.info(record)).collect(), page.next))
    }

    /// Removes up to `limit` expired records from the store and returns how many.
    ///
    /// The manager's background thread does this every few seconds; see
    /// [`sweep_every`](SessionsBuilder::sweep_every).
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot write.
    pub async fn sweep(&self, limit: usize) -> Result<u64, Error> {
        let swept = self.check_answer(StoreCall::Sweep, self.store().sweep(limit, self.now()).await)?;
        for id in &swept {
            self.raise(&Event::Destroyed { id: *id, reason: DestroyReason::Expired });
        }
        Ok(swept.len() as u64)
    }

    /// Returns the cookie's name.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        &self.inner.form.name
    }

    /// Returns whether both are the same manager, that is, clones of one.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Raises an event for a failed store operation and converts its error.
    pub(crate) fn check_answer<T>(&self, call: StoreCall, answer: Result<T, StoreError>) -> Result<T, Error> {
        answer.map_err(|error| self.store_failed(call, error))
    }

    /// Raises an event for a failed store operation, and returns its error.
    pub(crate) fn store_failed(&self, call: StoreCall, error: StoreError) -> Error {
        self.raise(&Event::StoreFailed { call, kind: error.kind() });
        error.into()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.inner.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.config.clock.now()
    }

    pub(crate) fn raise(&self, event: &Event) {
        self.inner.listeners.raise(event, || self.now());
    }

    /// Reports writes that were never saved. Warns at most once a minute, since a client that
    /// disconnects can be the reason, too.
    #[cold]
    pub(crate) fn raise_unsaved(&self, id: Option<SessionId>) {
        if self.inner.unsaved.is_due(self.now()) {
            tracing::warn!(
                target: TARGET,
                id = id.map(display),
                "writes to a session, or its end, were never saved: call `save` after the response headers were sent, and `finish` or \
                 `Exchange::end` where no middleware does"
            );
        }
        self.raise(&Event::Unsaved { id });
    }

    pub(crate) fn cookie_form(&self) -> &CookieForm {
        &self.inner.form
    }

    /// Warns, at most once a minute, that the browser will drop the cookie.
    #[cold]
    pub(crate) fn warn_of_plain_http(&self) {
        if self.inner.plain_http.is_due(self.now()) {
            tracing::warn!(
                target: TARGET,
                cookie = self.cookie_name(),
                "browsers drop this Secure cookie, since the request came over plain HTTP: serve over TLS, or build the manager with \
                 secure(false) in development"
            );
        }
    }

    /// Returns the cookie for a token of a session that is used at `now`.
    pub(crate) fn token_cookie(&self, token: &Token, lifetime: Lifetime, now: Timestamp) -> Result<SetCookie, Error> {
        let max_age = lifetime.cookie_persists().then(|| lifetime.ends_at(now).since(now));
        self.inner.form.set(token, max_age)
    }
}

redacted!(Sessions { cookie_name(), store(), config() });
