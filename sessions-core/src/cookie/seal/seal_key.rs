//! The keys of a seal.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::error::{ConfigError, ConfigErrorKind};

/// A key that signs or encrypts tokens: at least 32 unpredictable bytes.
///
/// Its `Debug` output hides the key, and its memory is wiped on drop.
///
/// ```
/// use sessions_core::{SealKey, Sessions};
///
/// let key = SealKey::new(b"32 random bytes from your secrets")?;
/// let older = SealKey::new(b"the key that was first until today")?;
/// let sessions = Sessions::builder().encrypted([key, older]).build()?;
/// assert!(SealKey::new(&[7; 32]).is_err(), "not random");
/// # Ok::<(), sessions_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SealKey(pub(super) Zeroizing<Box<[u8]>>);

/// Minimum number of different bytes in a key.
///
/// 32 random bytes have about 30 different ones, 64 hexadecimal digits about 16.
const MIN_VARIETY: usize = 10;

impl SealKey {
    /// Minimum length of a key in bytes.
    pub const MIN_LENGTH: usize = 32;

    /// Creates a key from secret bytes.
    ///
    /// # Errors
    ///
    /// Returns [`SealKey`](ConfigErrorKind::SealKey) for fewer than 32 bytes, and for bytes that
    /// are obviously not random: fewer than ten different bytes, a repeated text, or an arithmetic
    /// sequence.
    pub fn new(bytes: &[u8]) -> Result<Self, ConfigError> {
        let variety = bytes.iter().collect::<HashSet<_>>().len();
        if bytes.len() < Self::MIN_LENGTH || variety < MIN_VARIETY || is_repeated(bytes) || is_counted(bytes) {
            return Err(ConfigError::new(ConfigErrorKind::SealKey));
        }
        Ok(Self(Zeroizing::new(bytes.into())))
    }
}

/// Returns whether the bytes repeat a shorter text, whose last copy may be incomplete.
fn is_repeated(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|period| bytes[period..] == bytes[..bytes.len() - period])
}

/// Returns whether the bytes are an arithmetic sequence.
fn is_counted(bytes: &[u8]) -> bool {
    let mut steps = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

redacted!(SealKey);

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
    fn random_keys_are_accepted_raw_and_as_hex() {
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
        assert_eq!(format!("{key:?}"), "SealKey { .. }");
    }
}
