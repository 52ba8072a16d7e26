//! Typed keys.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::session::Session;

/// The key of an entry together with the type of its value.
///
/// Declared once as a constant, it keeps all uses of the entry consistent.
///
/// ```
/// use sessions_core::{Key, Sessions};
///
/// const VISITS: Key<u32> = Key::new("visits");
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let session = sessions.open().session([]).await?;
/// assert_eq!(VISITS.get(&session)?, None);
/// VISITS.set(&session, &1)?;
/// assert_eq!(VISITS.get(&session)?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Key<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// Creates a key.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// Returns the key's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Removes the entry and returns whether it existed.
    #[expect(clippy::must_use_candidate, reason = "removing is what it is for; the answer is extra")]
    pub fn remove(&self, session: &Session) -> bool {
        session.remove(self.name)
    }
}

impl<T: DeserializeOwned> Key<T> {
    /// Returns the entry's value, as [`Session::get`] does.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the entry is not a `T`.
    pub fn get(&self, session: &Session) -> Result<Option<T>, Error> {
        session.get(self.name)
    }

    /// Returns the entry's value or discards it, as [`Session::get_or_discard`] does.
    #[must_use]
    pub fn get_or_discard(&self, session: &Session) -> Option<T> {
        session.get_or_discard(self.name)
    }

    /// Removes the entry from the store at once and returns its value, as [`Session::take`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::take`].
    pub async fn take(&self, session: &Session) -> Result<Option<T>, Error> {
        session.take(self.name).await
    }
}

impl<T: Serialize> Key<T> {
    /// Sets the entry, as [`Session::set`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::set`].
    pub fn set(&self, session: &Session, value: &T) -> Result<(), Error> {
        session.set(self.name, value)
    }

    /// Sets an immutable entry, as [`Session::set_immutable`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::set_immutable`].
    pub fn set_immutable(&self, session: &Session, value: &T) -> Result<(), Error> {
        session.set_immutable(self.name, value)
    }
}

impl<T: Serialize + DeserializeOwned> Key<T> {
    /// Replaces the entry, as [`Session::update`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::update`].
    pub async fn update(&self, session: &Session, change: impl FnMut(Option<T>) -> T) -> Result<T, Error> {
        session.update(self.name, change).await
    }

    /// Replaces the entry even if it is not a `T`, as [`Session::update_or_discard`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::update_or_discard`].
    pub async fn update_or_discard(&self, session: &Session, change: impl FnMut(Option<T>) -> T) -> Result<T, Error> {
        session.update_or_discard(self.name, change).await
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.name).finish()
    }
}
