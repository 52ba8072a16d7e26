//! Reading texts and integers, which most values are, without a parser.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::Error;
use serde_json::de::SliceRead;

use crate::record::integer;

/// Is how long a text may be, in bytes, that is looked through here: serde_json is faster with
/// longer ones.
const LONGEST_TEXT: usize = 48;

/// Reads a value as `serde_json::from_slice` does. Only where in the text an error lies may be
/// missing.
pub(super) fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    T::deserialize(Json(json))
}

/// Is a value's JSON. What is not simple is left to serde_json.
#[derive(Clone, Copy)]
struct Json<'de>(&'de [u8]);

impl<'de> Json<'de> {
    /// Returns what stands between the quotes, if it stands for itself.
    fn text(self) -> Option<&'de str> {
        let [b'"', text @ .., b'"'] = self.0 else { return None };
        let is_plain =
            text.len() <= LONGEST_TEXT && text.iter().all(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\');
        if is_plain { std::str::from_utf8(text).ok() } else { None }
    }

    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.parse(|parser| parser.deserialize_str(visitor)),
        }
    }

    fn visit_integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match integer::parse(self.0).map(|number| (number, u64::try_from(number))) {
            Some((_, Ok(number))) => visitor.visit_u64(number),
            Some((number, Err(_))) => visitor.visit_i64(number),
            None => self.parse(|parser| parser.deserialize_i64(visitor)),
        }
    }

    fn parse<R>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<SliceRead<'de>>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut parser = serde_json::Deserializer::from_slice(self.0);
        let value = read(&mut parser)?;
        parser.end()?;
        Ok(value)
    }
}

macro_rules! by {
    ($visit:ident: $($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$visit(visitor)
        })+
    };
}

macro_rules! parsed {
    ($($method:ident($($name:ident: $type:ty),*))+) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.parse(|parser| parser.$method($($name,)* visitor))
        })+
    };
}

impl<'de> Deserializer<'de> for Json<'de> {
    type Error = Error;

    by! { visit_text: deserialize_str deserialize_string }
    by! { visit_integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }
    by! { visit_integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    parsed! {
        deserialize_any()
        deserialize_bool()
        deserialize_i128()
        deserialize_u128()
        deserialize_f32()
        deserialize_f64()
        deserialize_char()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_option()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
        deserialize_ignored_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Unit;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapper(u32);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair(String, i8);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        name: String,
        age: Option<u8>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Choice {
        One,
        Other(u64),
    }

    const JSON: &[&str] = &[
        "",
        " ",
        "0",
        "-0",
        "00",
        "01",
        "1",
        " 1",
        "1 ",
        "1x",
        "-1",
        "--1",
        "+1",
        "127",
        "128",
        "255",
        "256",
        "65536",
        "4294967296",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1.0",
        "1e3",
        "1E400",
        "\"",
        "\"\"",
        "\"a\"",
        "\"ann\"",
        "\"ann\" ",
        "\"ann\"x",
        "\"an\"n\"",
        "\"zoë\"",
        "\"a\\n\\u00e9\\ud83d\\ude00\"",
        "\"\\\"",
        "\"\\\\\"",
        "\"\\ud800\"",
        "\"tab\tline\n\"",
        "\"1\"",
        "null",
        "true",
        "[]",
        "[1,2]",
        "[\"a\",1]",
        "{}",
        "{\"name\":\"ann\",\"age\":null}",
        "{\"name\":\"ann\",\"age\":7}",
        "\"One\"",
        "{\"Other\":9}",
    ];

    fn same<T: DeserializeOwned + PartialEq + Debug>(json: &[u8]) {
        // Where in the text an error lies is told to nobody.
        let told = |result: Result<T, Error>| result.map_err(|error| error.classify());
        let [own, theirs] = [from_json(json), serde_json::from_slice(json)].map(told);
        assert_eq!(own, theirs, "{}", String::from_utf8_lossy(json));
    }

    #[test]
    fn values_and_kinds_of_errors_are_those_of_serde_json() {
        let not_utf8: [&[u8]; 3] = [b"\"\xff\"", b"\"\xc3\"", b"\xff"];
        for json in JSON.iter().map(|json| json.as_bytes()).chain(not_utf8) {
            same::<String>(json);
            same::<char>(json);
            same::<i8>(json);
            same::<i64>(json);
            same::<i128>(json);
            same::<u8>(json);
            same::<u32>(json);
            same::<u64>(json);
            same::<f64>(json);
            same::<bool>(json);
            same::<()>(json);
            same::<Option<String>>(json);
            same::<Option<u64>>(json);
            same::<Vec<i64>>(json);
            same::<(String, i8)>(json);
            same::<BTreeMap<String, String>>(json);
            same::<serde_json::Value>(json);
            same::<Unit>(json);
            same::<Wrapper>(json);
            same::<Pair>(json);
            same::<Named>(json);
            same::<Choice>(json);
        }
    }

    #[test]
    fn texts_are_read_alike_whatever_their_length() {
        for length in 0..2 * LONGEST_TEXT {
            let text = "é".repeat(length % 3) + &"a".repeat(length);
            for json in [format!("\"{text}\""), format!("\"{text}\\n\""), format!("\"{text}")] {
                same::<String>(json.as_bytes());
            }
        }
    }
}
