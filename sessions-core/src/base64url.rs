//! Base64url of exactly 32 bytes, without padding: 43 characters (RFC 4648 section 5).
//!
//! On the path of every request, where a general decoder costs twice as much. Tested against the `base64` crate.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Stands for a character that is not of the alphabet; set in no value of six bits, wherever in a word it is put.
const FOREIGN: u32 = 1 << 31;

/// Holds the values of all characters, shifted to their place in a group of four.
const VALUES: [[u32; 256]; 4] = [values(18), values(12), values(6), values(0)];

const fn values(shift: u32) -> [u32; 256] {
    let mut values = [FOREIGN; 256];
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

/// Decodes, strictly: `None` for a foreign character, and for a last character whose unused bits are not zero.
pub(crate) fn decode(text: &[u8; 43]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (fours, last) = text.split_at(40);
    let mut seen = 0;
    for (number, four) in fours.chunks_exact(4).enumerate() {
        let bits = group([four[0], four[1], four[2], four[3]]);
        seen |= bits;
        // The fourth byte is zero, and the next group writes over it.
        bytes[number * 3..number * 3 + 4].copy_from_slice(&(bits << 8).to_be_bytes());
    }
    // A fourth character of six zero bits makes the rest a whole group, of which the third byte must be zero.
    let bits = group([last[0], last[1], last[2], b'A']);
    seen |= bits;
    bytes[30..].copy_from_slice(&bits.to_be_bytes()[1..3]);
    (seen & FOREIGN == 0 && bits & 0xff == 0).then_some(bytes)
}

/// Encodes.
pub(crate) fn encode(bytes: &[u8; 32]) -> [u8; 43] {
    let character = |bits: u32| ALPHABET[(bits & 63) as usize];
    let mut text = [0; 43];
    let (fours, last) = text.split_at_mut(40);
    for (three, four) in bytes.chunks_exact(3).zip(fours.chunks_exact_mut(4)) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        four.copy_from_slice(&[character(bits >> 18), character(bits >> 12), character(bits >> 6), character(bits)]);
    }
    let bits = u32::from(bytes[30]) << 10 | u32::from(bytes[31]) << 2;
    last.copy_from_slice(&[character(bits >> 12), character(bits >> 6), character(bits)]);
    text
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn it_agrees_with_the_general_coder() {
        for _ in 0..10_000 {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).unwrap();
            let text = encode(&bytes);
            assert_eq!(text.as_slice(), URL_SAFE_NO_PAD.encode(bytes).as_bytes());
            assert_eq!(decode(&text), Some(bytes));
        }
    }

    #[test]
    fn it_refuses_what_the_general_decoder_refuses() {
        let text = encode(&[0xa5; 32]);
        for place in 0..43 {
            for character in 0..=255 {
                let mut changed = text;
                changed[place] = character;
                let expected = URL_SAFE_NO_PAD.decode(changed).ok();
                assert_eq!(decode(&changed).map(Vec::from), expected, "{character} at {place}");
            }
        }
    }
}
