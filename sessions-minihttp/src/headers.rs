//! The headers of a response.

use std::borrow::Cow;

use memchr::{memchr, memchr3};
use sessions_core::adapter::{ResponseHeader, ResponseHeaders};

use crate::http::IS_TOKEN;

/// Maximum capacity that a response's headers keep for the next response.
const LARGEST_KEPT: usize = 16 * 1024;

/// The header lines of a response in one string, as they are sent.
#[derive(Default)]
pub(crate) struct Headers {
    /// The lines, each with its line break.
    text: String,
    /// The connection must be closed.
    close: bool,
}

impl Headers {
    /// Returns the lines, each with its line break.
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Returns whether a line asked to close the connection.
    pub(crate) const fn close(&self) -> bool {
        self.close
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(LARGEST_KEPT);
        self.close = false;
    }

    /// Adds a line that the service wrote.
    pub(crate) fn push_line(&mut self, line: &str) {
        let end = line.bytes().position(|byte| !IS_TOKEN[usize::from(byte)]);
        let name = end.filter(|end| *end > 0 && line.as_bytes()[*end] == b':').map(|end| &line[..end]);
        let name = name.expect("a header line begins with a name and a colon");
        if is_servers_own(name) {
            return;
        }
        if name.eq_ignore_ascii_case("connection") {
            let lists = |wanted: &str| {
                line[name.len() + 1..].split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted))
            };
            self.close |= lists("close");
            // Whether the connection stays open is decided later, and announced by the server.
            if lists("close") || lists("keep-alive") {
                return;
            }
        }
        if memchr3(b'\r', b'\n', 0, line.as_bytes()).is_some() {
            // Required by RFC 9110 section 5.5.
            self.text.push_str(&line.replace(['\r', '\n', '\0'], " "));
        } else {
            self.text.push_str(line);
        }
        self.text.push_str("\r\n");
    }

    /// Iterates over the lines, which contain no line breaks of their own.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_str();
        std::iter::from_fn(move || {
            let end = memchr(b'\n', rest.as_bytes())?;
            let line = &rest[..end - 1];
            rest = &rest[end + 1..];
            Some(line)
        })
    }

    fn keep_lines(&mut self, mut keeps: impl FnMut(&str) -> bool) {
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &self.text.as_bytes()[start..]) {
            let end = start + length + 1;
            if keeps(&self.text[start..end - 2]) {
                start = end;
            } else {
                self.text.drain(start..end);
            }
        }
    }
}

impl ResponseHeaders for Headers {
    fn add(&mut self, header: ResponseHeader, value: Cow<'static, str>) -> bool {
        let has_others = self.lines().any(|line| value_of(line, header).is_some());
        for part in [name_of(header), ": ", &value, "\r\n"] {
            self.text.push_str(part);
        }
        has_others
    }

    fn retain(&mut self, header: ResponseHeader, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        self.keep_lines(|line| value_of(line, header).is_none_or(|value| keeps(value.as_bytes())));
    }

    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
        let mut name = String::new();
        self.keep_lines(|line| {
            name.clear();
            name.push_str(line.split(':').next().unwrap_or_default());
            name.make_ascii_lowercase();
            !gives_way(&name)
        });
    }
}

/// Returns whether the server sets this header itself: a second one could change where the response
/// ends.
fn is_servers_own(name: &str) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case("date"),
        14 => name.eq_ignore_ascii_case("content-length"),
        17 => name.eq_ignore_ascii_case("transfer-encoding"),
        _ => false,
    }
}

/// Returns the value of a line if it has this header's name.
fn value_of(line: &str, header: ResponseHeader) -> Option<&str> {
    let (name, rest) = line.split_at_checked(header.name().len())?;
    let value = rest.strip_prefix(':')?;
    name.eq_ignore_ascii_case(header.name()).then(|| value.trim_matches([' ', '\t']))
}

/// Returns a header's name in the usual HTTP/1 spelling.
const fn name_of(header: ResponseHeader) -> &'static str {
    match header {
        ResponseHeader::SetCookie => "Set-Cookie",
        ResponseHeader::Vary => "Vary",
        ResponseHeader::CacheControl => "Cache-Control",
        ResponseHeader::RetryAfter => "Retry-After",
        ResponseHeader::Location => "Location",
        ResponseHeader::HxRedirect => "HX-Redirect",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> Headers {
        let mut headers = Headers::default();
        lines.iter().for_each(|line| headers.push_line(line));
        headers
    }

    fn values(headers: &Headers, header: ResponseHeader) -> Vec<&str> {
        headers.lines().filter_map(|line| value_of(line, header)).collect()
    }

    #[test]
    fn header_names_ignore_case() {
        let headers = headers(&["SET-COOKIE: a=1", "X: set-cookie: b=2", "set-cookie:c=3\t", "Vary: Accept"]);
        assert_eq!(values(&headers, ResponseHeader::SetCookie), ["a=1", "c=3"]);
        assert_eq!(values(&headers, ResponseHeader::Vary), ["Accept"]);
        assert_eq!(values(&headers, ResponseHeader::CacheControl), [""; 0]);
    }

    #[test]
    fn new_header_follows_kept_ones() {
        let mut headers = headers(&["A: 1", "Set-Cookie: id=1", "B: 2", "set-cookie: other=2"]);
        assert!(headers.add(ResponseHeader::SetCookie, Cow::Borrowed("id=3")));
        let mut seen = Vec::new();
        headers.retain(ResponseHeader::SetCookie, &mut |value| {
            seen.push(value.to_vec());
            value != b"id=1"
        });
        assert_eq!(seen, [&b"id=1"[..], b"other=2", b"id=3"]);
        assert_eq!(headers.text, "A: 1\r\nB: 2\r\nset-cookie: other=2\r\nSet-Cookie: id=3\r\n");
        headers.retain(ResponseHeader::SetCookie, &mut |_| false);
        assert!(!headers.add(ResponseHeader::SetCookie, Cow::Borrowed("c=4")));
        assert_eq!(headers.text, "A: 1\r\nB: 2\r\nSet-Cookie: c=4\r\n");
    }

    #[test]
    fn header_line_cannot_become_two() {
        let headers = headers(&["Location: /é\r\nSet-Cookie: id=planted\n\0"]);
        assert_eq!(headers.text, "Location: /é  Set-Cookie: id=planted  \r\n");
        assert_eq!(values(&headers, ResponseHeader::SetCookie), [""; 0]);
    }

    #[test]
    fn line_without_a_name_is_refused() {
        for line in ["", ":", "no colon", "a b: 1", "\r\nSet-Cookie: a=1", " X: 1", "é: 1"] {
            assert!(std::panic::catch_unwind(|| headers(&[line])).is_err(), "{line:?}");
        }
    }

    #[test]
    fn server_sets_the_framing_headers() {
        let own = headers(&["Content-Length: 5", "TRANSFER-ENCODING: chunked", "date: now", "A: 1"]);
        assert_eq!((own.text.as_str(), own.close()), ("A: 1\r\n", false));
        for line in ["connection:close ", "Connection: keep-alive, Close", "Connection: x,close"] {
            let closing = headers(&[line, "A: 1"]);
            assert_eq!((closing.text.as_str(), closing.close()), ("A: 1\r\n", true), "{line}");
        }
        assert_eq!(headers(&["Connection: Keep-Alive"]).text, "");
        let other = headers(&["Connection: upgrade"]);
        assert_eq!((other.text.as_str(), other.close()), ("Connection: upgrade\r\n", false));
    }
}
