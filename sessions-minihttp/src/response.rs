//! What a service answers.

use std::fmt;
use std::mem;

use bytes::BytesMut;

use crate::fields::Fields;

/// Is a response, with may_minihttp's methods: header fields and bodies are handed over to it when the session is finished.
///
/// Unlike there, a header field may be any text, and there may be any number of them.
pub struct Response {
    status: u16,
    reason: &'static str,
    fields: Fields,
    body: Body,
    buffer: BytesMut,
}

enum Body {
    /// Is in the response's buffer.
    Buffer,
    Text(&'static str),
    Bytes(Vec<u8>),
}

impl Response {
    pub(crate) fn new() -> Self {
        Self { status: 200, reason: "Ok", fields: Fields::default(), body: Body::Buffer, buffer: BytesMut::new() }
    }

    /// Sets the status and its reason phrase. The default is `200 Ok`.
    ///
    /// A 5xx says that the request failed: of its session, what it wrote is dropped; that it was destroyed or renewed is kept.
    pub fn status_code(&mut self, code: usize, reason: &'static str) -> &mut Self {
        self.status = u16::try_from(code).unwrap_or(500);
        self.reason = reason;
        self
    }

    /// Adds a header field: a whole line, as in `Content-Type: text/html`.
    ///
    /// A line break in its value, which could begin a field or a response of somebody else's making, becomes a space.
    ///
    /// # Panics
    ///
    /// Panics if the line does not begin with a field's name and a colon.
    pub fn header(&mut self, line: &str) -> &mut Self {
        self.fields.push_line(line);
        self
    }

    /// Sets the body to a text.
    pub fn body(&mut self, text: &'static str) {
        self.body = Body::Text(text);
    }

    /// Sets the body to bytes.
    pub fn body_vec(&mut self, bytes: Vec<u8>) {
        self.body = Body::Bytes(bytes);
    }

    /// Returns the body to write to, with what is in it so far.
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

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    pub(crate) const fn fields(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// Forgets everything, for the next request.
    pub(crate) fn reset(&mut self) {
        (self.status, self.reason) = (200, "Ok");
        self.fields.clear();
        self.body = Body::Buffer;
        self.buffer.clear();
    }

    /// Becomes a bare status: nothing of what the service answered, and nothing of why, is sent.
    pub(crate) fn refuse(&mut self, status: u16) {
        self.reset();
        self.status_code(usize::from(status), reason(status));
        self.header("Cache-Control: no-store");
        if status == 503 {
            self.header("Retry-After: 1");
        }
    }

    /// Hands status and body over to may_minihttp.
    pub(crate) fn hand_over(&mut self, outgoing: &mut may_minihttp::Response<'_>) {
        outgoing.status_code(usize::from(self.status), self.reason);
        match mem::replace(&mut self.body, Body::Buffer) {
            // Its buffer is as long-lived as the connection and empty between requests, as ours is.
            Body::Buffer => mem::swap(outgoing.body_mut(), &mut self.buffer),
            Body::Text(text) => outgoing.body(text),
            Body::Bytes(bytes) => outgoing.body_vec(bytes),
        }
    }
}

/// Shows the status, never what is sent.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        409 => "Conflict",
        413 => "Content Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(response: &mut Response) -> String {
        String::from_utf8(response.body_mut().to_vec()).unwrap()
    }

    #[test]
    fn the_body_set_last_is_the_one_that_counts() {
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
    fn a_refusal_keeps_nothing_of_the_answer() {
        let mut response = Response::new();
        response.header("X-Secret: 1").body("secret");
        response.refuse(503);
        assert_eq!((response.status(), body(&mut response).as_str()), (503, ""));
        assert_eq!(response.fields().as_str(), "Cache-Control: no-store\r\nRetry-After: 1");
    }

    #[test]
    fn a_status_that_is_none_is_a_failure() {
        assert_eq!(Response::new().status_code(70_000, "").status(), 500);
    }
}
