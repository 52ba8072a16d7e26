//! The head of a request: request line and headers.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Status};

use super::framing::Framing;
use super::refusal::Refusal;

/// Maximum number of headers in a request. Browsers send up to about 25, and proxies add some.
pub(crate) const MAX_FIELDS: usize = 100;

/// Maximum size of a head in bytes, including the final empty line.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// Storage for the headers of one request.
pub(crate) type Slots<'b> = [MaybeUninit<Header<'b>>; MAX_FIELDS];

/// The head of a request, borrowed from the bytes that it was parsed from.
#[derive(Debug)]
pub(crate) struct Head<'h, 'b> {
    pub(crate) method: &'b str,
    /// The request target as it was sent, usually a path with a query.
    pub(crate) path: &'b str,
    /// The minor version of HTTP/1.
    pub(crate) version: u8,
    pub(crate) headers: &'h [Header<'b>],
    /// Size of the head in bytes.
    pub(crate) length: usize,
    pub(crate) framing: Framing,
}

/// Parses the head at the beginning of `bytes`; `None` if more bytes are needed.
///
/// # Errors
///
/// Returns why the request must be refused. A request is refused if two recipients might disagree
/// about where it ends, which request smuggling relies on.
pub(crate) fn parse<'h, 'b>(bytes: &'b [u8], slots: &'h mut Slots<'b>) -> Result<Option<Head<'h, 'b>>, Refusal> {
    let bytes = &bytes[..bytes.len().min(MAX_HEAD)];
    let mut request = Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, slots) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() == MAX_HEAD => return Err(Refusal::TooLarge),
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(Error::Version) => return Err(bad_version(bytes)),
        Err(_) => return Err(Refusal::Malformed),
    };
    let Request { method: Some(method), path: Some(path), version: Some(version), headers } = request else {
        return Err(Refusal::Malformed);
    };
    if !lines_end_in_crlf(&bytes[..length], headers) {
        return Err(Refusal::Malformed);
    }
    if method == "CONNECT" {
        return Err(Refusal::Tunnel);
    }
    if !is_target(method, path) {
        return Err(Refusal::Malformed);
    }
    let framing = Framing::of(version, headers)?;
    Ok(Some(Head { method, path, version, headers, length, framing }))
}

/// Returns whether every line ends in CRLF. httparse accepts a bare LF, which a proxy in front may
/// have taken for part of the line.
///
/// Looks only at the starts of lines, which is cheaper than searching for line breaks again.
fn lines_end_in_crlf(head: &[u8], headers: &[Header<'_>]) -> bool {
    let begins_line = |name: &str| {
        let before = head.get(..name.as_ptr().addr().wrapping_sub(head.as_ptr().addr()));
        before.is_some_and(|before| before.ends_with(b"\r\n"))
    };
    let empty_lines = head.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    head.ends_with(b"\r\n\r\n")
        && headers.iter().all(|field| begins_line(field.name))
        && head[..empty_lines].chunks(2).all(|line| line == b"\r\n")
}

/// Returns whether a request target has one of the forms of HTTP (RFC 9112 section 3.2), without
/// that of `CONNECT`. Of another one, a proxy in front may have read another path.
fn is_target(method: &str, target: &str) -> bool {
    target.starts_with('/')
        || (method == "OPTIONS" && target == "*")
        || target.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Distinguishes an unsupported HTTP version from a malformed request line.
fn bad_version(bytes: &[u8]) -> Refusal {
    let line = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).find(|line| !line.is_empty());
    let words: Vec<_> = line.unwrap_or_default().split(|byte| *byte == b' ').collect();
    match words[..] {
        [_, _, version] if is_version(version) => Refusal::UnsupportedVersion,
        _ => Refusal::Malformed,
    }
}

fn is_version(word: &[u8]) -> bool {
    let number = word.strip_prefix(b"HTTP/").unwrap_or_default();
    !number.is_empty() && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{BodyLength, Persistence};

    /// Parses a head and returns its length.
    fn length(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        Ok(parse(bytes, &mut slots)?.map(|head| head.length))
    }

    fn with_fields(count: usize) -> String {
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(count - 1))
    }

    /// Returns a head of exactly this size.
    fn of_size(size: usize) -> String {
        let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
        rest.replace("X: ", &format!("X: {}", "x".repeat(size - rest.len())))
    }

    #[test]
    fn head_is_parsed_as_sent() {
        let bytes = b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: a\r\nX-Y:\t v w \t\r\nContent-Length: 3\r\n\r\nabcGET";
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let head = parse(bytes, &mut slots).unwrap().unwrap();
        assert_eq!((head.method, head.path, head.version, head.length), ("POST", "/a?b=c", 1, bytes.len() - 6));
        let fields: Vec<_> = head.headers.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(fields, [("Host", &b"a"[..]), ("X-Y", b"v w"), ("Content-Length", b"3")]);
        assert_eq!(head.framing.body, BodyLength::Sized(3));
        assert_eq!(head.framing.persistence, Persistence::Implied);
    }

    #[test]
    fn every_prefix_of_a_head_is_incomplete() {
        let head = "GET /a HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(length(&head.as_bytes()[..end]), Ok(None), "{end}");
        }
        assert_eq!(length(head.as_bytes()), Ok(Some(head.len())));
    }

    #[test]
    fn headers_and_bytes_are_limited() {
        for count in [1, 17, 50, MAX_FIELDS] {
            let head = with_fields(count);
            assert_eq!(length(head.as_bytes()), Ok(Some(head.len())), "{count}");
        }
        assert_eq!(length(with_fields(MAX_FIELDS + 1).as_bytes()), Err(Refusal::TooLarge));

        let largest = of_size(MAX_HEAD);
        assert_eq!(length(largest.as_bytes()), Ok(Some(MAX_HEAD)));
        assert_eq!(length((largest + "GET").as_bytes()), Ok(Some(MAX_HEAD)));
        assert_eq!(length(of_size(MAX_HEAD + 1).as_bytes()), Err(Refusal::TooLarge));
        assert_eq!(length(&vec![b'x'; MAX_HEAD]), Err(Refusal::TooLarge));
        assert_eq!(length(&vec![b'x'; MAX_HEAD - 1]), Ok(None));
    }

    #[test]
    fn malformed_request_is_refused() {
        let table: [&[u8]; 25] = [
            b"GET / HTTP/1.1\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n",
            b"GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\rX: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n",
            b"GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: 1\r\n\r\n",
            b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\r\n\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.0\n\r\n",
            b"GET / HTTP/1.0\r\n\n",
            b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            b"GET / http/1.1\r\nHost: a\r\n\r\n",
            b"GET /\r\nHost: a\r\n\r\n",
            b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ];
        for bytes in table {
            assert_eq!(length(bytes), Err(Refusal::Malformed), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn target_has_one_of_three_forms() {
        for (line, is_accepted) in [
            ("GET /", true),
            ("GET /a?b=://c", true),
            ("GET http://h/a", true),
            ("GET HTTP+x.1://h?a", true),
            ("OPTIONS *", true),
            ("GET *", false),
            ("GET admin", false),
            ("GET ?a", false),
            ("GET x?y=://z/admin", false),
            ("GET x#://h/admin", false),
            ("GET ://h/admin", false),
            ("GET 1://h/admin", false),
            ("OPTIONS **", false),
        ] {
            let head = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(length(head.as_bytes()).is_ok(), is_accepted, "{line}");
        }
    }

    /// A 2xx that answered it would begin a tunnel, however long its body (RFC 9110 section 9.3.6).
    #[test]
    fn tunnel_is_refused() {
        for target in ["h:443", "h", "/a", "http://h/a"] {
            let head = format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(length(head.as_bytes()), Err(Refusal::Tunnel), "{target}");
        }
        assert_eq!(Refusal::Tunnel.status(), 501);
    }

    #[test]
    fn unsupported_version_is_not_malformed() {
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/10.1", "HTTP/3"] {
            let head = format!("\r\nGET / {version}\r\nHost: a\r\n\r\n");
            assert_eq!(length(head.as_bytes()), Err(Refusal::UnsupportedVersion), "{version}");
        }
        assert_eq!(length(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Err(Refusal::UnsupportedVersion));
        for version in ["HTTP/", "HTTP/x.y", "HTTPS/1.1", "FTP/1.1", "HTTP/1.1x"] {
            let head = format!("GET / {version}\r\nHost: a\r\n\r\n");
            assert_eq!(length(head.as_bytes()), Err(Refusal::Malformed), "{version}");
        }
    }
}
