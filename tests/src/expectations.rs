//! Expectations of scenarios on a response. A failure prints the request and the response.

#![expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "an expectation holds or ends the test, so its result may be ignored"
)]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Response;

/// Text before the name in the body of `/get`.
const GREETING: &str = "The name on the /set was:";

impl Response {
    /// Expects a status.
    ///
    /// # Panics
    ///
    /// Panics if the status differs.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert!(self.status() == status, "expected {status}, but\n{self}");
        self
    }

    /// Expects status 200.
    ///
    /// # Panics
    ///
    /// Panics if the status differs.
    #[track_caller]
    pub fn expect_ok(self) -> Self {
        self.expect_status(200)
    }

    /// Expects a status of 4xx or 5xx.
    ///
    /// # Panics
    ///
    /// Panics if the status differs.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        assert!((400..600).contains(&self.status()), "expected 4xx or 5xx, but\n{self}");
        self
    }

    /// Expects status 200 and a text.
    ///
    /// # Panics
    ///
    /// Panics if the status or the text differs.
    #[track_caller]
    pub fn expect_text(self, text: &str) -> Self {
        let response = self.expect_ok();
        assert!(response.text().trim_end() == text, "expected the text {text:?}, but\n{response}");
        response
    }

    /// Expects that the response of `/get` greets a name; an empty name is no name.
    ///
    /// # Panics
    ///
    /// Panics if it greets another name.
    #[track_caller]
    pub fn expect_name(self, name: &str) -> Self {
        let response = self.expect_ok();
        let greeted = response.text().strip_prefix(GREETING).map(|rest| rest.trim().to_owned());
        assert!(greeted.as_deref() == Some(name), "expected \"{GREETING} {name}\", but\n{response}");
        response
    }

    /// Expects that no cookie is set or removed.
    ///
    /// # Panics
    ///
    /// Panics if a cookie is set or removed.
    #[track_caller]
    pub fn expect_no_cookie(self) -> Self {
        assert!(self.set_cookies().is_empty(), "expected no Set-Cookie, but\n{self}");
        self
    }

    /// Returns the JSON body after expecting status 200.
    ///
    /// # Panics
    ///
    /// Panics if the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(self) -> Value {
        let response = self.expect_ok();
        match serde_json::from_slice(response.body()) {
            Ok(value) => value,
            Err(error) => panic!("expected JSON ({error}), but\n{response}"),
        }
    }

    /// Returns a JSON object as a map of texts. Values that are not text are kept as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the body is not a JSON object.
    #[must_use]
    #[track_caller]
    pub fn entries(self) -> BTreeMap<String, String> {
        let asked = self.to_string();
        let Value::Object(object) = self.json() else {
            panic!("expected a JSON object, but\n{asked}");
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        object.into_iter().map(|(name, value)| (name, text(value))).collect()
    }
}
