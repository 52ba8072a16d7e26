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

/// Length of a token's text.
const TOKEN: usize = 43;

/// Number of digits of a token before those of its secret alone.
const ID: usize = 22;

/// Returns the bytes that a cookie's value reveals: its own, those of the token at its end, and
/// those of the token's secret.
#[must_use]
pub fn secret_bytes(value: &str) -> Vec<Vec<u8>> {
    let token = decoded(token_in(value)).filter(|bytes| bytes.len() == 32);
    let secret = token.iter().map(|token| token[16..].to_vec());
    decoded(value).into_iter().chain(secret).chain(token.clone()).collect()
}

/// Returns the texts that could contain a cookie's value: as it is, its secret alone, and bytes in
/// base64url, in hexadecimal or as a list.
#[must_use]
pub fn secret_texts(value: &str) -> Vec<String> {
    let mut texts = vec![value.to_owned(), token_in(value)[ID..].to_owned()];
    for bytes in secret_bytes(value) {
        texts.push(encoded(&bytes));
        texts.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        texts.push(bytes.iter().map(|byte| format!("{byte:02X}")).collect());
        texts.push(format!("{bytes:?}").trim_matches(['[', ']']).to_owned());
    }
    texts
}

/// Returns the end of a cookie's value, which is the token unless it is encrypted. A signature
/// precedes the token.
fn token_in(value: &str) -> &str {
    &value[value.len() - TOKEN..]
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

    #[test]
    fn secrets_are_found_in_signed_values() {
        let token = random_token();
        let secret = decoded(&token).unwrap()[16..].to_vec();
        for value in [token.clone(), random_token() + &token] {
            assert!(secret_bytes(&value).contains(&secret));
            let texts = secret_texts(&value);
            assert!(
                [&value, &token, &token[22..], &encoded(&secret)].iter().all(|text| texts.iter().any(|it| it == *text))
            );
        }
    }
}
