//! Typed keys.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::manager::SessionInfo;
use crate::session::Session;

/// The key of an entry or flash together with the type of its value.
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

    /// Sets the entry, as [`Session::set`] does.
    ///
    /// The value may be of a borrowed form of `T`, such as `str` for a `String`, that serializes in
    /// the same way. A slice for an array must have its length.
    ///
    /// # Errors
    ///
    /// Same as [`Session::set`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const NAME: Key<String> = Key::new("name");
    /// const SIZES: Key<Vec<u32>> = Key::new("sizes");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// NAME.set(&session, "iris")?;
    /// SIZES.set(&session, [38, 40].as_slice())?;
    /// assert_eq!(NAME.get(&session)?.as_deref(), Some("iris"));
    /// assert_eq!(SIZES.get(&session)?, Some(vec![38, 40]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn set<Q>(&self, session: &Session, value: &Q) -> Result<(), Error>
    where
        T: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        session.set(self.name, value)
    }

    /// Sets an immutable entry, as [`Session::set_immutable`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::set_immutable`].
    pub fn set_immutable<Q>(&self, session: &Session, value: &Q) -> Result<(), Error>
    where
        T: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        session.set_immutable(self.name, value)
    }

    /// Stores a flash, as [`Session::set_flash`] does.
    ///
    /// A flash and an entry of the same name are two values.
    ///
    /// # Errors
    ///
    /// Same as [`Session::set_flash`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const SAVED: Key<u32> = Key::new("saved");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// SAVED.set_flash(&session, &3)?;
    /// assert_eq!(SAVED.get(&session)?, None);
    /// assert_eq!(SAVED.flash(&session)?, Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn set_flash<Q>(&self, session: &Session, value: &Q) -> Result<(), Error>
    where
        T: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        session.set_flash(self.name, value)
    }

    /// Removes the entry and returns whether it existed, as [`Session::remove`] does.
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const NAME: Key<String> = Key::new("name");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// NAME.set(&session, "iris")?;
    /// assert!(NAME.remove(&session));
    /// assert_eq!(NAME.get(&session)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[expect(clippy::must_use_candidate, reason = "removing is what it is for; the answer is extra")]
    pub fn remove(&self, session: &Session) -> bool {
        session.remove(self.name)
    }

    /// Removes the flash and returns whether it existed, as [`Session::remove_flash`] does.
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const NOTICE: Key<String> = Key::new("notice");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// NOTICE.set_flash(&session, "saved")?;
    /// assert!(NOTICE.remove_flash(&session));
    /// assert_eq!(NOTICE.flash(&session)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[expect(clippy::must_use_candidate, reason = "removing is what it is for; the answer is extra")]
    pub fn remove_flash(&self, session: &Session) -> bool {
        session.remove_flash(self.name)
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

    /// Returns the entry's value in a session of a listing, as [`SessionInfo::get`] does.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the entry is not a `T`.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Login, Sessions};
    ///
    /// const BROWSER: Key<String> = Key::new("browser");
    ///
    /// # pollster::block_on(async {
    /// let sessions = Sessions::builder().build()?;
    /// let login = |session: &sessions_core::Session| BROWSER.set(session, "Firefox");
    /// let _ = sessions.issue_with(Login::new("ann"), login).await?;
    /// let devices = sessions.sessions_of("ann").await?;
    /// assert_eq!(BROWSER.get_from(&devices[0])?.as_deref(), Some("Firefox"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn get_from(&self, info: &SessionInfo) -> Result<Option<T>, Error> {
        info.get(self.name)
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

    /// Returns the flash and removes it for later requests, as [`Session::flash`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::flash`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const NOTICE: Key<String> = Key::new("notice");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// NOTICE.set_flash(&session, "saved")?;
    /// assert_eq!(NOTICE.flash(&session)?.as_deref(), Some("saved"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn flash(&self, session: &Session) -> Result<Option<T>, Error> {
        session.flash(self.name)
    }

    /// Returns the flash and removes it even if it is not a `T`, as [`Session::flash_or_discard`]
    /// does.
    #[must_use]
    pub fn flash_or_discard(&self, session: &Session) -> Option<T> {
        session.flash_or_discard(self.name)
    }

    /// Returns the flash without removing it, as [`Session::peek_flash`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::peek_flash`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const NOTICE: Key<String> = Key::new("notice");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// NOTICE.set_flash(&session, "saved")?;
    /// assert_eq!(NOTICE.peek_flash(&session)?.as_deref(), Some("saved"));
    /// assert!(session.has_flash());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn peek_flash(&self, session: &Session) -> Result<Option<T>, Error> {
        session.peek_flash(self.name)
    }
}

impl<T: Serialize + DeserializeOwned> Key<T> {
    /// Replaces the entry, as [`Session::update`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::update`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const CART: Key<Vec<String>> = Key::new("cart");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// let cart = CART
    ///     .update(&session, |cart| {
    ///         let mut cart = cart.unwrap_or_default();
    ///         cart.push("tea".to_owned());
    ///         cart
    ///     })
    ///     .await?;
    /// assert_eq!(cart, ["tea"]);
    /// assert_eq!(CART.get(&session)?, Some(cart));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
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

/// Counting, only for `i64`: the store adds in that type, and at commit time a sum could leave the
/// range of another one.
impl Key<i64> {
    /// Adds to the entry and returns the sum, as [`Session::increment`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::increment`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const VISITS: Key<i64> = Key::new("visits");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// assert_eq!(VISITS.increment(&session, 1)?, 1);
    /// assert_eq!(VISITS.increment(&session, 2)?, 3);
    /// assert_eq!(VISITS.get(&session)?, Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn increment(&self, session: &Session, by: i64) -> Result<i64, Error> {
        session.increment(self.name, by)
    }

    /// Subtracts from the entry and returns the difference, as [`Session::decrement`] does.
    ///
    /// # Errors
    ///
    /// Same as [`Session::decrement`].
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::{Key, Sessions};
    ///
    /// const CREDIT: Key<i64> = Key::new("credit");
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// CREDIT.set(&session, &10)?;
    /// assert_eq!(CREDIT.decrement(&session, 3)?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn decrement(&self, session: &Session, by: i64) -> Result<i64, Error> {
        session.decrement(self.name, by)
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
