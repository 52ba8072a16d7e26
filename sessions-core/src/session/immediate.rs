//! Operations that go to the store at once, because the handler depends on the answer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sessions_store::view::Scratch;
use sessions_store::{Changes, Record, Refusal};

use super::Session;
use crate::error::{Error, ErrorKind};
use crate::exchange::{take_turn, take_turn_for};
use crate::manager::{Event, StoreCall};

/// How often [`Session::update`] and [`Session::take`] try before they fail with `Conflict`.
const ATTEMPTS: u32 = 64;

impl Session {
    /// Removes an entry from the store at once and returns its value.
    ///
    /// Of all racing requests exactly one gets the value: use it for a one-time code, say. An
    /// immutable entry is removed too.
    ///
    /// What this request has not saved is treated as by [`update`](Self::update): an increment of
    /// the entry is saved first, after a login or renewal all writes are, and an entry that this
    /// request has set is taken from its own writes.
    ///
    /// # Errors
    ///
    /// Same as [`save`](Self::save); also [`Conflict`](ErrorKind::Conflict) if other requests
    /// changed the entry 64 times in a row, and [`Decode`](ErrorKind::Decode) if the entry is not a
    /// `T`; it is removed in that case too.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// session.set("code", "271828")?;
    /// assert_eq!(session.take::<String>("code").await?.as_deref(), Some("271828"));
    /// assert_eq!(session.take::<String>("code").await?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "remove_as")]
    pub async fn take<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        for attempt in 0..ATTEMPTS {
            let _turn = take_turn_for(&self.shared, key).await?;
            let Some(base) = self.base_with(key) else {
                let value = self.get(key);
                self.remove(key);
                return value;
            };
            if let Some(value) = base.entry(key).map(|entry| entry.value()) {
                let changes = self.changes(&base).require(key, Some(value)).remove(key);
                if self.commit_now(&base, &changes).await? {
                    return self.decode(key, value).map(Some);
                }
            } else if attempt > 0 {
                return Ok(None);
            }
            // Another request may have set or changed it since.
            self.load_again().await?;
        }
        Err(Error::new(ErrorKind::Conflict))
    }

    /// Replaces an entry with the result of `change`, atomically and at once.
    ///
    /// If another request changes the entry in between, `change` is called again with the new
    /// value. For numbers, prefer [`increment`](Self::increment), which needs no round trip.
    ///
    /// `change` must not wait for another save, `take` or `update` of this session: those wait for
    /// this call, so neither would ever end.
    ///
    /// An unsaved increment of this entry is saved first; the request's other writes stay unsaved.
    /// If the request has signed in or renewed its session, all are saved first, since the old
    /// token must not read the new value. If this request has set the entry but not saved it, or if
    /// the session is not stored yet, this is a plain get and set.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get), [`set`](Self::set) and [`save`](Self::save); also
    /// [`Conflict`](ErrorKind::Conflict) if other requests won the race 64 times in a row.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// for item in ["tea", "cake"] {
    ///     let add = |cart: Option<Vec<String>>| {
    ///         let mut cart = cart.unwrap_or_default();
    ///         cart.push(item.to_owned());
    ///         cart
    ///     };
    ///     session.update("cart", add).await?;
    /// }
    /// assert_eq!(session.get::<Vec<String>>("cart")?.unwrap_or_default(), ["tea", "cake"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn update<T, F>(&self, key: &str, mut change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.update_by(key, |old| Ok(change(old?))).await
    }

    /// Replaces an entry like [`update`](Self::update), even if it is not a `T`.
    ///
    /// Useful after a deploy that changed the entry's type: `change` is then called with `None`,
    /// and [`Event::Undecodable`] is raised.
    ///
    /// # Errors
    ///
    /// Same as [`update`](Self::update), except [`Decode`](ErrorKind::Decode).
    pub async fn update_or_discard<T, F>(&self, key: &str, mut change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.update_by(key, |old| Ok(change(old.unwrap_or_default()))).await
    }

    /// Replaces an entry; `change` gets an error if it is not a `T`.
    async fn update_by<T, F>(&self, key: &str, mut change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Result<Option<T>, Error>) -> Result<T, Error>,
    {
        for _ in 0..ATTEMPTS {
            let _turn = take_turn_for(&self.shared, key).await?;
            let Some(base) = self.base_with(key) else {
                let value = change(self.get(key))?;
                self.set(key, &value)?;
                return Ok(value);
            };
            let old = base.entry(key).map(|entry| entry.value());
            let value = change(old.map(|bytes| self.decode(key, bytes)).transpose())?;
            let (mut bytes, limits) = (Scratch::default(), &self.shared.sessions.config().limits);
            self.encode(key, &value, &mut bytes)?;
            let checked = self.shared.lock().view.check_set(key, bytes.as_slice(), limits);
            checked.map_err(|error| Error::refused(error, key, limits))?;
            let changes = self.changes(&base).require(key, old).set(key, bytes.as_slice());
            if self.commit_now(&base, &changes).await? {
                return Ok(value);
            }
            self.load_again().await?;
        }
        Err(Error::new(ErrorKind::Conflict))
    }

    /// Reloads the session's record, to show a stream or socket what other requests wrote.
    ///
    /// The request's own unsaved writes stay on top. Does nothing for a session that is not stored
    /// yet.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable) if the store fails,
    /// [`NewerFormat`](ErrorKind::NewerFormat) if only a newer build can still read the record, and
    /// [`Gone`](ErrorKind::Gone) if another request ended or renewed the session; the handle is
    /// then empty. If a [`save`](Self::save) was dropped before and its writes were refused,
    /// returns the error of that save.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{ErrorKind, Sessions};
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let issued = sessions.issue("ann").await?;
    /// # let session = sessions.open().session([issued.cookie().as_bytes()]).await?;
    /// session.reload().await?;
    /// assert!(session.principal().is_some());
    ///
    /// // Meanwhile an administrator signs ann out.
    /// sessions.destroy_principal("ann").await?;
    /// assert_eq!(session.reload().await.unwrap_err().kind(), ErrorKind::Gone);
    /// assert!(session.principal().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn reload(&self) -> Result<(), Error> {
        let _turn = take_turn(&self.shared).await?;
        self.load_again().await
    }

    /// Returns the record of the stored session, or `None` if this request has changed the entry
    /// or the session is not stored.
    fn base_with(&self, key: &str) -> Option<Record> {
        let state = self.shared.lock();
        state.live_base().filter(|_| !state.view.hides_entry(key)).cloned()
    }

    fn changes(&self, base: &Record) -> Changes {
        let sessions = &self.shared.sessions;
        let expected = self.shared.lock().expected_secret().unwrap_or_else(|| base.secret_hash());
        Changes::new(sessions.now(), expected).limited_to(sessions.config().limits)
    }

    /// Commits changes now and shows the new record. Returns `false` for a conflict.
    async fn commit_now(&self, base: &Record, changes: &Changes) -> Result<bool, Error> {
        let sessions = &self.shared.sessions;
        let answer = sessions.store().commit(base, changes).await;
        match sessions.check_answer(StoreCall::Commit, answer)? {
            Ok(record) => {
                let mut state = self.shared.lock();
                state.resend_cookie(record.lifetime());
                state.follow(record, changes.expected_secret(), true);
                Ok(true)
            }
            Err(Refusal::Conflict) => Ok(false),
            Err(Refusal::TooLarge) => Err(Error::too_large(&sessions.config().limits)),
            Err(Refusal::Gone) => Err(self.lose()),
            Err(_) => Err(Error::new(ErrorKind::Conflict)),
        }
    }

    async fn load_again(&self) -> Result<(), Error> {
        let (id, expected) = {
            let state = self.shared.lock();
            match (state.id(), state.expected_secret()) {
                (Some(id), Some(expected)) => (id, expected),
                _ if state.is_lost() => return Err(Error::new(ErrorKind::Gone)),
                _ => return Ok(()),
            }
        };
        let found = self.shared.sessions.find_record(id).await?;
        let record = found.filter(|record| record.continues_from(&expected)).ok_or_else(|| self.lose())?;
        self.shared.lock().follow(record, &expected, true);
        Ok(())
    }

    fn lose(&self) -> Error {
        let mut state = self.shared.lock();
        let id = state.id();
        state.lose();
        drop(state);
        if let Some(id) = id {
            self.shared.raise(&Event::Interrupted { id });
        }
        Error::new(ErrorKind::Gone)
    }
}
