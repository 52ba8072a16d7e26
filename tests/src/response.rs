use std::fmt;
use std::io::{self, BufRead, Error, ErrorKind, Read};

use crate::SetCookie;

/// Size of headers or a body above which the server is at fault.
const LIMIT: u64 = 4 << 20;

/// A response with its headers in their original order and number.
///
/// Reading is strict: two Set-Cookie headers with one name are an error, since no server may send
/// them.
#[derive(Clone)]
pub struct Response {
    asked: String,
    version: String,
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// Reads the response to the request `asked`, whose first word is the method.
    pub(crate) fn read(source: &mut impl BufRead, asked: &str) -> io::Result<Self> {
        for _ in 0..100 {
            let mut response = Self::read_headers(source, asked)?;
            if response.status / 100 != 1 {
                response.body = response.read_body(source)?;
                return Ok(response);
            }
        }
        Err(fault("a hundred interim responses and no final one".to_owned()))
    }

    /// Reads the status and the headers.
    pub(crate) fn read_headers(source: &mut impl BufRead, asked: &str) -> io::Result<Self> {
        let line = read_line(source)?;
        let (version, rest) = line.split_once(' ').ok_or_else(|| fault(format!("status line {line:?}")))?;
        let status = rest.get(..3).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| fault(format!("status line {line:?}")))?;
        let mut fields = Vec::new();
        loop {
            let line = read_line(source)?;
            if line.is_empty() {
                break;
            }
            if fields.len() == 1000 {
                return Err(fault("more than a thousand headers".to_owned()));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| fault(format!("field {line:?}")))?;
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
        let (asked, version) = (asked.to_owned(), version.to_owned());
        let response = Self { asked, version, status, fields, body: Vec::new() };
        response.reject_repeated_cookies()?;
        Ok(response)
    }

    fn reject_repeated_cookies(&self) -> io::Result<()> {
        let cookies = self.set_cookies();
        for (index, cookie) in cookies.iter().enumerate() {
            if cookies[..index].iter().any(|earlier| earlier.name() == cookie.name()) {
                return Err(fault(format!("two Set-Cookie headers named {} in {self}", cookie.name())));
            }
        }
        Ok(())
    }

    fn read_body(&self, source: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.asked.starts_with("HEAD ") || matches!(self.status, 204 | 304) {
            return Ok(body);
        }
        if self.is_chunked() {
            while let Some(chunk) = read_chunk(source)? {
                body.extend_from_slice(&chunk);
            }
            return Ok(body);
        }
        match self.field("Content-Length") {
            Some(length) => {
                let length = length.parse().map_err(|_| fault(format!("Content-Length {length:?}")))?;
                read_exactly(source, length, &mut body)?;
            }
            None => {
                source.take(LIMIT).read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    /// Reads the next chunk of the body, or `None` at its end.
    pub(crate) fn read_chunk(&self, source: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
        if self.is_chunked() { read_chunk(source) } else { Err(fault("a body that is not sent in chunks".to_owned())) }
    }

    fn is_chunked(&self) -> bool {
        self.field("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    /// Returns whether the connection stays open after this response.
    pub(crate) fn keeps_alive(&self) -> bool {
        let has_length = self.field("Content-Length").is_some() || self.field("Transfer-Encoding").is_some();
        let has_end = has_length || self.asked.starts_with("HEAD ") || matches!(self.status, 204 | 304);
        let closes = self.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.version == "HTTP/1.1" && has_end && !closes
    }

    /// Returns the status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the value of the first header with this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// Returns the values of all headers with this name, in order.
    pub fn fields<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let of_name = move |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(of_name).map(|(_, value)| value.as_str())
    }

    /// Returns the members of a list in lower case, from one or several headers.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let members = self.fields(name).flat_map(|value| value.split(','));
        members.map(|member| member.trim().to_ascii_lowercase()).collect()
    }

    /// Returns all Set-Cookie headers, in order.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<SetCookie> {
        self.fields("Set-Cookie").map(SetCookie::parse).collect()
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.asked, self.status)?;
        for (name, value) in &self.fields {
            write!(f, "\n  {name}: {value}")?;
        }
        let text: String = self.text().chars().take(400).collect();
        write!(f, "\n  {text:?}")
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn fault(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

/// Returns the error for a response that ended too early.
fn cut(message: String) -> Error {
    Error::new(ErrorKind::UnexpectedEof, message)
}

fn read_line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    source.take(LIMIT).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None if line.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
        None if line.ends_with(b"\n") => Err(fault(format!("a line that ends without CR: {line:?}"))),
        None => Err(cut(format!("a header line without an end: {:?}", String::from_utf8_lossy(&line)))),
    }
}

fn read_exactly(source: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if length > LIMIT {
        return Err(fault(format!("a body of {length} bytes")));
    }
    let read = source.take(length).read_to_end(body)?;
    if read as u64 != length {
        return Err(cut(format!("a body of {read} bytes where {length} were announced")));
    }
    Ok(())
}

/// Reads a chunk, or `None` for the empty chunk that ends a body.
fn read_chunk(source: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let line = read_line(source)?;
    let digits = line.split(';').next().unwrap_or_default().trim();
    let length = u64::from_str_radix(digits, 16).map_err(|_| fault(format!("chunk {line:?}")))?;
    if length == 0 {
        while !read_line(source)?.is_empty() {}
        return Ok(None);
    }
    let mut chunk = Vec::new();
    read_exactly(source, length, &mut chunk)?;
    if !read_line(source)?.is_empty() {
        return Err(fault(format!("a chunk longer than its {length} bytes")));
    }
    Ok(Some(chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &str, asked: &str) -> io::Result<Response> {
        Response::read(&mut wire.as_bytes(), asked)
    }

    #[test]
    fn fields_keep_their_order_and_number() {
        let response =
            read("HTTP/1.1 200 OK\r\nB: 1\r\na: 2\r\nb: 3, 4\r\nContent-Length: 2\r\n\r\nhi!", "GET /").unwrap();
        assert_eq!(response.fields("b").collect::<Vec<_>>(), ["1", "3, 4"]);
        assert_eq!(response.list("b"), ["1", "3", "4"]);
        assert_eq!(response.text(), "hi");
        assert!(response.keeps_alive());
    }

    #[test]
    fn chunks_are_joined() {
        let wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(read(wire, "GET /").unwrap().text(), "abcde");
    }

    #[test]
    fn a_head_request_has_no_body() {
        let response = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD /").unwrap();
        assert_eq!((response.status(), response.text().as_str()), (200, ""));
    }

    #[test]
    fn an_interim_response_is_skipped() {
        let wire = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(read(wire, "GET /").unwrap().status(), 204);
    }

    #[test]
    fn a_truncated_body_is_an_error() {
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "GET /").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "GET /").is_err());
    }

    #[test]
    fn two_cookies_of_one_name_are_an_error() {
        let wire = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=1\r\nset-cookie: a=2; Path=/\r\nContent-Length: 0\r\n\r\n";
        assert!(read(wire, "GET /").unwrap_err().to_string().contains("two Set-Cookie headers named a"));
    }
}
