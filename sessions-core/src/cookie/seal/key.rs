//! The keys of a seal.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{ConfigError, ConfigErrorKind};

/// A key to sign or encrypt tokens with: 32 bytes or more that nobody can guess. Its `Debug` shows
/// nothing, and it is wiped when dropped.
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
pub struct SealKey(Zeroizing<Box<[u8]>>);

/// How many different bytes a key has at least. Of 32 random bytes about 30 differ, of 64
/// hexadecimal digits about 16.
const LEAST_VARIETY: usize = 10;

impl SealKey {
    /// The least number of bytes in a key.
    pub const MIN_LENGTH: usize = 32;

    /// Makes a key from secret bytes.
    ///
    /// # Errors
    ///
    /// Returns [`SealKey`](ConfigErrorKind::SealKey) for fewer than 32 bytes, and for what is
    /// plainly not random: fewer than ten different bytes, a text repeated, or bytes that count up
    /// or down.
    pub fn new(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() < Self::MIN_LENGTH || variety(bytes) < LEAST_VARIETY || is_repeated(bytes) || is_counted(bytes) {
            return Err(ConfigError::new(ConfigErrorKind::SealKey));
        }
        Ok(Self(Zeroizing::new(bytes.into())))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn variety(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.into_iter().filter(|seen| *seen).count()
}

/// Returns whether the bytes are a shorter text again and again, the last time perhaps in part.
fn is_repeated(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|period| bytes[period..] == bytes[..bytes.len() - period])
}

/// Returns whether each byte differs from the one before it by the same number.
fn is_counted(bytes: &[u8]) -> bool {
    let mut steps = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_keys_are_refused() {
        let almost_zero = [&[0; 31][..], &[1]].concat();
        let counted: Vec<u8> = (7..39).collect();
        let counted_down: Vec<u8> = (0..40).map(|n: u8| 250_u8.wrapping_sub(n.wrapping_mul(7))).collect();
        let weak: [&[u8]; 11] = [
            b"",
            b"short",
            &[7; 31],
            &[0; 32],
            &[9; 64],
            &almost_zero,
            b"abababababababababababababababab",
            b"password-1234password-1234password-1234",
            b"0123456789ABCDEF0123456789ABCDEF",
            &counted,
            &counted_down,
        ];
        for key in weak {
            assert!(SealKey::new(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn random_keys_are_taken_raw_and_as_text() {
        for seed in 0..200_u64 {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).unwrap();
            assert!(SealKey::new(&bytes).is_ok(), "round {seed}: {bytes:?}");
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(SealKey::new(text.as_bytes()).is_ok(), "round {seed}: {text}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = SealKey::new(b"32 random bytes from your secrets").unwrap();
        assert_eq!(format!("{key:?}"), "SealKey(..)");
    }
}
