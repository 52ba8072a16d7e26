//! go-sessions' typed getters, which also accept numbers and booleans written as strings.

use super::Session;
use crate::session::value::lenient;

impl Session {
    fn lenient<R>(&self, key: &str, read: fn(&serde_json::Value) -> Option<R>) -> Option<R> {
        self.get(key).ok().flatten().as_ref().and_then(read)
    }

    /// Returns an entry as a string; numbers and booleans are formatted.
    ///
    /// `None` for anything else.
    #[must_use]
    pub fn get_string(&self, key: &str) -> Option<String> {
        self.lenient(key, lenient::string)
    }

    /// Returns an entry as a string, or `default`.
    #[must_use]
    pub fn get_string_or(&self, key: &str, default: &str) -> String {
        self.get_string(key).unwrap_or_else(|| default.to_owned())
    }

    /// Returns an entry as an `i64`; numeric strings are accepted.
    ///
    /// `None` for anything else.
    #[must_use]
    pub fn get_i64(&self, key: &str) -> Option<i64> {
        self.lenient(key, lenient::integer)
    }

    /// Returns an entry as an `i64`, or `default`.
    #[must_use]
    pub fn get_i64_or(&self, key: &str, default: i64) -> i64 {
        self.get_i64(key).unwrap_or(default)
    }

    /// Returns an entry as a `u64`; numeric strings are accepted.
    ///
    /// `None` for anything else.
    #[must_use]
    pub fn get_u64(&self, key: &str) -> Option<u64> {
        self.lenient(key, lenient::unsigned)
    }

    /// Returns an entry as a `u64`, or `default`.
    #[must_use]
    pub fn get_u64_or(&self, key: &str, default: u64) -> u64 {
        self.get_u64(key).unwrap_or(default)
    }

    /// Returns an entry as an `f64`; numeric strings are accepted. `None` for anything else.
    #[must_use]
    pub fn get_f64(&self, key: &str) -> Option<f64> {
        self.lenient(key, lenient::float)
    }

    /// Returns an entry as an `f64`, or `default`.
    #[must_use]
    pub fn get_f64_or(&self, key: &str, default: f64) -> f64 {
        self.get_f64(key).unwrap_or(default)
    }

    /// Returns an entry as a boolean; 1, 0 and strings such as `true` are accepted.
    ///
    /// `None` for anything else.
    #[must_use]
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        self.lenient(key, lenient::boolean)
    }

    /// Returns an entry as a boolean, or `default`.
    #[must_use]
    pub fn get_bool_or(&self, key: &str, default: bool) -> bool {
        self.get_bool(key).unwrap_or(default)
    }
}
