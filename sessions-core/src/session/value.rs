//! The values that `entries` and `flashes` return.

use serde::de::DeserializeOwned;

use crate::codec::Values;
use crate::error::Error;

/// The value of one entry or flash.
#[derive(Clone)]
pub struct Value {
    key: Box<str>,
    bytes: Box<[u8]>,
    values: Values,
}

impl Value {
    pub(crate) fn new(key: &str, bytes: &[u8], values: &Values) -> Self {
        Self { key: key.into(), bytes: bytes.into(), values: values.clone() }
    }

    /// Decodes the value as a `T`.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.values.decode(&self.key, &self.bytes)
    }
}

redacted!(Value);
