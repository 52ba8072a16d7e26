//! Lenient reading: go-sessions' typed getters, which also accept values written as text.

use std::str::FromStr;

use serde_json::{Number, Value as Json};

use crate::session::{Session, Value};

/// A value for lenient reading: a text such as "7" is also read as the number 7.
///
/// For entries whose values come from forms or from code with other types. Each method returns
/// `None` for a missing value and for one that it does not accept; to tell them apart, use
/// [`Session::get`].
///
/// ```
/// use sessions_core::Sessions;
///
/// # pollster::block_on(async {
/// let session = Sessions::builder().build()?.open().session([]).await?;
/// session.set("age", "7")?;
/// assert!(session.get::<i64>("age").is_err());
/// assert_eq!(session.lenient("age").i64(), Some(7));
/// assert_eq!(session.lenient("size").i64().unwrap_or(38), 38);
///
/// session.set_flash("saved", &3)?;
/// assert_eq!(session.lenient_flash("saved").text().as_deref(), Some("3"));
/// assert_eq!(session.entries()["age"].lenient().f64(), Some(7.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct Lenient(Option<Json>);

impl Session {
    /// Returns an entry for [`Lenient`] reading.
    pub fn lenient(&self, key: &str) -> Lenient {
        Lenient(self.get(key).ok().flatten())
    }

    /// Returns a flash for [`Lenient`] reading and removes it for later requests.
    ///
    /// This request can read it again until it saves, as with [`flash`](Self::flash).
    pub fn lenient_flash(&self, key: &str) -> Lenient {
        Lenient(self.flash(key).ok().flatten())
    }
}

impl Value {
    /// Returns the value for [`Lenient`] reading.
    pub fn lenient(&self) -> Lenient {
        Lenient(self.get().ok())
    }
}

impl Lenient {
    /// Returns the value as a string; numbers and booleans are formatted.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.0.as_ref()? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(truth) => Some(truth.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Returns the value as an `i64`; numeric strings are accepted.
    #[must_use]
    pub fn i64(&self) -> Option<i64> {
        self.number(Number::as_i64)
    }

    /// Returns the value as a `u64`; numeric strings are accepted.
    #[must_use]
    pub fn u64(&self) -> Option<u64> {
        self.number(Number::as_u64)
    }

    /// Returns the value as an `f64`; numeric strings are accepted.
    #[must_use]
    pub fn f64(&self) -> Option<f64> {
        self.number(Number::as_f64).filter(|number| number.is_finite())
    }

    /// Returns the value as a boolean.
    ///
    /// Accepts a boolean, the numbers 1 and 0, and the strings `1 t T true True TRUE 0 f F false
    /// False FALSE`.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self.text()?.as_str() {
            "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
            "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    fn number<T: FromStr>(&self, read: fn(&Number) -> Option<T>) -> Option<T> {
        match self.0.as_ref()? {
            Json::Number(number) => read(number),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

redacted!(Lenient);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn negative_numbers_are_not_unsigned() {
        let unsigned = |value: &Json| Lenient(Some(value.clone())).u64();
        let cases = [(json!(7), Some(7)), (json!("7"), Some(7)), (json!(u64::MAX), Some(u64::MAX)), (json!(-7), None)];
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
            (json!("NaN"), Some("NaN"), None, None, None),
            (json!("1e999"), Some("1e999"), None, None, None),
        ];
        for (value, text, whole, real, truth) in cases {
            let lenient = Lenient(Some(value.clone()));
            let read = (lenient.text(), lenient.i64(), lenient.f64(), lenient.bool());
            assert_eq!(read, (text.map(str::to_owned), whole, real, truth), "{value}");
        }
    }

    #[test]
    fn debug_output_hides_the_value() {
        assert_eq!(format!("{:?}", Lenient(Some(json!("secret")))), "Lenient { .. }");
    }
}
