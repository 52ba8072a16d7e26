//! The request as may_minihttp hands it over, and where it ends.

use std::io::BufRead;
use std::mem;

use httparse::Header;
use may_minihttp::BodyReader;

/// Holds a request outside of the service, so that its body is skipped after the service has returned or panicked.
///
/// may_minihttp takes what a service leaves unread of a body for the next request, if the service never asked for the body. A reader
/// that is dropped skips the rest, but waits for it, which a coroutine must not do while it unwinds.
pub(crate) enum Incoming<'buf, 'header, 'stream> {
    Head(may_minihttp::Request<'buf, 'header, 'stream>),
    Body(BodyReader<'buf, 'stream>),
    /// Nobody can say where the body ends.
    Endless,
}

/// Is the head of a request, whatever it borrows from.
pub(crate) trait Head {
    fn method(&self) -> &str;
    fn path(&self) -> &str;
    fn version(&self) -> u8;
    fn headers(&self) -> &[Header<'_>];

    /// Gives the head up for the body, `None` if its length is unknown.
    fn open_body(&mut self) -> Option<&mut dyn BufRead>;
}

/// Says that the connection cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endless;

impl<'buf, 'header, 'stream> Incoming<'buf, 'header, 'stream> {
    /// Skips what is left of the body, up to the next request.
    pub(crate) fn skip(self) -> Result<(), Endless> {
        match self {
            Self::Head(request) => {
                if body_length(request.headers()).ok_or(Endless)? > 0 {
                    drop(request.body());
                }
                Ok(())
            }
            Self::Body(_) => Ok(()),
            Self::Endless => Err(Endless),
        }
    }

    fn request(&self) -> &may_minihttp::Request<'buf, 'header, 'stream> {
        match self {
            Self::Head(request) => request,
            Self::Body(_) | Self::Endless => unreachable!("a request is given up for its body"),
        }
    }
}

impl Head for Incoming<'_, '_, '_> {
    fn method(&self) -> &str {
        self.request().method()
    }

    fn path(&self) -> &str {
        self.request().path()
    }

    fn version(&self) -> u8 {
        self.request().version()
    }

    fn headers(&self) -> &[Header<'_>] {
        self.request().headers()
    }

    fn open_body(&mut self) -> Option<&mut dyn BufRead> {
        if let Self::Head(_) = self
            && let Self::Head(request) = mem::replace(self, Self::Endless)
            && body_length(request.headers()).is_some()
        {
            *self = Self::Body(request.body());
        }
        match self {
            Self::Body(reader) => Some(reader),
            Self::Head(_) | Self::Endless => None,
        }
    }
}

/// Returns how long the body is, if anybody can say. may_minihttp panics at a length that is not a number, takes the first of several,
/// and knows no chunks.
fn body_length(headers: &[Header<'_>]) -> Option<usize> {
    let mut known = None;
    for field in headers {
        if field.name.eq_ignore_ascii_case("content-length") {
            let length = length(field.value)?;
            if known.replace(length).is_some_and(|other| other != length) {
                return None;
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return None;
        }
    }
    Some(known.unwrap_or(0))
}

fn length(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    // A sign is nothing that `parse` would mind.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length_of(fields: &[(&str, &str)]) -> Option<usize> {
        let headers: Vec<_> = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        body_length(&headers)
    }

    #[test]
    fn the_end_of_a_body_is_known_by_one_length() {
        assert_eq!(length_of(&[]), Some(0));
        assert_eq!(length_of(&[("Host", "x"), ("content-length", "0")]), Some(0));
        assert_eq!(length_of(&[("Content-Length", "12"), ("CONTENT-LENGTH", "12")]), Some(12));
        assert_eq!(length_of(&[("Content-Length", "12"), ("Content-Length", "13")]), None);
        assert_eq!(length_of(&[("Content-Length", "12"), ("Transfer-Encoding", "chunked")]), None);
        for bad in ["", "+5", "-5", "5,5", "0x5", "5 5", "99999999999999999999999"] {
            assert_eq!(length_of(&[("Content-Length", bad)]), None, "{bad}");
        }
    }
}
