//! Base64url of two halves of 16 bytes without padding: 43 characters (RFC 4648 section 5).
//!
//! Every request runs this code, and a general decoder takes twice as long. The tests compare it
//! with the `base64` crate.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Mark of a character outside the alphabet. No shifted six-bit value has this bit.
const INVALID: u32 = 1 << 31;

/// The values of all characters, shifted for each place in a group of four.
const VALUES: [[u32; 256]; 4] = [values(18), values(12), values(6), values(0)];

const fn values(shift: u32) -> [u32; 256] {
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value] as usize] = (value as u32) << shift;
        value += 1;
    }
    values
}

const fn group(text: [u8; 4]) -> u32 {
    let [first, second, third, fourth] = text;
    VALUES[0][first as usize] | VALUES[1][second as usize] | VALUES[2][third as usize] | VALUES[3][fourth as usize]
}

/// Decodes strictly.
///
/// Returns `None` for a character outside the alphabet, and if the unused bits of the last
/// character are not zero.
pub(crate) fn decode(text: &[u8; 43]) -> Option<[[u8; 16]; 2]> {
    let mut halves = [[0; 16]; 2];
    let bytes = halves.as_flattened_mut();
    let (fours, last) = text.split_at(40);
    let mut seen = 0;
    for (number, four) in fours.chunks_exact(4).enumerate() {
        let bits = group([four[0], four[1], four[2], four[3]]);
        seen |= bits;
        // The fourth byte is zero, and the next group overwrites it.
        bytes[number * 3..number * 3 + 4].copy_from_slice(&(bits << 8).to_be_bytes());
    }
    // Padding with `A` (six zero bits) completes the last group. Its third byte must be zero.
    let bits = group([last[0], last[1], last[2], b'A']);
    seen |= bits;
    bytes[30..].copy_from_slice(&bits.to_be_bytes()[1..3]);
    (seen & INVALID == 0 && bits & 0xff == 0).then_some(halves)
}

/// The encoded text of both halves.
///
/// Padded and aligned, so that the UTF-8 check handles sixteen bytes at a time.
#[repr(align(16))]
pub(crate) struct Text([u8; 48]);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        let padded = std::str::from_utf8(&self.0).expect("the alphabet is ASCII");
        &padded[..43]
    }
}

/// Encodes both halves.
pub(crate) fn encode(halves: &[[u8; 16]; 2]) -> Text {
    let mut padded = [0; 40];
    padded[..32].copy_from_slice(halves.as_flattened());
    // First the six-bit values, then their characters. Neither step uses a table, so that the
    // compiler can vectorize both.
    let mut text = Text([0; 48]);
    for (number, eight) in text.0.chunks_exact_mut(8).enumerate() {
        let mut six = [0; 8];
        six.copy_from_slice(&padded[number * 6..number * 6 + 8]);
        eight.copy_from_slice(&spread(u64::from_be_bytes(six) >> 16).to_be_bytes());
    }
    text.0.iter_mut().for_each(|value| *value = character(*value));
    text
}

/// Spreads 48 bits over eight bytes, six bits each: first halves, then quarters, then eighths.
const fn spread(bits: u64) -> u64 {
    let halves = (bits & 0xffff_ff00_0000) << 8 | bits & 0x00ff_ffff;
    let quarters = (halves & 0x00ff_f000_00ff_f000) << 4 | halves & 0x0000_0fff_0000_0fff;
    (quarters & 0x0fc0_0fc0_0fc0_0fc0) << 2 | quarters & 0x003f_003f_003f_003f
}

/// Returns the character of a six-bit value.
///
/// The alphabet has five runs of characters. Each comparison adds the gap before its run.
const fn character(value: u8) -> u8 {
    (value + b'A')
        .wrapping_add((value > 25) as u8 * (b'a' - b'Z' - 1))
        .wrapping_sub((value > 51) as u8 * (b'z' - b'0' + 1))
        .wrapping_sub((value > 61) as u8 * (b'9' - b'-' + 1))
        .wrapping_add((value > 62) as u8 * (b'_' - b'-' - 1))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn encode_and_decode_match_the_base64_crate() {
        for _ in 0..10_000 {
            let mut halves = [[0; 16]; 2];
            getrandom::fill(halves.as_flattened_mut()).unwrap();
            let text = encode(&halves);
            assert_eq!(text.as_str(), URL_SAFE_NO_PAD.encode(halves.as_flattened()));
            assert_eq!(decode(text.as_str().as_bytes().try_into().unwrap()), Some(halves));
        }
    }

    #[test]
    fn decode_is_as_strict_as_the_base64_crate() {
        let text: [u8; 43] = encode(&[[0xa5; 16]; 2]).as_str().as_bytes().try_into().unwrap();
        for place in 0..43 {
            for character in 0..=255 {
                let mut changed = text;
                changed[place] = character;
                let expected = URL_SAFE_NO_PAD.decode(changed).ok();
                assert_eq!(
                    decode(&changed).map(|halves| halves.as_flattened().to_vec()),
                    expected,
                    "{character} at {place}"
                );
            }
        }
    }
}
