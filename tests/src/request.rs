use std::fmt;

/// A request that is sent exactly as written.
///
/// Headers keep their order, spelling and bytes, so that a test can send what no browser would.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// Returns a request for `target` with only a Host header.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let fields = vec![(b"Host".to_vec(), b"localhost".to_vec())];
        Self { method: method.to_owned(), target: target.to_owned(), fields, body: Vec::new() }
    }

    /// Returns a GET of `target`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Returns a POST of JSON to `target`.
    #[must_use]
    pub fn post_json(target: &str, json: &str) -> Self {
        Self::post(target, "application/json", json)
    }

    /// Returns a POST of a form to `target`, as a browser sends it.
    #[must_use]
    pub fn post_form(target: &str, fields: &[(&str, &str)]) -> Self {
        Self::post(target, "application/x-www-form-urlencoded", &pairs(fields))
    }

    fn post(target: &str, content_type: &str, body: &str) -> Self {
        let length = body.len().to_string();
        let mut request = Self::new("POST", target).field("Content-Type", content_type);
        request = request.field("Content-Length", &length);
        request.body = body.into();
        request
    }

    /// Appends a header.
    #[must_use]
    pub fn field(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Appends a Cookie header.
    #[must_use]
    pub fn cookie(self, value: impl AsRef<[u8]>) -> Self {
        self.field("Cookie", value)
    }

    /// Replaces the value of the Host header.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.fields[0].1 = host.into();
        self
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target: String = self.target.chars().take(80).collect();
        write!(f, "{} {target}", self.method)
    }
}

/// Returns a target with a percent-encoded query.
#[must_use]
pub fn query(path: &str, parameters: &[(&str, &str)]) -> String {
    match parameters {
        [] => path.to_owned(),
        _ => format!("{path}?{}", pairs(parameters)),
    }
}

/// Returns the percent-encoded pairs of a query or a form.
fn pairs(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        encode_into(&mut text, name);
        text.push('=');
        encode_into(&mut text, value);
    }
    text
}

fn encode_into(target: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => target.push(byte.into()),
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_unchanged() {
        let request = Request::get("/get").cookie(b"a=\xff; b").field("cookie", "c=d");
        assert_eq!(
            request.to_bytes(),
            b"GET /get HTTP/1.1\r\nHost: localhost\r\nCookie: a=\xff; b\r\ncookie: c=d\r\n\r\n"
        );
    }

    #[test]
    fn a_query_is_percent_encoded() {
        assert_eq!(query("/put", &[("k", "a b"), ("v", "100% é&")]), "/put?k=a%20b&v=100%25%20%C3%A9%26");
    }
}
