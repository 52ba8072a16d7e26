//! Integers as JSON and Redis write them, so that a store can increment them.

/// Parses a decimal integer without `+` or leading zeros.
///
/// Returns `None` for anything else, and if the number is out of range.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if text != b"0" && !matches!(digits, [b'1'..=b'9', ..]) {
        return None;
    }
    let sign = if digits.len() == text.len() { 1 } else { -1 };
    digits.iter().try_fold(0_i64, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(sign * i64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_through_text() {
        let mut numbers = vec![i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1];
        numbers.extend((0..63).flat_map(|bit| [1 << bit, (1 << bit) - 1]));
        numbers.extend((0..19).flat_map(|zeros| [10_i64.pow(zeros), 10_i64.pow(zeros) - 1]));
        for number in numbers.into_iter().flat_map(|number| [number, number.wrapping_neg()]) {
            assert_eq!(parse(number.to_string().as_bytes()), Some(number));
        }
    }

    #[test]
    fn other_texts_are_not_integers() {
        let bad: [&[u8]; 19] = [
            b"",
            b"-",
            b"--1",
            b"+1",
            b"-0",
            b"00",
            b"01",
            b"-01",
            b"1 ",
            b" 1",
            b"1.0",
            b"1e2",
            b"1/",
            b"1:",
            b"x",
            b"\xff",
            b"9223372036854775808",
            b"-9223372036854775809",
            b"99999999999999999999",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{}", String::from_utf8_lossy(text));
        }
    }
}
