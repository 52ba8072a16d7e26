//! go-sessions' typed getters, which read a text as the number or truth that it spells.

use super::Session;
use crate::session::value::lenient;

impl Session {
    fn lenient<R>(&self, key: &str, read: fn(&serde_json::Value) -> Option<R>) -> Option<R> {
        self.get(key).ok().flatten().as_ref().and_then(read)
    }

    /// Reads an entry as text: a text as it is, a number or boolean as it is written; `None` for
    /// anything else.
    #[must_use]
    pub fn get_string(&self, key: &str) -> Option<String> {
        self.lenient(key, lenient::string)
    }

    /// Reads an entry as text, or returns `default`.
    #[must_use]
    pub fn get_string_or(&self, key: &str, default: &str) -> String {
        self.get_string(key).unwrap_or_else(|| default.to_owned())
    }

    /// Reads an entry as an integer: a whole number, or a text that is one; `None` for anything
    /// else.
    #[must_use]
    pub fn get_i64(&self, key: &str) -> Option<i64> {
        self.lenient(key, lenient::integer)
    }

    /// Reads an entry as an integer, or returns `default`.
    #[must_use]
    pub fn get_i64_or(&self, key: &str, default: i64) -> i64 {
        self.get_i64(key).unwrap_or(default)
    }

    /// Reads an entry as an integer that is not negative: a whole number, or a text that is one;
    /// `None` for anything else.
    #[must_use]
    pub fn get_u64(&self, key: &str) -> Option<u64> {
        self.lenient(key, lenient::unsigned)
    }

    /// Reads an entry as an integer that is not negative, or returns `default`.
    #[must_use]
    pub fn get_u64_or(&self, key: &str, default: u64) -> u64 {
        self.get_u64(key).unwrap_or(default)
    }

    /// Reads an entry as a number: a number, or a text that is one; `None` for anything else.
    #[must_use]
    pub fn get_f64(&self, key: &str) -> Option<f64> {
        self.lenient(key, lenient::float)
    }

    /// Reads an entry as a number, or returns `default`.
    #[must_use]
    pub fn get_f64_or(&self, key: &str, default: f64) -> f64 {
        self.get_f64(key).unwrap_or(default)
    }

    /// Reads an entry as a boolean: a boolean, the numbers 1 and 0, or a text that spells one;
    /// `None` for anything else.
    #[must_use]
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        self.lenient(key, lenient::boolean)
    }

    /// Reads an entry as a boolean, or returns `default`.
    #[must_use]
    pub fn get_bool_or(&self, key: &str, default: bool) -> bool {
        self.get_bool(key).unwrap_or(default)
    }
}
