//! Sets of bytes that are allowed in parts of a head.

/// Bytes that RFC 9110 allows in a header name.
pub(crate) const IS_TOKEN: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~");

/// Returns a table that is true for the ASCII letters and digits, and for `others`.
pub(crate) const fn letters_digits_and(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}
