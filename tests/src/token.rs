use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The alphabet of a token, ordered by digit.
pub const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns a well-formed token that no server has issued.
#[must_use]
pub fn random_token() -> String {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let keys = RandomState::new();
    let mut bytes = [0; 32];
    for word in bytes.chunks_exact_mut(8) {
        let drawn = keys.hash_one(DRAWN.fetch_add(1, Ordering::Relaxed));
        word.copy_from_slice(&drawn.to_le_bytes());
    }
    // The first half is a random UUID, which carries its version and variant.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    encoded(&bytes)
}

/// Returns the bytes of a token if it is canonical base64url without padding.
#[must_use]
pub fn decoded(token: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(token).ok()
}

/// Returns bytes in the form of a token.
#[must_use]
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_well_formed_and_differ() {
        let (one, other) = (random_token(), random_token());
        assert_eq!((one.len(), other.len()), (43, 43));
        assert_eq!(decoded(&one).map(|bytes| encoded(&bytes)), Some(one.clone()));
        assert_ne!(one, other);
    }
}
