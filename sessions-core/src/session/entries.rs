//! Reading and writing entries.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sessions_store::view::{Scope, Scratch, Write};

use super::Session;
use crate::error::{Error, ErrorKind};
use crate::manager::Event;
use crate::session::value::Value;

impl Session {
    /// Returns an entry's value, or `None` if there is no such entry.
    ///
    /// This is strict: the text "7" is not a number. [`lenient`](Self::lenient) reads it as one.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the entry is not a `T`; a wrong type is
    /// never reported as missing. The error, the log and an event name the key and the type.
    /// [`get_or_discard`](Self::get_or_discard) removes such an entry.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let state = self.shared.lock();
        if state.view.hides_entry(key) {
            let value = state.view.find(Scope::Entries, key).map(|seen| seen.value().to_vec());
            drop(state);
            return value.map(|value| self.decode(key, &value)).transpose();
        }
        let Some(record) = state.base().cloned() else { return Ok(None) };
        // Decoding runs the handler's own code, so it must not run under the lock.
        drop(state);
        record.entry(key).map(|entry| self.decode(key, entry.value())).transpose()
    }

    /// Returns an entry's value, or removes the entry if it is not a `T`.
    ///
    /// Useful after a deploy that changed the entry's type. The removal raises
    /// [`Event::Undecodable`](crate::Event::Undecodable). It is a write like any other, so a 5xx
    /// response drops it.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// # pollster::block_on(async {
    /// # let session = Sessions::builder().build()?.open().session([]).await?;
    /// session.set("theme", "dark")?; // an older build wrote a text
    /// assert_eq!(session.get_or_discard::<u32>("theme"), None);
    /// assert!(!session.contains("theme"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn get_or_discard<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.get(key).unwrap_or_else(|_| {
            self.remove(key);
            None
        })
    }

    /// Sets an entry. Setting an equal value changes nothing.
    ///
    /// [`get`](Self::get) returns every accepted value unchanged if the type's serde
    /// implementations read what they write. Some derived implementations do not: those with fields
    /// skipped only when serializing, and those of an internally tagged variant with a field of the
    /// tag's name. Within `#[serde(flatten)]`, internally tagged and untagged enums, 128-bit
    /// integers and maps with number or boolean keys do not either. `get` then fails with
    /// [`Decode`](crate::ErrorKind::Decode).
    ///
    /// # Errors
    ///
    /// Returns [`Immutable`](crate::ErrorKind::Immutable) if the entry is immutable,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) if the session would exceed its limits, and
    /// [`Encode`](crate::ErrorKind::Encode) for a value that could not be read back unchanged: a
    /// float that is not finite, `Some(None)`, a map whose keys JSON cannot represent, or arrays
    /// and objects nested more than 127 deep. The entry keeps its old value. Once the response
    /// headers were sent, returns [`HeadersSent`](crate::ErrorKind::HeadersSent) if there is no
    /// session, and [`Gone`](crate::ErrorKind::Gone) if it has ended.
    #[doc(alias = "insert")]
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.put(Write::Entry, key, value)
    }

    /// Sets an immutable entry: only another `set_immutable` can replace it.
    ///
    /// [`set`](Self::set), [`increment`](Self::increment) and [`update`](Self::update) refuse to.
    /// [`remove`](Self::remove), [`take`](Self::take) and [`clear`](Self::clear) still remove it.
    ///
    /// # Errors
    ///
    /// Same as [`set`](Self::set), except `Immutable`.
    pub fn set_immutable<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.put(Write::Immutable, key, value)
    }

    pub(super) fn put<T: Serialize + ?Sized>(&self, write: Write, key: &str, value: &T) -> Result<(), Error> {
        let (mut bytes, limits) = (Scratch::default(), &self.shared.sessions.config().limits);
        self.encode(key, value, &mut bytes)?;
        let written = self.shared.lock().writable()?.set(write, key, bytes.as_slice(), limits);
        written.map_err(|error| Error::refused(error, key, limits))
    }

    /// Removes an entry, even an immutable one, and returns whether it existed.
    #[expect(clippy::must_use_candidate, reason = "removing is what it is for; the answer is extra")]
    pub fn remove(&self, key: &str) -> bool {
        self.shared.lock().view.remove(Scope::Entries, key)
    }

    /// Removes all entries, including immutable ones. The session, its principal and its flashes
    /// stay.
    pub fn clear(&self) {
        self.shared.lock().view.clear(Scope::Entries);
    }

    /// Adds to an entry and returns the sum. A missing entry counts as 0.
    ///
    /// Concurrent increments are never lost: the store adds to the value that it holds at commit
    /// time. The returned sum is based on the value that this request loaded.
    ///
    /// # Errors
    ///
    /// Returns [`NotANumber`](crate::ErrorKind::NotANumber) if the entry is not an integer or the
    /// sum does not fit an `i64`, and [`Immutable`](crate::ErrorKind::Immutable),
    /// [`TooLarge`](crate::ErrorKind::TooLarge), [`HeadersSent`](crate::ErrorKind::HeadersSent) and
    /// [`Gone`](crate::ErrorKind::Gone) as [`set`](Self::set) does.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, Error> {
        let limits = &self.shared.sessions.config().limits;
        let sum = self.shared.lock().writable()?.increment(key, by, limits);
        sum.map_err(|error| Error::refused(error, key, limits))
    }

    /// Subtracts from an entry; the counterpart of [`increment`](Self::increment).
    ///
    /// # Errors
    ///
    /// Same as [`increment`](Self::increment).
    pub fn decrement(&self, key: &str, by: i64) -> Result<i64, Error> {
        let by = by.checked_neg().ok_or_else(|| Error::new(ErrorKind::NotANumber).at(key))?;
        self.increment(key, by)
    }

    /// Returns whether an entry with this key exists.
    #[doc(alias = "contains_key")]
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.shared.lock().view.find(Scope::Entries, key).is_some()
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.lock().view.slots(Scope::Entries).count()
    }

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.lock().view.slots(Scope::Entries).next().is_none()
    }

    /// Returns all entries by key.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<String, Value> {
        let state = self.shared.lock();
        self.collect(state.view.slots(Scope::Entries))
    }

    pub(super) fn collect<'a>(&self, slots: impl Iterator<Item = (&'a str, &'a [u8])>) -> BTreeMap<String, Value> {
        slots.map(|(key, value)| (key.to_owned(), Value::new(key, value, self.values()))).collect()
    }

    pub(super) fn values(&self) -> &crate::codec::Values {
        &self.shared.sessions.config().values
    }

    /// Decodes an entry or flash, and raises an event if it has another type.
    #[inline]
    pub(super) fn decode<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T, Error> {
        self.values().decode(key, bytes).inspect_err(|_| self.report_undecodable(key, std::any::type_name::<T>()))
    }

    #[cold]
    fn report_undecodable(&self, key: &str, expected: &'static str) {
        self.shared.raise(&Event::Undecodable { id: self.id(), key: key.into(), expected });
    }

    /// Encodes the value of an entry or flash, without the lock: this runs the handler's own code.
    pub(super) fn encode<T: Serialize + ?Sized>(&self, key: &str, value: &T, out: &mut Scratch) -> Result<(), Error> {
        self.values().encode(value, out).map_err(|error| error.at(key))
    }
}
