//! The stored hash of a secret.

use subtle::ConstantTimeEq;

/// The SHA-256 hash of a session's id and secret.
///
/// A store only keeps it; `sessions-core` computes it from the token.
///
/// The hash is bound to the id, so that copying it to another record grants no access. Equality
/// is constant-time.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Creates a hash from 32 stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the first bytes, which distinguish the secrets of one session.
    pub(crate) const fn beginning(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }

    /// Returns the 32 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        // Word by word without an early exit; only the union of all differences is compared.
        let words = self.0.as_chunks().0.iter().zip(other.0.as_chunks().0);
        let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
        words.fold(0, |sum, (own, other)| sum | (word(own) ^ word(other))).ct_eq(&0).into()
    }
}

impl Eq for SecretHash {}

redacted!(SecretHash);
