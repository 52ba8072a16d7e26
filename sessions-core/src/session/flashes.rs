//! Flashes: values that are read once. They are stored, so they survive a restart and reach every
//! node.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sessions_store::view::{Scope, Write};

use super::Session;
use crate::error::Error;
use crate::session::value::Value;

impl Session {
    /// Stores a value for the next request that reads it.
    ///
    /// # Errors
    ///
    /// Same as [`set`](Self::set), except `Immutable`.
    pub fn set_flash<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.put(Write::Flash, key, value)
    }

    /// Returns a flash and removes it for later requests.
    ///
    /// This request can read it again until it saves. A newer value that another request stores
    /// meanwhile is kept. Concurrent requests may all read the same flash; use [`take`](Self::take)
    /// on an entry to give a value to exactly one.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the flash is not a `T`; the flash is then
    /// kept. [`flash_or_discard`](Self::flash_or_discard) removes such a flash.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let sessions = Sessions::builder().build()?;
    /// # let notice = |session: &sessions_core::Session| session.set_flash("notice", "saved");
    /// # let issued = sessions.issue_with("ann", notice).await?;
    /// # let cookie = issued.cookie().as_bytes();
    /// let exchange = sessions.open();
    /// let session = exchange.session([cookie]).await?;
    /// assert_eq!(session.flash::<String>("notice")?.as_deref(), Some("saved"));
    /// let _ = exchange.end(200).await?;
    ///
    /// // The next request does not find it.
    /// let session = sessions.open().session([cookie]).await?;
    /// assert_eq!(session.flash::<String>("notice")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn flash<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let value = self.peek_flash(key)?;
        if value.is_some() {
            self.shared.lock().view.consume_flash(key);
        }
        Ok(value)
    }

    /// Returns a flash, and removes it for later requests even if it is not a `T`.
    ///
    /// Useful after a deploy that changed the flash's type. A flash of another type raises
    /// [`Event::Undecodable`](crate::Event::Undecodable).
    #[must_use]
    pub fn flash_or_discard<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.flash(key).unwrap_or_else(|_| {
            self.remove_flash(key);
            None
        })
    }

    /// Returns a flash without removing it.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the flash is not a `T`.
    pub fn peek_flash<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let bytes = self.shared.lock().view.find(Scope::Flashes, key).map(|seen| seen.value().to_vec());
        bytes.map(|bytes| self.decode(key, &bytes)).transpose()
    }

    /// Returns whether there is any flash.
    #[must_use]
    pub fn has_flash(&self) -> bool {
        self.shared.lock().view.slots(Scope::Flashes).next().is_some()
    }

    /// Returns all flashes by key and removes them for later requests.
    #[must_use]
    pub fn flashes(&self) -> BTreeMap<String, Value> {
        let mut state = self.shared.lock();
        let flashes = self.collect(state.view.slots(Scope::Flashes));
        for key in flashes.keys() {
            state.view.consume_flash(key);
        }
        flashes
    }

    /// Removes a flash and returns whether it existed.
    #[expect(clippy::must_use_candidate, reason = "removing is what it is for; the answer is extra")]
    pub fn remove_flash(&self, key: &str) -> bool {
        self.shared.lock().view.remove(Scope::Flashes, key)
    }

    /// Removes all flashes.
    pub fn clear_flashes(&self) {
        self.shared.lock().view.clear(Scope::Flashes);
    }
}
