//! What goes to the store at once, because its answer decides how the handler goes on.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::cookie::SecretHash;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Live, take_turn};
use crate::id::SessionId;
use crate::manager::{Event, StoreCall};
use crate::record::Changes;
use crate::record::Record;
use crate::store::{Committed, Taken};

/// Decides what an update goes on from, given an entry or the error of reading it.
type Judge<T> = fn(Result<Option<T>, Error>) -> Result<Option<T>, Error>;

/// How often [`Session::update`] tries anew before it gives up.
const UPDATE_ATTEMPTS: u32 = 64;

impl Session {
    /// Removes an entry from the store at once and returns its value, to exactly one of all
    /// requests that race for it: a one-time code, say. An entry that this request has set itself,
    /// and not saved, it takes from itself.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable), [`Gone`](ErrorKind::Gone) if the
    /// session ended meanwhile, and [`Decode`](ErrorKind::Decode) if the entry is not a `T`; it is
    /// removed then, too.
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

    /// Returns the record that holds an entry, `None` if only this request knows of it.
    fn stored_entry(&self, key: &str) -> Option<(SessionId, SecretHash)> {
        let mut state = self.shared.lock();
        if state.view().edits().cover_entry(key) {
            return None;
        }
        state.live().map(name)
    }

    /// Replaces an entry by what `change` makes of it, at once and exactly: if another request
    /// changes the entry in between, `change` is called again with the new value. For anything but
    /// numbers, which [`increment`](Self::increment) adds without asking.
    ///
    /// What this request has added to the entry goes with it; its other writes stay where they are.
    /// For an entry that the request has set itself and not saved, and in a session that is not
    /// stored yet, this is a plain get and set.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), [`set`](Self::set) and [`save`](Self::save);
    /// [`Conflict`](ErrorKind::Conflict) if others were faster 64 times in a row.
    pub async fn update<T, F>(&self, key: &str, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.update_by(key, change, |decoded| decoded).await
    }

    /// Replaces an entry as [`update`](Self::update) does, also where it is not a `T`, after a
    /// deploy that changed its type, say: `change` is then called with `None`, and
    /// [`Event::Undecodable`] tells.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update), but for [`Decode`](ErrorKind::Decode).
    pub async fn update_or_discard<T, F>(&self, key: &str, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.update_by(key, change, |decoded| Ok(decoded.unwrap_or_default())).await
    }

    /// Replaces an entry; `judge` decides what becomes of one that is not a `T`.
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

    /// Loads the session's record again, for a stream or socket that wants to see what others
    /// wrote. The request's own unsaved writes stay on top. Does nothing for a session that is not
    /// stored yet.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](ErrorKind::StoreUnavailable), and [`Gone`](ErrorKind::Gone) if
    /// the session ended or was renewed by another request; the handle is then empty.
    pub async fn reload(&self) -> Result<(), Error> {
        let _turn = take_turn(&self.shared).await?;
        self.load_again().await
    }

    /// Sends what this request has added to an entry, so that the store's value is the one to go on
    /// from.
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
        let Some((id, hash)) = self.shared.lock().live().map(name) else {
            return Ok(());
        };
        let now = self.shared.sessions.now();
        let loaded = self.shared.sessions.store().load(id, now).await;
        let loaded = self.shared.sessions.check_answer(StoreCall::Load, loaded)?;
        match loaded.filter(|record| record.secret_hash() == hash && record.is_live(now)) {
            Some(record) => {
                self.rebase(Some(record));
                Ok(())
            }
            None => Err(self.lose()),
        }
    }

    fn rebase(&self, base: Option<Record>) {
        let mut state = self.shared.lock();
        state.rebase(base);
    }

    /// Applies to the loaded record what the store has already applied to its own.
    fn forget(&self, changes: &Changes) {
        let mut state = self.shared.lock();
        // The idle limit has moved, and a cookie that persists is to be told so.
        if let Some(live) = state.live_mut() {
            live.touch_due |= self.shared.sessions.config().expiry.cookie_persists();
        }
        let base = state.view().base().cloned();
        drop(state);
        if let Some(applied) = base.and_then(|record| record.apply_unconditionally(changes)) {
            self.rebase(Some(applied));
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

/// Returns what names a stored session to the store: its id and the hash of its secret.
const fn name(live: &Live) -> (SessionId, SecretHash) {
    (live.token.id(), live.hash)
}
