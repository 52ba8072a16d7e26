//! The keyed jars of the `cookie` crate as seals, with a list of keys.

use std::error::Error as StdError;
use std::fmt;

use cookie::{Cookie, CookieJar, Key};
use sha2::{Digest, Sha256};

use super::Seal;
use crate::config::{ConfigError, ConfigErrorKind};

/// Is the name under which a jar holds the token; which cookie it is for is bound by the key.
const IN_JAR: &str = "token";

/// Is a key to sign or encrypt tokens with: 32 bytes or more that nobody can guess. Its `Debug` shows nothing.
///
/// ```
/// use sessions_core::{SealKey, Sessions};
///
/// let key = SealKey::new(b"32 random bytes from your secrets")?;
/// let older = SealKey::new(b"the key that was first until today")?;
/// let sessions = Sessions::builder().encrypted([key, older]).build()?;
/// # Ok::<(), sessions_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SealKey(Box<[u8]>);

impl SealKey {
    /// Is the least number of bytes in a key.
    pub const MIN_LENGTH: usize = 32;

    /// Makes a key from secret bytes.
    ///
    /// # Errors
    ///
    /// Returns [`SealKey`](ConfigErrorKind::SealKey) for fewer than 32 bytes, and for bytes that are all the same.
    pub fn new(bytes: &[u8]) -> Result<Self, ConfigError> {
        let all_the_same = bytes.windows(2).all(|pair| pair[0] == pair[1]);
        if bytes.len() < Self::MIN_LENGTH || all_the_same {
            return Err(ConfigError::new(ConfigErrorKind::SealKey));
        }
        Ok(Self(bytes.into()))
    }

    /// Derives the key for one purpose and cookie name, so that a value sealed for one cannot be passed for another.
    fn derive(&self, mode: Mode, cookie_name: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(b"sessions-core token v1\0");
        hash.update([mode as u8]);
        hash.update((cookie_name.len() as u64).to_le_bytes());
        hash.update(cookie_name.as_bytes());
        hash.update(&self.0);
        Key::derive_from(&hash.finalize())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// HMAC-SHA256.
    Signed = 1,
    /// AES-256-GCM.
    Encrypted = 2,
}

/// Seals with the first key, opens with any.
pub(crate) struct Keyed {
    mode: Mode,
    keys: Box<[Key]>,
}

impl Keyed {
    pub(crate) fn new(mode: Mode, keys: &[SealKey], cookie_name: &str) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::SealKey));
        }
        Ok(Self { mode, keys: keys.iter().map(|key| key.derive(mode, cookie_name)).collect() })
    }
}

impl Seal for Keyed {
    fn seal(&self, token: &str) -> Result<String, Box<dyn StdError + Send + Sync>> {
        let cookie = Cookie::new(IN_JAR, token.to_owned());
        let mut jar = CookieJar::new();
        match self.mode {
            Mode::Signed => jar.signed_mut(&self.keys[0]).add(cookie),
            Mode::Encrypted => jar.private_mut(&self.keys[0]).add(cookie),
        }
        jar.get(IN_JAR).map(|cookie| cookie.value().to_owned()).ok_or_else(|| "the jar kept nothing".into())
    }

    fn open(&self, value: &str) -> Option<String> {
        let jar = CookieJar::new();
        self.keys.iter().find_map(|key| {
            let cookie = Cookie::new(IN_JAR, value.to_owned());
            let opened = match self.mode {
                Mode::Signed => jar.signed(key).verify(cookie),
                Mode::Encrypted => jar.private(key).decrypt(cookie),
            };
            opened.map(|cookie| cookie.value().to_owned())
        })
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("mode", &self.mode).field("keys", &self.keys.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn key(seed: u8) -> SealKey {
        SealKey::new(&(seed..seed + 32).collect::<Vec<u8>>()).unwrap()
    }

    fn seals() -> [Keyed; 2] {
        [Mode::Signed, Mode::Encrypted].map(|mode| Keyed::new(mode, &[key(1)], "__Host-id").unwrap())
    }

    #[test]
    fn a_sealed_token_opens_and_is_a_cookie_value() {
        for seal in seals() {
            let value = seal.seal(TOKEN).unwrap();
            assert_eq!(seal.open(&value).as_deref(), Some(TOKEN));
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)), "{value}");
        }
    }

    #[test]
    fn a_value_with_any_bit_changed_opens_nothing() {
        for seal in seals() {
            let value = seal.seal(TOKEN).unwrap();
            for bit in 0..value.len() * 8 {
                let mut bytes = value.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert_eq!(seal.open(&changed), None, "{:?}, bit {bit}", seal.mode);
                }
            }
            assert_eq!((seal.open(TOKEN), seal.open("")), (None, None));
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        for mode in [Mode::Signed, Mode::Encrypted] {
            let seal = |keys: &[SealKey]| Keyed::new(mode, keys, "id").unwrap();
            let (old, both, new) = (seal(&[key(1)]), seal(&[key(2), key(1)]), seal(&[key(2)]));
            let before = old.seal(TOKEN).unwrap();
            assert!(both.open(&before).is_some() && new.open(&before).is_none());
            let after = both.seal(TOKEN).unwrap();
            assert!(new.open(&after).is_some() && old.open(&after).is_none());
        }
    }

    #[test]
    fn a_value_is_bound_to_cookie_name_and_purpose() {
        for mode in [Mode::Signed, Mode::Encrypted] {
            let value = Keyed::new(mode, &[key(1)], "id").unwrap().seal(TOKEN).unwrap();
            assert_eq!(Keyed::new(mode, &[key(1)], "other").unwrap().open(&value), None);
        }
        let [signed, encrypted] = seals();
        assert_eq!(encrypted.open(&signed.seal(TOKEN).unwrap()), None);
        assert_eq!(signed.open(&encrypted.seal(TOKEN).unwrap()), None);
    }

    #[test]
    fn weak_keys_are_refused() {
        for weak in [&b""[..], b"short", &[7; 31], &[0; 32], &[9; 64]] {
            assert!(SealKey::new(weak).is_err(), "{weak:?}");
        }
        assert!(Keyed::new(Mode::Signed, &[], "id").is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(1)), "SealKey(..)");
        assert_eq!(format!("{:?}", &seals()[0]), "Keyed { mode: Signed, keys: 1 }");
    }
}
