//! Signing and encrypting the token in the cookie.

#[cfg(feature = "seal")]
mod keyed;
#[cfg(feature = "seal")]
mod seal_key;

#[cfg(feature = "seal")]
pub(crate) use keyed::{Keyed, Mode};
#[cfg(feature = "seal")]
pub use seal_key::SealKey;

use std::error::Error as StdError;
use std::fmt;

/// A custom conversion between a token's text and the cookie's value.
///
/// Tokens are secure without a seal: they are random, and the store keeps only a hash of the
/// secret. A seal stops forged tokens before they reach the store. An encrypting seal also hides
/// the session's id from anyone who can read the cookie. The built-in seals are
/// [`signed`](crate::SessionsBuilder::signed) and [`encrypted`](crate::SessionsBuilder::encrypted).
pub trait Seal: fmt::Debug + Send + Sync + 'static {
    /// Seals a token's 43 characters.
    ///
    /// The value may contain only what RFC 6265bis allows: no space, quote, comma, semicolon or
    /// backslash.
    ///
    /// # Errors
    ///
    /// Returns an error if the token cannot be sealed. The error must not contain the token.
    fn seal(&self, token: &str) -> Result<String, Box<dyn StdError + Send + Sync>>;

    /// Opens a cookie's value.
    ///
    /// Returns `None` for every value that [`seal`](Self::seal) did not make. There must be no
    /// fallback.
    fn open(&self, value: &str) -> Option<Opened>;
}

/// The token that a [`Seal`] opened.
#[derive(Clone)]
pub struct Opened {
    pub(crate) token: String,
    pub(crate) is_stale: bool,
}

impl Opened {
    /// Creates the result from a token's text.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into(), is_stale: false }
    }

    /// Marks the value as stale: sealed with an older key.
    ///
    /// The request then writes the session's time of last use, and its response sends the cookie
    /// sealed again, so that sessions in use outlive the older key. A bearer token is not sent
    /// again.
    #[must_use]
    pub fn stale(mut self) -> Self {
        self.is_stale = true;
        self
    }
}

redacted!(Opened { is_stale });
