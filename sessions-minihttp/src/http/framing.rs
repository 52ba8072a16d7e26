//! Message framing: what a request's headers say about its body and connection (RFC 9112 sections
//! 3.2, 6 and 9).

use httparse::Header;

use super::bytes::letters_digits_and;
use super::refusal::Refusal;

/// How a request's body is delimited, and what happens to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) body: BodyLength,
    pub(crate) persistence: Persistence,
    /// The client waits for a 100 before it sends the body.
    pub(crate) expects_continue: bool,
}

/// Where a request's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// After this many bytes. A request without a body has none.
    Sized(u64),
    /// After its last chunk.
    Chunked,
}

/// Whether the connection stays open after a response, and whether the response must say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It stays open, which is the default in HTTP/1.1.
    Implied,
    /// It stays open at the request of an HTTP/1.0 client, and the response must say so.
    Announced,
    /// It is closed.
    Close,
}

impl Framing {
    /// Determines the framing from the headers.
    ///
    /// # Errors
    ///
    /// Returns why the request must be refused.
    pub(crate) fn of(version: u8, headers: &[Header<'_>]) -> Result<Self, Refusal> {
        let mut seen = Seen::default();
        for field in headers {
            seen.field(field)?;
        }
        if seen.hosts == 0 && version > 0 {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            body: seen.body(version)?,
            persistence: seen.persistence(version),
            expects_continue: seen.expects_continue && version > 0,
        })
    }
}

/// The relevant headers seen so far.
#[derive(Default)]
struct Seen {
    hosts: usize,
    length: Option<u64>,
    codings: Option<Codings>,
    closes: bool,
    keeps_alive: bool,
    expects_continue: bool,
}

/// The transfer codings of a request.
#[derive(Default)]
struct Codings {
    chunked: usize,
    others: usize,
}

impl Seen {
    fn field(&mut self, field: &Header<'_>) -> Result<(), Refusal> {
        let is = |name: &str| matches_ignoring_case(field.name.as_bytes(), name.as_bytes());
        // The length of a name and its first letter rule out nearly all other headers.
        match (field.name.len(), field.name.as_bytes().first().map(u8::to_ascii_lowercase)) {
            (4, Some(b'h')) if is("Host") => self.host(field.value)?,
            (6, Some(b'e')) if is("Expect") => {
                self.expects_continue |= field.value.eq_ignore_ascii_case(b"100-continue");
            }
            (10, Some(b'c')) if is("Connection") => self.connection(field.value),
            (14, Some(b'c')) if is("Content-Length") => self.content_length(field.value)?,
            (17, Some(b't')) if is("Transfer-Encoding") => self.transfer_encoding(field.value),
            _ => {}
        }
        Ok(())
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.hosts += 1;
        if self.hosts > 1 || !value.iter().all(|byte| IS_HOST[usize::from(*byte)]) {
            return Err(Refusal::Malformed);
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        if value == b"keep-alive" {
            // Sent by all browsers.
            self.keeps_alive = true;
            return;
        }
        for option in list(value) {
            self.closes |= option.eq_ignore_ascii_case(b"close");
            self.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let length = number(value).ok_or(Refusal::Malformed)?;
        match self.length.replace(length) {
            Some(other) if other != length => Err(Refusal::Malformed),
            _ => Ok(()),
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) {
        let codings = self.codings.get_or_insert_default();
        for coding in list(value) {
            if coding.eq_ignore_ascii_case(b"chunked") {
                codings.chunked += 1;
            } else {
                codings.others += 1;
            }
        }
    }

    /// Determines where the body ends.
    ///
    /// A request with both a length and a coding, which RFC 9112 section 6.1 leaves to the server,
    /// is refused: a proxy that uses the length would see another next request than one that uses
    /// the chunks.
    fn body(&self, version: u8) -> Result<BodyLength, Refusal> {
        match (self.length, &self.codings) {
            (length, None) => Ok(BodyLength::Sized(length.unwrap_or(0))),
            (None, Some(Codings { chunked: 1, others: 0 })) if version > 0 => Ok(BodyLength::Chunked),
            (None, Some(Codings { others: 1.., .. })) if version > 0 => Err(Refusal::UnknownCoding),
            _ => Err(Refusal::Malformed),
        }
    }

    const fn persistence(&self, version: u8) -> Persistence {
        match version {
            _ if self.closes => Persistence::Close,
            0 if self.keeps_alive => Persistence::Announced,
            0 => Persistence::Close,
            _ => Persistence::Implied,
        }
    }
}

/// Compares two texts ignoring case. Tries the usual spelling first, because comparing letter by
/// letter takes ten times as long.
fn matches_ignoring_case(text: &[u8], usual: &[u8]) -> bool {
    text == usual || text.eq_ignore_ascii_case(usual)
}

/// Returns the elements of a list, without empty ones (RFC 9110 section 5.6.1).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Parses a number that consists only of digits; `parse` would also accept a sign.
fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Bytes that are allowed in `Host` (RFC 3986 sections 3.2.2 and 3.2.3).
const IS_HOST: [bool; 256] = letters_digits_and(b"-._~%!$&'()*+,;=:[]");

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: (&str, &str) = ("Host", "a");

    fn framing(version: u8, fields: &[(&str, &str)]) -> Result<Framing, Refusal> {
        let headers: Vec<_> = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        Framing::of(version, &headers)
    }

    fn body(fields: &[(&str, &str)]) -> Result<BodyLength, Refusal> {
        framing(1, &[&[HOST], fields].concat()).map(|framing| framing.body)
    }

    #[test]
    fn body_ends_after_its_length() {
        assert_eq!(body(&[]), Ok(BodyLength::Sized(0)));
        assert_eq!(body(&[("content-length", "0")]), Ok(BodyLength::Sized(0)));
        assert_eq!(body(&[("Content-Length", "12"), ("CONTENT-LENGTH", "012")]), Ok(BodyLength::Sized(12)));
        assert_eq!(body(&[("Content-Length", "18446744073709551615")]), Ok(BodyLength::Sized(u64::MAX)));
        assert_eq!(body(&[("Content-Length", "12"), ("Content-Length", "13")]), Err(Refusal::Malformed));
        for bad in ["", "+5", "-5", "5,5", "0x5", "5 5", "5;", "١", "18446744073709551616"] {
            assert_eq!(body(&[("Content-Length", bad)]), Err(Refusal::Malformed), "{bad}");
        }
    }

    #[test]
    fn body_ends_after_its_last_chunk() {
        let coding = |value| body(&[("Transfer-Encoding", value)]);
        for value in ["chunked", "CHUNKED", ",chunked", "chunked ,"] {
            assert_eq!(coding(value), Ok(BodyLength::Chunked), "{value}");
        }
        for value in ["", ",", "chunked, chunked"] {
            assert_eq!(coding(value), Err(Refusal::Malformed), "{value}");
        }
        for value in [
            "gzip",
            "gzip, chunked",
            "chunked, gzip",
            "identity",
            "xchunked",
            "chunked;q=1",
            "\"chunked\"",
            "chunked chunked",
        ] {
            assert_eq!(coding(value), Err(Refusal::UnknownCoding), "{value}");
        }
        let twice = [("Transfer-Encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert_eq!(body(&twice), Err(Refusal::Malformed));
        assert_eq!(framing(0, &twice[..1]), Err(Refusal::Malformed), "HTTP/1.0 has no chunks");
        for (length, coding) in [("5", "chunked"), ("0", "chunked"), ("5", "gzip"), ("5", "")] {
            let both = [("Content-Length", length), ("Transfer-Encoding", coding)];
            assert_eq!(body(&both), Err(Refusal::Malformed), "{both:?}");
        }
    }

    #[test]
    fn http_1_1_needs_one_host() {
        assert_eq!(framing(1, &[]), Err(Refusal::Malformed));
        assert!(framing(0, &[]).is_ok());
        for host in ["", "localhost:8080", "a.example", "[::1]:80", "10.0.0.1", "a_b~c%20"] {
            assert!(framing(1, &[("host", host)]).is_ok(), "{host}");
        }
        for host in ["a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "<a>", "é", "a\tb"] {
            assert_eq!(framing(1, &[("host", host)]), Err(Refusal::Malformed), "{host}");
        }
        for version in [0, 1] {
            assert_eq!(framing(version, &[HOST, HOST]), Err(Refusal::Malformed));
        }
    }

    #[test]
    fn persistence_depends_on_the_version() {
        let table = [
            (1, "", Persistence::Implied),
            (1, "keep-alive", Persistence::Implied),
            (1, "close", Persistence::Close),
            (1, "Close", Persistence::Close),
            (1, "upgrade, close", Persistence::Close),
            (1, "keep-alive,close", Persistence::Close),
            (1, "closed", Persistence::Implied),
            (0, "", Persistence::Close),
            (0, "Keep-Alive", Persistence::Announced),
            (0, "close, keep-alive", Persistence::Close),
        ];
        for (version, value, persistence) in table {
            let framing = framing(version, &[HOST, ("Connection", value)]).unwrap();
            assert_eq!(framing.persistence, persistence, "HTTP/1.{version} {value}");
        }
    }

    #[test]
    fn only_http_1_1_expects_a_continue() {
        let expects = |version, value| framing(version, &[HOST, ("Expect", value)]).unwrap().expects_continue;
        assert!(expects(1, "100-continue"));
        assert!(expects(1, "100-Continue"));
        assert!(!expects(1, "200-ok"));
        assert!(!expects(0, "100-continue"));
    }
}
