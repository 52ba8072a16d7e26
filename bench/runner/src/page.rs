//! A visitor with a cookie jar.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// A kept-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) text: String,
    set_cookies: Vec<(String, String)>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub(crate) fn get(&mut self, path: &str, jar: &Jar) -> Outcome<Page> {
        let cookie = match &*jar.field() {
            "" => String::new(),
            field => format!("Cookie: {field}\r\n"),
        };
        write!(self.stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n")?;
        self.receive().map_err(|error| format!("{path}: {error}").into())
    }

    fn receive(&mut self) -> Outcome<Page> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            self.read_more()?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let fields = || head.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()));
        let length = fields().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.ok_or_else(|| format!("no length: {head}"))?.1.parse()?;
        while self.buffer.len() < end + 4 + length {
            self.read_more()?;
        }
        let text = String::from_utf8_lossy(&self.buffer[end + 4..end + 4 + length]).into_owned();
        self.buffer.drain(..end + 4 + length);
        let status =
            head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| format!("no status: {head}"))?;
        let set_cookies = fields().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pairs = set_cookies.filter_map(|(_, value)| value.split(';').next()?.split_once('='));
        let set_cookies = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Page { status, text, set_cookies })
    }

    fn read_more(&mut self) -> Outcome {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk)?;
        if read == 0 {
            return Err("the server has closed the connection".into());
        }
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(())
    }
}

/// A cookie jar.
#[derive(Clone, Default)]
pub(crate) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Returns a jar for a server without sessions, with a cookie as long as ours.
    pub(crate) fn without_session() -> Self {
        Self::from([("__Host-id", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")])
    }

    /// Adds the cookies that a page sets, and drops those that it removes.
    pub(crate) fn take(&mut self, page: &Page) {
        for (name, value) in &page.set_cookies {
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.clone(), value.clone());
            }
        }
    }

    /// Returns the value of the `Cookie` header.
    pub(crate) fn field(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Jar {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}
