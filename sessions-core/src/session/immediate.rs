//! Operations that go to the store at once, because the handler depends on the answer.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::cookie::SecretHash;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Live, take_turn};
use crate::id::SessionId;
use crate::manager::{Event, StoreCall};
use crate::record::Changes;
use crate::store::{Committed, Taken};

/// Maps the result of reading an entry to the value that an update starts from.
type Judge<T> = fn(Result<Option<T>, Error>) -> Result<Option<T>, Error>;

/// How often [`Session::update`] retries before it fails with `Conflict`.
const UPDATE_ATTEMPTS: u32 = 64;

impl Session {
    /// Removes an entry from the store at once and returns its value.
    ///
    /// Of all racing requests exactly one gets the value: use it for a one-time code, say. An entry
    /// that this request has set but not saved is taken from the request's own writes.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable), [`Gone`](ErrorKind::Gone) if the
    /// session ended meanwhile, and [`Decode`](ErrorKind::Decode) if the entry is not a `T`; it is
    /// removed in that case too.
    pub async fn take<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let _turn = take_turn(&self.shared).await?;
        self.send_increment(key).await?;
        let Some((id, hash)) = self.stored_entry(key) else {
            let value = self.get(key)?;
            self.remove(key);
            return Ok(value);
        };
        let now = self.shared.sessions.now();
        let taken = self.shared.sessions.store().take(id, &hash, key, now).await;
        match self.shared.sessions.check_answer(StoreCall::Take, taken)? {
            Taken::Value(bytes) => {
                self.forget(&Changes::new(now, hash).remove(key));
                self.decode(key, &bytes).map(Some)
            }
            Taken::Absent => {
                self.forget(&Changes::new(now, hash).remove(key));
                Ok(None)
            }
            Taken::Gone => Err(self.lose()),
        }
    }

    /// Returns the id and secret hash of the stored session that holds an entry.
    ///
    /// `None` if the entry exists only in this request.
    fn stored_entry(&self, key: &str) -> Option<(SessionId, SecretHash)> {
        let mut state = self.shared.lock();
        if state.view().edits().hides_entry(key) {
            return None;
        }
        state.live().map(id_and_hash)
    }

    /// Replaces an entry with the result of `change`, atomically and at once.
    ///
    /// If another request changes the entry in between, `change` is called again with the new
    /// value. For numbers, prefer [`increment`](Self::increment), which needs no round trip.
    ///
    /// An unsaved increment of this entry is saved first; the request's other writes stay unsaved.
    /// If this request has set the entry but not saved it, or if the session is not stored yet,
    /// this is a plain get and set.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get), [`set`](Self::set) and [`save`](Self::save); also
    /// [`Conflict`](ErrorKind::Conflict) if other requests won the race 64 times in a row.
    pub async fn update<T, F>(&self, key: &str, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.update_by(key, change, |decoded| decoded).await
    }

    /// Replaces an entry like [`update`](Self::update), even if it is not a `T`.
    ///
    /// Useful after a deploy that changed the entry's type: `change` is then called with `None`,
    /// and [`Event::Undecodable`] is raised.
    ///
    /// # Errors
    ///
    /// Same as [`update`](Self::update), except [`Decode`](ErrorKind::Decode).
    pub async fn update_or_discard<T, F>(&self, key: &str, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.update_by(key, change, |decoded| Ok(decoded.unwrap_or_default())).await
    }

    /// Replaces an entry; `judge` handles one that is not a `T`.
    async fn update_by<T, F>(&self, key: &str, mut change: F, judge: Judge<T>) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        let _turn = take_turn(&self.shared).await?;
        self.send_increment(key).await?;
        for _ in 0..UPDATE_ATTEMPTS {
            let Some((id, hash)) = self.stored_entry(key) else {
                let value = change(judge(self.get(key))?);
                self.set(key, &value)?;
                return Ok(value);
            };
            let old = self.shared.lock().view().entry(key).map(|seen| seen.value.to_vec());
            let decoded = old.as_ref().map(|bytes| self.decode(key, bytes)).transpose();
            let value = change(judge(decoded)?);
            let changes = self.changes(hash).require(key, old.as_deref());
            let changes = self.encoded(&value, |bytes, state| {
                state.view().check_set(key, bytes, &self.shared.sessions.config().limits)?;
                Ok(changes.set(key, bytes))
            })?;
            let committed = self.shared.sessions.store().commit(id, &changes).await;
            match self.shared.sessions.check_answer(StoreCall::Commit, committed)? {
                Committed::Applied => {
                    self.forget(&changes);
                    return Ok(value);
                }
                Committed::Conflict => self.load_again().await?,
                Committed::TooLarge => return Err(Error::new(ErrorKind::TooLarge)),
                Committed::Gone => return Err(self.lose()),
            }
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
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable), and [`Gone`](ErrorKind::Gone) if
    /// another request ended or renewed the session; the handle is then empty.
    pub async fn reload(&self) -> Result<(), Error> {
        let _turn = take_turn(&self.shared).await?;
        self.load_again().await
    }

    /// Sends the request's unsaved increment of an entry, so that the update starts from the
    /// store's value.
    async fn send_increment(&self, key: &str) -> Result<(), Error> {
        let Some((id, hash, by)) = self.pending_increment(key) else { return Ok(()) };
        let changes = self.changes(hash).increment(key, by);
        let committed = self.shared.sessions.store().commit(id, &changes).await;
        match self.shared.sessions.check_answer(StoreCall::Commit, committed)? {
            Committed::Applied => {
                self.shared.lock().view().forget_increment(key, by);
                self.forget(&changes);
                Ok(())
            }
            Committed::Conflict => Err(Error::new(ErrorKind::Conflict)),
            Committed::TooLarge => Err(Error::new(ErrorKind::TooLarge)),
            Committed::Gone => Err(self.lose()),
        }
    }

    fn changes(&self, hash: SecretHash) -> Changes {
        let sessions = &self.shared.sessions;
        Changes::new(sessions.now(), hash).limited_to(sessions.config().limits)
    }

    fn pending_increment(&self, key: &str) -> Option<(SessionId, SecretHash, i64)> {
        let mut state = self.shared.lock();
        let by = state.view().edits().increment_of(key)?;
        state.live().map(|live| (live.id(), live.hash, by))
    }

    async fn load_again(&self) -> Result<(), Error> {
        let Some((id, hash)) = self.shared.lock().live().map(id_and_hash) else {
            return Ok(());
        };
        let now = self.shared.sessions.now();
        let loaded = self.shared.sessions.store().load(id, now).await;
        let loaded = self.shared.sessions.check_answer(StoreCall::Load, loaded)?;
        match loaded.filter(|record| record.secret_hash() == hash && record.is_live(now)) {
            Some(record) => {
                self.shared.lock().rebase(Some(record));
                Ok(())
            }
            None => Err(self.lose()),
        }
    }

    /// Applies changes to the loaded record that the store has already applied to its own.
    fn forget(&self, changes: &Changes) {
        let mut state = self.shared.lock();
        // The idle timeout was restarted, so a persistent cookie must be resent.
        if let Some(live) = state.live_mut() {
            live.touch_due |= self.shared.sessions.config().expiry.cookie_persists();
        }
        let base = state.view().base().cloned();
        drop(state);
        if let Some(applied) = base.and_then(|record| record.apply_unconditionally(changes)) {
            self.shared.lock().rebase(Some(applied));
        }
    }

    fn lose(&self) -> Error {
        let mut state = self.shared.lock();
        let id = state.id();
        state.lose(false);
        drop(state);
        if let Some(id) = id {
            self.shared.raise(&Event::Interrupted { id });
        }
        Error::new(ErrorKind::Gone)
    }
}

/// Returns the id and secret hash by which the store finds a session.
const fn id_and_hash(live: &Live) -> (SessionId, SecretHash) {
    (live.token.id(), live.hash)
}
