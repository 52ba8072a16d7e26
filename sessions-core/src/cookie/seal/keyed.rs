//! The built-in seals with a list of keys: HMAC-SHA256 signs, AES-256-GCM encrypts.

use std::error::Error as StdError;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Opened, Seal, SealKey};
use crate::error::{ConfigError, ConfigErrorKind};

type HmacSha256 = Hmac<Sha256>;

/// Length of an HMAC-SHA256 tag in bytes, and of its base64url text.
const TAG: usize = 32;
const TAG_TEXT: usize = 43;

/// Length of an AES-GCM nonce in bytes.
const NONCE: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The value is tag and token, both in base64url.
    Signed = 1,
    /// The value is nonce, ciphertext and tag in base64url.
    ///
    /// Each value has a nonce of 96 random bits, so a key may seal 2^32 values (NIST SP 800-38D
    /// section 8.3).
    Encrypted = 2,
}

/// A seal that seals with its first key and opens with any.
#[derive(Debug)]
pub(crate) struct Keyed {
    keys: Box<[Key]>,
}

/// A key for one purpose and cookie name, wiped on drop.
enum Key {
    Signing(Zeroizing<[u8; TAG]>),
    Encryption(Box<Aes256Gcm>),
}

impl Keyed {
    pub(crate) fn new(mode: Mode, keys: &[SealKey], cookie_name: &str) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::SealKey));
        }
        Ok(Self { keys: keys.iter().map(|key| Key::derive(key, mode, cookie_name)).collect() })
    }
}

impl Key {
    /// Derives the key for one purpose and cookie name, so that no value is valid for another.
    fn derive(key: &SealKey, mode: Mode, cookie_name: &str) -> Self {
        let mut mac = hmac(&key.0);
        mac.update(b"sessions-core token v2\0");
        mac.update(&[mode as u8]);
        mac.update(cookie_name.as_bytes());
        let derived = Zeroizing::new(<[u8; TAG]>::from(mac.finalize().into_bytes()));
        match mode {
            Mode::Signed => Self::Signing(derived),
            Mode::Encrypted => Self::Encryption(Box::new(Aes256Gcm::new((&*derived).into()))),
        }
    }

    fn seal(&self, token: &str) -> Result<String, Box<dyn StdError + Send + Sync>> {
        match self {
            Self::Signing(key) => {
                let tag = hmac(&**key).chain_update(token).finalize().into_bytes();
                Ok(BASE64URL.encode(tag) + token)
            }
            Self::Encryption(cipher) => {
                let mut nonce = [0; NONCE];
                getrandom::fill(&mut nonce)?;
                let encrypted = cipher.encrypt(&nonce.into(), token.as_bytes());
                let encrypted = encrypted.map_err(|_| "cannot encrypt the token")?;
                Ok(BASE64URL.encode([&nonce, &encrypted[..]].concat()))
            }
        }
    }

    fn open(&self, value: &str) -> Option<String> {
        match self {
            Self::Signing(key) => {
                let (tag, token) = value.split_at_checked(TAG_TEXT)?;
                let tag = BASE64URL.decode(tag).ok()?;
                hmac(&**key).chain_update(token).verify_slice(&tag).ok()?;
                Some(token.to_owned())
            }
            Self::Encryption(cipher) => {
                let sealed = BASE64URL.decode(value).ok()?;
                let (nonce, encrypted) = sealed.split_first_chunk::<NONCE>()?;
                String::from_utf8(cipher.decrypt(&(*nonce).into(), encrypted).ok()?).ok()
            }
        }
    }
}

fn hmac(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl Seal for Keyed {
    fn seal(&self, token: &str) -> Result<String, Box<dyn StdError + Send + Sync>> {
        self.keys[0].seal(token)
    }

    fn open(&self, value: &str) -> Option<Opened> {
        self.keys.iter().enumerate().find_map(|(place, key)| {
            let opened = Opened::new(key.open(value)?);
            Some(if place == 0 { opened } else { opened.stale() })
        })
    }
}

redacted!(Key);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn key(seed: u8) -> SealKey {
        SealKey::new(&(0..32).map(|n: u8| n.wrapping_mul(n).wrapping_add(seed)).collect::<Vec<u8>>()).unwrap()
    }

    fn seals() -> [(Mode, Keyed); 2] {
        [Mode::Signed, Mode::Encrypted].map(|mode| (mode, Keyed::new(mode, &[key(1)], "__Host-id").unwrap()))
    }

    fn token(seal: &Keyed, value: &str) -> Option<String> {
        seal.open(value).map(|opened| opened.token)
    }

    #[test]
    fn a_sealed_token_is_a_cookie_value_and_opens() {
        for (_, seal) in seals() {
            let value = seal.seal(TOKEN).unwrap();
            assert_eq!(token(&seal, &value).as_deref(), Some(TOKEN));
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)), "{value}");
        }
    }

    #[test]
    fn a_changed_value_opens_nothing() {
        for (mode, seal) in seals() {
            let value = seal.seal(TOKEN).unwrap();
            for bit in 0..value.len() * 8 {
                let mut bytes = value.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(seal.open(&changed).is_none(), "{mode:?}, bit {bit}");
                }
            }
            for length in 0..value.len() {
                assert!(seal.open(&value[..length]).is_none(), "{mode:?}, {length} characters");
            }
            assert!(seal.open(TOKEN).is_none() && seal.open(&"é".repeat(60)).is_none());
        }
    }

    #[test]
    fn encrypted_values_and_nonces_are_unique() {
        let [_, (_, seal)] = seals();
        let values: HashSet<String> = (0..1000).map(|_| seal.seal(TOKEN).unwrap()).collect();
        assert_eq!(values.len(), 1000);
        let nonces: HashSet<&str> = values.iter().map(|value| &value[..16]).collect();
        assert_eq!(nonces.len(), 1000);
    }

    #[test]
    fn the_first_key_seals_and_older_ones_are_stale() {
        for mode in [Mode::Signed, Mode::Encrypted] {
            let seal = |keys: &[SealKey]| Keyed::new(mode, keys, "id").unwrap();
            let (old, both, new) = (seal(&[key(1)]), seal(&[key(2), key(1)]), seal(&[key(2)]));
            let is_stale = |seal: &Keyed, value: &str| seal.open(value).map(|opened| opened.is_stale);
            let before = old.seal(TOKEN).unwrap();
            assert_eq!((is_stale(&both, &before), is_stale(&new, &before)), (Some(true), None));
            let after = both.seal(TOKEN).unwrap();
            assert_eq!((is_stale(&both, &after), is_stale(&old, &after)), (Some(false), None));
        }
    }

    #[test]
    fn a_value_is_bound_to_cookie_name_and_purpose() {
        for mode in [Mode::Signed, Mode::Encrypted] {
            let value = Keyed::new(mode, &[key(1)], "id").unwrap().seal(TOKEN).unwrap();
            assert!(Keyed::new(mode, &[key(1)], "other").unwrap().open(&value).is_none());
        }
        let [(_, signed), (_, encrypted)] = seals();
        assert!(encrypted.open(&signed.seal(TOKEN).unwrap()).is_none());
        assert!(signed.open(&encrypted.seal(TOKEN).unwrap()).is_none());
    }

    #[test]
    fn a_seal_needs_a_key() {
        assert!(Keyed::new(Mode::Signed, &[], "id").is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        let [(_, seal), _] = seals();
        assert_eq!(format!("{seal:?}"), "Keyed { keys: [Key { .. }] }");
        assert_eq!(format!("{:?}", seal.open(&seal.seal(TOKEN).unwrap())), "Some(Opened { is_stale: false, .. })");
    }
}
