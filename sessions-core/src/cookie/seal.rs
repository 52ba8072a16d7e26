//! Signing and encrypting what the cookie carries.

mod key;
mod keyed;

pub use key::SealKey;
pub(crate) use keyed::{Keyed, Mode};

use std::error::Error as StdError;
use std::fmt;

/// Turns a token's text into the cookie's value and back, in a way of one's own.
///
/// A token needs no sealing to be safe: it is random, and only its hash is stored. A seal keeps a
/// made-up token from reaching the store at all, and (encrypted) keeps the session's id from
/// whoever reads the cookie. The built-in ones are [`signed`](crate::SessionsBuilder::signed) and
/// [`encrypted`](crate::SessionsBuilder::encrypted).
pub trait Seal: fmt::Debug + Send + Sync + 'static {
    /// Seals a token's 43 characters. The value may hold only what RFC 6265bis allows in one: no
    /// space, quote, comma, semicolon or backslash.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be sealed. It must not repeat the token.
    fn seal(&self, token: &str) -> Result<String, Box<dyn StdError + Send + Sync>>;

    /// Opens a cookie's value, `None` for any that [`seal`](Self::seal) did not make. There must be
    /// no fallback.
    fn open(&self, value: &str) -> Option<Opened>;
}

/// What a [`Seal`] has opened.
#[derive(Clone)]
pub struct Opened {
    token: String,
    is_stale: bool,
}

impl Opened {
    /// Makes the result from a token's text.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into(), is_stale: false }
    }

    /// Marks the value as one that [`seal`](Seal::seal) would not make any more: an older key
    /// sealed it. The session's next commit sends the cookie again, sealed anew, so that sessions
    /// in use outlive the older key.
    #[must_use]
    pub fn stale(mut self) -> Self {
        self.is_stale = true;
        self
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) const fn is_stale(&self) -> bool {
        self.is_stale
    }
}

/// Shows no token.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("is_stale", &self.is_stale).finish_non_exhaustive()
    }
}
