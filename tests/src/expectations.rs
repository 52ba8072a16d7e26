//! What scenarios ask of an answer. A failure says what was asked and what came.

#![expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "an expectation holds or ends the test; the answer that it hands on need not be looked at again"
)]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Response;

/// What `/get` answers before the name.
const GREETING: &str = "The name on the /set was:";

impl Response {
    /// Expects this status.
    ///
    /// # Panics
    ///
    /// Where another came.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert!(self.status() == status, "expected {status}, but\n{self}");
        self
    }

    /// Expects 200.
    ///
    /// # Panics
    ///
    /// Where another status came.
    #[track_caller]
    pub fn expect_ok(self) -> Self {
        self.expect_status(200)
    }

    /// Expects an answer that says that the request failed, by 4xx or 5xx.
    ///
    /// # Panics
    ///
    /// Where another status came.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        assert!((400..600).contains(&self.status()), "expected 4xx or 5xx, but\n{self}");
        self
    }

    /// Expects 200 with this text.
    ///
    /// # Panics
    ///
    /// Where something else came.
    #[track_caller]
    pub fn expect_text(self, text: &str) -> Self {
        let response = self.expect_ok();
        assert!(response.text().trim_end() == text, "expected the text {text:?}, but\n{response}");
        response
    }

    /// Expects that the answer of `/get` greets this name; the empty name for nobody.
    ///
    /// # Panics
    ///
    /// Where it greets another.
    #[track_caller]
    pub fn expect_name(self, name: &str) -> Self {
        let response = self.expect_ok();
        let greeted = response.text().strip_prefix(GREETING).map(|rest| rest.trim().to_owned());
        assert!(greeted.as_deref() == Some(name), "expected \"{GREETING} {name}\", but\n{response}");
        response
    }

    /// Expects that no cookie of any name is set or removed.
    ///
    /// # Panics
    ///
    /// Where one is.
    #[track_caller]
    pub fn expect_no_cookie(self) -> Self {
        assert!(self.set_cookies().is_empty(), "expected no Set-Cookie, but\n{self}");
        self
    }

    /// Reads a JSON body, after expecting 200.
    ///
    /// # Panics
    ///
    /// Where the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(self) -> Value {
        let response = self.expect_ok();
        match serde_json::from_slice(response.body()) {
            Ok(value) => value,
            Err(error) => panic!("expected JSON ({error}), but\n{response}"),
        }
    }

    /// Reads a JSON object as names and texts; what is not text stands as JSON.
    ///
    /// # Panics
    ///
    /// Where the body is not a JSON object.
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
