//! Signing and encrypting what the cookie carries.

mod keyed;

pub use keyed::SealKey;
pub(crate) use keyed::{Keyed, Mode};

use std::error::Error as StdError;
use std::fmt;

/// Turns a token's text into the cookie's value and back, in a way of one's own.
///
/// A token needs no sealing to be safe: it is random, and only its hash is stored. A seal keeps a made-up token from reaching the
/// store at all, and (encrypted) keeps the session's id from whoever reads the cookie. The built-in ones are
/// [`signed`](crate::SessionsBuilder::signed) and [`encrypted`](crate::SessionsBuilder::encrypted).
pub trait Seal: fmt::Debug + Send + Sync + 'static {
    /// Seals a token's 43 characters. The value may hold only what RFC 6265bis allows in one: no space, quote, comma, semicolon
    /// or backslash.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be sealed. It must not repeat the token.
    fn seal(&self, token: &str) -> Result<String, Box<dyn StdError + Send + Sync>>;

    /// Opens a cookie's value, `None` for any that [`seal`](Self::seal) did not make. There must be no fallback.
    fn open(&self, value: &str) -> Option<String>;
}
