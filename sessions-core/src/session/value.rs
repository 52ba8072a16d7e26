//! The values that `entries` returns, and go-sessions' lenient conversions.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::record::Values;

/// The value of one entry or flash.
#[derive(Clone)]
pub struct Value {
    key: Box<str>,
    bytes: Box<[u8]>,
    values: Values,
}

impl Value {
    pub(crate) fn new(key: &str, bytes: &[u8], values: &Values) -> Self {
        Self { key: key.into(), bytes: bytes.into(), values: values.clone() }
    }

    /// Decodes the value as a `T`.
    ///
    /// # Errors
    ///
    /// Returns [`Decode`](crate::ErrorKind::Decode) if the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.values.decode(&self.key, &self.bytes)
    }

    /// Returns the value as a string; numbers and booleans are formatted.
    #[must_use]
    pub fn as_string(&self) -> Option<String> {
        lenient::string(&self.get().ok()?)
    }

    /// Returns the value as an `i64`; numeric strings are accepted.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        lenient::integer(&self.get().ok()?)
    }

    /// Returns the value as a `u64`; numeric strings are accepted.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        lenient::unsigned(&self.get().ok()?)
    }

    /// Returns the value as an `f64`; numeric strings are accepted.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        lenient::float(&self.get().ok()?)
    }

    /// Returns the value as a boolean.
    ///
    /// Accepts a boolean, the numbers 1 and 0, and the strings `1 t T true True TRUE 0 f F false
    /// False FALSE`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        lenient::boolean(&self.get().ok()?)
    }
}

/// Shows nothing of the value.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// Conversions of JSON values that match go-sessions' typed getters.
pub(crate) mod lenient {
    use serde_json::Value;

    pub(crate) fn string(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(crate) fn integer(value: &Value) -> Option<i64> {
        match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn unsigned(value: &Value) -> Option<u64> {
        match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn float(value: &Value) -> Option<f64> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn boolean(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.as_str() {
                "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
                "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    #[cfg(test)]
    mod tests {
        use serde_json::json;

        use super::*;

        #[test]
        fn negative_numbers_are_not_unsigned() {
            let cases =
                [(json!(7), Some(7)), (json!("7"), Some(7)), (json!(u64::MAX), Some(u64::MAX)), (json!(-7), None)];
            for (value, number) in cases {
                assert_eq!(unsigned(&value), number, "{value}");
            }
            assert_eq!((unsigned(&json!("-7")), unsigned(&json!(7.5)), unsigned(&json!(true))), (None, None, None));
        }

        #[test]
        fn values_convert_as_in_go_sessions() {
            let cases = [
                (json!("1"), Some("1"), Some(1), Some(1.0), Some(true)),
                (json!(1), Some("1"), Some(1), Some(1.0), Some(true)),
                (json!(0), Some("0"), Some(0), Some(0.0), Some(false)),
                (json!(2.5), Some("2.5"), None, Some(2.5), None),
                (json!("false"), Some("false"), None, None, Some(false)),
                (json!(true), Some("true"), None, None, Some(true)),
                (json!(null), None, None, None, None),
                (json!(["1"]), None, None, None, None),
            ];
            for (value, text, whole, real, truth) in cases {
                let read = (string(&value), integer(&value), float(&value), boolean(&value));
                assert_eq!(read, (text.map(str::to_owned), whole, real, truth), "{value}");
            }
        }
    }
}
