//! Flashes: values that are gone with the next request, stored so that they survive a restart and
//! reach every node.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::error::Error;
use crate::session::value::Value;

impl Session {
    /// Leaves a value for the next request that asks for it.
    ///
    /// # Errors
    ///
    /// Returns [`TooLarge`](crate::ErrorKind::TooLarge) if the session would exceed its limits,
    /// [`Encode`](crate::ErrorKind::Encode) if the value cannot be encoded.
    pub fn set_flash<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.encoded(value, |bytes, state| {
            let limits = &self.shared.sessions.config().limits;
            state.writable()?.set_flash(key, bytes, limits)
        })
    }

    /// Returns a flash, which is gone with the next request; this one goes on seeing it, until it
    /// saves. A newer value that another request leaves meanwhile stays. Requests that ask at the
    /// same moment may all see it; [`take`](Self::take) of an entry gives it to one.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the flash is not a `T`; it then stays.
    pub fn flash<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let value = self.peek_flash(key)?;
        if value.is_some() {
            self.shared.lock().view().consume_flash(key);
        }
        Ok(value)
    }

    /// Returns a flash and lets it stay.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the flash is not a `T`.
    pub fn peek_flash<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let bytes = self.shared.lock().view().flash(key).map(<[u8]>::to_vec);
        bytes.map(|bytes| self.decode(key, &bytes)).transpose()
    }

    /// Returns a flash as text, which is gone with the next request; a number or boolean as it is
    /// written.
    #[must_use]
    pub fn flash_string(&self, key: &str) -> Option<String> {
        let value = self.flash(key).ok().flatten();
        value.as_ref().and_then(crate::session::value::lenient::string)
    }

    /// Returns a flash as text, or `default`.
    #[must_use]
    pub fn flash_string_or(&self, key: &str, default: &str) -> String {
        self.flash_string(key).unwrap_or_else(|| default.to_owned())
    }

    /// Says whether there is any flash.
    #[must_use]
    pub fn has_flash(&self) -> bool {
        self.shared.lock().view().flashes().next().is_some()
    }

    /// Returns all flashes, by name, which are gone with the next request.
    #[must_use]
    pub fn flashes(&self) -> BTreeMap<String, Value> {
        let mut state = self.shared.lock();
        let flashes = self.collect(state.view().flashes());
        for key in flashes.keys() {
            state.view().consume_flash(key);
        }
        flashes
    }

    /// Removes a flash, and says whether there was one.
    #[expect(clippy::must_use_candidate, reason = "removing is what it is for; the answer is extra")]
    pub fn remove_flash(&self, key: &str) -> bool {
        self.shared.lock().view().remove_flash(key)
    }

    /// Removes all flashes.
    pub fn clear_flashes(&self) {
        self.shared.lock().view().clear_flashes();
    }
}
