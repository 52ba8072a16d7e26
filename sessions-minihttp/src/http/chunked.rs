//! Chunked bodies (RFC 9112 section 7.1).

use memchr::memchr;

use super::bytes::IS_TOKEN;
use super::refusal::Refusal;

/// Maximum size of the line that begins a chunk, with its extensions.
pub(crate) const MAX_LINE: usize = 1024;

/// Maximum size of all chunk extensions of a body. Without it, each byte of a body could come with
/// a line of extensions (CVE-2023-39326 in Go).
const MAX_EXTENSIONS: usize = 16 * 1024;

/// Maximum size of the trailer section.
const MAX_TRAILERS: usize = 8 * 1024;

/// Maximum number of digits in a chunk size. Any size of that many digits fits a `u64`.
const MAX_DIGITS: usize = 15;

/// The decoder of one body: it finds the data between the framing and drops trailers.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    /// Number of bytes in chunk extensions so far.
    extensions: usize,
    /// Number of trailer bytes so far.
    trailers: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// A chunk size comes next.
    Size,
    /// This many bytes of data come next, then a line break.
    Data(u64),
    /// A trailer or the final empty line comes next.
    Trailer,
    /// The body is complete.
    End,
}

/// What follows the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Up to this many bytes of data. After taking some, call [`Chunked::consume`].
    Data(u64),
    /// More bytes are needed.
    Unknown,
    /// The end of the body.
    End,
}

impl Chunked {
    pub(crate) const fn new() -> Self {
        Self { state: State::Size, extensions: 0, trailers: 0 }
    }

    /// Parses the framing at the beginning of `bytes`. Returns its length and what follows it.
    ///
    /// # Errors
    ///
    /// Returns why the request must be refused.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, Next), Refusal> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let taken = match self.state {
                State::End => return Ok((at, Next::End)),
                State::Data(left @ 1..) => return Ok((at, Next::Data(left))),
                State::Data(0) => self.data_end(rest)?,
                State::Size => self.size(rest)?,
                State::Trailer => self.trailer(rest)?,
            };
            match taken {
                Some(taken) => at += taken,
                None => return Ok((at, Next::Unknown)),
            }
        }
    }

    /// Returns how much is left of the data that [`advance`](Self::advance) found last.
    pub(crate) const fn left(&self) -> u64 {
        match self.state {
            State::Data(left) => left,
            State::Size | State::Trailer | State::End => 0,
        }
    }

    /// Records that this much of the data was taken.
    pub(crate) const fn consume(&mut self, amount: u64) {
        if let State::Data(left) = &mut self.state {
            *left -= amount;
        }
    }

    fn data_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        match bytes {
            [b'\r', b'\n', ..] => {
                self.state = State::Size;
                Ok(Some(2))
            }
            [] | [b'\r'] => Ok(None),
            _ => Err(Refusal::Malformed),
        }
    }

    fn size(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let Some(line) = line(bytes, MAX_LINE)? else { return Ok(None) };
        let (size, extensions) = size(line).ok_or(Refusal::Malformed)?;
        self.extensions += extensions.len();
        if self.extensions > MAX_EXTENSIONS {
            return Err(Refusal::TooLarge);
        }
        self.state = if size == 0 { State::Trailer } else { State::Data(size) };
        Ok(Some(line.len() + 2))
    }

    fn trailer(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let Some(line) = line(bytes, MAX_LINE)? else { return Ok(None) };
        self.trailers += line.len();
        if self.trailers > MAX_TRAILERS {
            return Err(Refusal::TooLarge);
        }
        if line.is_empty() {
            self.state = State::End;
        } else if !is_field(line) {
            return Err(Refusal::Malformed);
        }
        Ok(Some(line.len() + 2))
    }
}

/// Returns the first line without its line break, or `None` if it is incomplete.
fn line(bytes: &[u8], longest: usize) -> Result<Option<&[u8]>, Refusal> {
    let window = &bytes[..bytes.len().min(longest)];
    let Some(end) = memchr(b'\n', window) else {
        return if bytes.len() < longest { Ok(None) } else { Err(Refusal::Malformed) };
    };
    match bytes[..end].split_last() {
        // A parser that takes a control character for a line break would find another end.
        Some((b'\r', line)) if line.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()) => Ok(Some(line)),
        _ => Err(Refusal::Malformed),
    }
}

/// Parses the size at the beginning of a chunk: hexadecimal digits, then optional extensions after
/// a semicolon. Returns the size and the rest of the line.
fn size(line: &[u8]) -> Option<(u64, &[u8])> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    let extends = rest.is_empty() || rest.trim_ascii_start().starts_with(b";");
    if digits.is_empty() || digits.len() > MAX_DIGITS || !extends {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((size, rest))
}

fn is_field(line: &[u8]) -> bool {
    let name = line.iter().position(|byte| *byte == b':').map(|end| &line[..end]);
    name.is_some_and(|name| !name.is_empty() && name.iter().all(|byte| IS_TOKEN[usize::from(*byte)]))
}

#[cfg(test)]
mod tests {
    use crate::fuzzing::decode_chunked;

    /// Decodes a body at once and byte by byte. Returns it and the number of bytes it took.
    fn decode(bytes: &[u8]) -> Result<Option<(String, usize)>, u16> {
        let decoded = decode_chunked(bytes, bytes.len().max(1));
        assert_eq!(decoded, decode_chunked(bytes, 1), "{}", bytes.escape_ascii());
        decoded.map(|decoded| decoded.map(|(body, taken)| (String::from_utf8(body).unwrap(), taken)))
    }

    #[test]
    fn chunks_are_joined() {
        let table = [
            ("0\r\n\r\n", ""),
            ("3\r\nabc\r\n0\r\n\r\n", "abc"),
            ("3\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n", "abc0123456789"),
            ("a\r\n\r\n0\r\n\r\nxyz\r\n0\r\n\r\n", "\r\n0\r\n\r\nxyz"),
            ("3;name=value; \"x\r\nabc\r\n0;x\r\n\r\n", "abc"),
            ("3 \t;x\r\nabc\r\n0\r\n\r\n", "abc"),
            ("1\r\nx\r\n0\r\nTrailer: 1\r\nOther: \t2\r\n\r\n", "x"),
        ];
        for (bytes, body) in table {
            let followed = format!("{bytes}GET /");
            assert_eq!(decode(followed.as_bytes()), Ok(Some((body.to_owned(), bytes.len()))), "{bytes:?}");
        }
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let bytes = b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n";
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn ambiguous_chunk_size_is_refused() {
        let sizes = [
            "",
            " 3",
            "3 ",
            "+3",
            "-3",
            "0x3",
            "3,3",
            "3 3",
            "g",
            "3\0",
            "3\r",
            ";x",
            "3_0",
            "1000000000000000",
            "0000000000000003",
            "3;\0",
            "3;\r",
            "3\x0b",
        ];
        for size in sizes {
            let bytes = format!("{size}\r\nabc\r\n0\r\n\r\n");
            assert_eq!(decode(bytes.as_bytes()), Err(400), "{bytes:?}");
        }
        for bytes in ["3\nabc\r\n0\r\n\r\n", "3;x\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\n\r\n"] {
            assert_eq!(decode(bytes.as_bytes()), Err(400), "{bytes:?}");
        }
        assert_eq!(decode(b"fffffffffffffff\r\nabc"), Ok(None));
    }

    #[test]
    fn chunk_ends_where_its_size_says() {
        for bytes in [
            "2\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "3\r\nabc\r0\r\n\r\n",
            "3\r\nabc\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(decode(bytes.as_bytes()), Err(400), "{bytes:?}");
        }
    }

    #[test]
    fn trailers_are_checked_and_limited() {
        for trailer in ["x", ": 1", " X: 1", "X : 1", "X\": 1", "(X): 1", "X: \0", "X: 1\rY: 2", "X\n"] {
            assert_eq!(decode(format!("0\r\n{trailer}\r\n\r\n").as_bytes()), Err(400), "{trailer:?}");
        }
        let trailers = |count: usize| format!("0\r\n{}\r\n", format!("X: {}\r\n", "x".repeat(253)).repeat(count));
        assert!(decode(trailers(32).as_bytes()).is_ok_and(|decoded| decoded.is_some()));
        assert_eq!(decode(trailers(33).as_bytes()), Err(431));
    }

    #[test]
    fn extensions_are_limited_in_total() {
        let chunks = |count: usize| format!("1;{}\r\nx\r\n", "x".repeat(511)).repeat(count);
        let body = |count: usize, last: &str| decode(format!("{}{last}\r\n\r\n", chunks(count)).as_bytes());
        assert!(body(32, "0").is_ok_and(|decoded| decoded.is_some()));
        assert_eq!(body(32, "0;"), Err(431));
        assert_eq!(decode(chunks(33).as_bytes()), Err(431));
    }

    #[test]
    fn chunk_line_is_limited() {
        let line = |length: usize| format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(length - 4));
        assert!(decode(line(1024).as_bytes()).is_ok_and(|decoded| decoded.is_some()));
        assert_eq!(decode(line(1025).as_bytes()), Err(400));
        assert_eq!(decode(&[b'0'; 1024]), Err(400));
    }
}
