//! The texts of all statements, and their values.

use std::borrow::Cow;
use std::fmt;

use crate::driver::Driver;
use crate::table::Table;

/// A row's columns. All that statements select can be read as bytes.
pub(crate) type Columns = Vec<Vec<u8>>;

/// A value of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Bytes(&'a [u8]),
    Nothing,
    Number(i64),
}

/// A statement with its values.
pub struct Statement<'a> {
    pub(crate) text: Cow<'a, str>,
    /// `None` if they are in the text, which is then sent without preparing a statement.
    pub(crate) values: Option<&'a [Value<'a>]>,
}

macro_rules! statements {
    ($($name:ident)*) => {
        /// The statements of one table.
        #[derive(Debug)]
        pub struct Statements {
            $(pub(crate) $name: Box<str>,)*
            /// Whether values are written into the texts.
            is_literal: bool,
        }

        impl Statements {
            pub(crate) fn new<D: Driver>(table: &Table, is_literal: bool) -> Self {
                Self { $($name: text::<D>(stringify!($name), table).into(),)* is_literal }
            }
        }
    };
}

statements! {
    schema probe get insert swap swap_head delete of_principal count_of_principal delete_of_principal page count
    delete_all expired moved
}

/// Hides the values.
impl fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").finish_non_exhaustive()
    }
}

/// Returns what follows a name in the file of a database, without comments.
pub(crate) fn text<D: Driver>(name: &str, table: &Table) -> String {
    let named = D::SQL.split("-- name: ").find_map(|part| part.strip_prefix(name)?.strip_prefix('\n'));
    let lines = named.expect("each file has all statements").lines().filter(|line| !line.starts_with("--"));
    let text = lines.collect::<Vec<_>>().join("\n").trim_end().replace("{table}", &table.quoted());
    text.replace("{principal}", &table.index("principal")).replace("{sweep_from}", &table.index("sweep_from"))
}

impl Statements {
    /// Returns a statement with its values.
    pub(crate) fn with<'a>(&self, text: &'a str, values: &'a [Value<'a>]) -> Statement<'a> {
        if self.is_literal {
            return Statement { text: with_values(text, values).into(), values: None };
        }
        Statement { text: text.into(), values: Some(values) }
    }
}

/// Writes values in place of `$1`, `$2` and so on, in this order.
fn with_values(text: &str, values: &[Value<'_>]) -> String {
    let mut parts = text.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.zip(values).fold(first, |text, (part, value)| {
        text + &literal(value) + part.trim_start_matches(|letter: char| letter.is_ascii_digit())
    })
}

/// Writes a value as PostgreSQL reads it: bytes as hexadecimal digits, which need no escaping.
fn literal(value: &Value<'_>) -> String {
    match value {
        // The backslash is doubled, since a server may be set to read it as an escape.
        Value::Bytes(bytes) => format!(r"E'\\x{}'::bytea", hex::encode(bytes)),
        Value::Nothing => "NULL".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_digits() {
        let values = [Value::Bytes(b"';--"), Value::Nothing, Value::Number(-7)];
        let text = with_values("f($1, $2) = $3)", &values);
        assert_eq!(text, r"f(E'\\x273b2d2d'::bytea, NULL) = -7)");
    }
}
