//! The response that a service fills in.

use std::fmt;
use std::io;
use std::mem;

use bytes::BytesMut;
use sessions_core::Error;
use sessions_core::adapter::{SessionHeaders, write_redirect};

use crate::headers::Headers;
use crate::http::Persistence;
use crate::wire::Wire;

/// The default status.
const OK: (u16, &str) = (200, "Ok");

/// Maximum capacity that the body buffer keeps for the next response.
const LARGEST_KEPT: usize = 64 * 1024;

/// A response with may_minihttp's methods, sent once the session is finished.
///
/// Unlike in may_minihttp, headers need not be `'static`, and their number is not limited.
pub struct Response {
    status: u16,
    reason: &'static str,
    headers: Headers,
    body: Body,
    buffer: BytesMut,
}

enum Body {
    /// The content of the response's buffer.
    Buffer,
    Text(&'static str),
    Bytes(Vec<u8>),
}

impl Response {
    pub(crate) fn new() -> Self {
        Self { status: OK.0, reason: OK.1, headers: Headers::default(), body: Body::Buffer, buffer: BytesMut::new() }
    }

    /// Sets the status and its reason phrase. The default is `200 Ok`.
    ///
    /// A code that is not a final response status, such as a 1xx, becomes 500. A status of 5xx, 408
    /// or 413 drops the request's session writes but keeps a destroy and a renewal.
    pub fn status_code(&mut self, code: usize, reason: &'static str) -> &mut Self {
        self.status = u16::try_from(code).ok().filter(|code| (200..1000).contains(code)).unwrap_or(500);
        self.reason = reason;
        self
    }

    /// Returns the status, for services that wrap others.
    ///
    /// The client may get another one: if the service returns an error, or if its sessions cannot
    /// be saved, the server replaces the response.
    ///
    /// ```
    /// use sessions_minihttp::{BoxError, Request, Response, SessionService};
    ///
    /// fn counted(mut inner: impl SessionService) -> impl SessionService {
    ///     let mut missing = 0;
    ///     move |request: Request<'_>, response: &mut Response| -> Result<(), BoxError> {
    ///         inner.call(request, response)?;
    ///         missing += u64::from(response.status() == 404);
    ///         response.header(&format!("X-Missing: {missing}"));
    ///         Ok(())
    ///     }
    /// }
    /// ```
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Adds a header line, such as `Content-Type: text/html`.
    ///
    /// A line break in its value becomes a space, so that nobody can inject a header or a response.
    /// `Content-Length`, `Transfer-Encoding` and `Date` are set by the server: such lines are
    /// ignored. `Connection: close` closes the connection after this response.
    ///
    /// # Panics
    ///
    /// Panics if the line does not begin with a header name and a colon.
    pub fn header(&mut self, line: &str) -> &mut Self {
        self.headers.push_line(line);
        self
    }

    /// Sets the body to a static string.
    pub fn body(&mut self, text: &'static str) {
        self.body = Body::Text(text);
    }

    /// Sets the body to bytes.
    pub fn body_vec(&mut self, bytes: Vec<u8>) {
        self.body = Body::Bytes(bytes);
    }

    /// Returns the body for writing, with its current content.
    pub fn body_mut(&mut self) -> &mut BytesMut {
        match mem::replace(&mut self.body, Body::Buffer) {
            Body::Buffer => {}
            Body::Text(text) => self.refill(text.as_bytes()),
            Body::Bytes(bytes) => self.refill(&bytes),
        }
        &mut self.buffer
    }

    fn refill(&mut self, bytes: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) const fn headers(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Resets the response for the next request.
    pub(crate) fn reset(&mut self) {
        (self.status, self.reason) = OK;
        self.headers.clear();
        self.body = Body::Buffer;
        if self.buffer.capacity() > LARGEST_KEPT {
            self.buffer = BytesMut::new();
        }
        self.buffer.clear();
    }

    /// Turns the response into a bare status, dropping everything that the service set.
    pub(crate) fn refuse(&mut self, status: u16) {
        self.reset();
        self.status_code(usize::from(status), reason(status));
        SessionHeaders::of_failure().write_to(&mut self.headers);
    }

    /// Turns the response into the bare response to a session's error.
    pub(crate) fn refuse_for(&mut self, error: &Error) {
        self.refuse(error.status());
        SessionHeaders::of_error(error).write_to(&mut self.headers);
        write_redirect(error, &mut self.headers);
    }

    /// Returns whether the service wants the connection closed.
    pub(crate) const fn closes(&self) -> bool {
        self.headers.close()
    }

    /// Writes the response. For a `HEAD` request the body is omitted but its length is sent.
    pub(crate) fn write_to(&mut self, wire: &mut Wire, is_head: bool, persistence: Persistence) -> io::Result<()> {
        let body = match &self.body {
            // Clients may know that it has none, and take it for the next response.
            _ if self.status == 205 => b"",
            Body::Buffer => &self.buffer[..],
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
        };
        let has_body = !matches!(self.status, 204 | 304);
        let (output, preamble) = wire.output();
        let mut number = itoa::Buffer::new();
        if (self.status, self.reason) == OK {
            output.extend_from_slice(preamble.whole());
        } else {
            output.extend_from_slice(b"HTTP/1.1 ");
            output.extend_from_slice(number.format(self.status).as_bytes());
            output.push(b' ');
            output.extend_from_slice(self.reason.as_bytes());
            output.extend_from_slice(preamble.after_status(has_body));
        }
        if has_body {
            output.extend_from_slice(number.format(body.len()).as_bytes());
        }
        output.extend_from_slice(match persistence {
            Persistence::Implied => b"\r\n",
            Persistence::Announced => b"\r\nConnection: keep-alive\r\n",
            Persistence::Close => b"\r\nConnection: close\r\n",
        });
        output.extend_from_slice(self.headers.as_bytes());
        output.extend_from_slice(b"\r\n");
        wire.write(if has_body && !is_head { body } else { b"" })
    }
}

/// Shows the status, never the content.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use sessions_core::store::{StoreError, StoreErrorKind};

    use super::*;

    fn body(response: &mut Response) -> String {
        String::from_utf8(response.body_mut().to_vec()).unwrap()
    }

    #[test]
    fn last_body_wins() {
        let mut response = Response::new();
        response.body_mut().extend_from_slice(b"first");
        response.body("second");
        assert_eq!(body(&mut response), "second");
        response.body_mut().extend_from_slice(b", more");
        assert_eq!(body(&mut response), "second, more");
        response.body_vec(b"third".to_vec());
        assert_eq!(body(&mut response), "third");
    }

    #[test]
    fn refusal_keeps_nothing_of_the_response() {
        let mut response = Response::new();
        response.header("X-Secret: 1").body("secret");
        let unavailable = StoreError::new("test", StoreErrorKind::Unavailable);
        response.refuse_for(&unavailable.into());
        assert_eq!((response.status(), body(&mut response).as_str()), (503, ""));
        assert_eq!(response.headers().as_bytes(), b"Cache-Control: no-store\r\nRetry-After: 1\r\n");
    }

    #[test]
    fn invalid_status_becomes_500() {
        for code in [0, 101, 199, 1000, 70_000] {
            assert_eq!(Response::new().status_code(code, "").status(), 500, "{code}");
        }
    }
}
