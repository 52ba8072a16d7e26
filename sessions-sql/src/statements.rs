//! The texts of all statements, and their values.

use std::fmt::{self, Write};

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
    pub(crate) text: &'a str,
    pub(crate) values: &'a [Value<'a>],
    /// The text with the values in it, to be sent without preparing a statement.
    pub(crate) literal: Option<String>,
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
    probe get insert swap swap_head delete of_principal count_of_principal delete_of_principal page count delete_all
    expired moved
}

/// Hides the values.
impl fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("text", &self.text).finish_non_exhaustive()
    }
}

/// Returns the statements that create a table.
pub(crate) fn schema<D: Driver>(table: &Table) -> String {
    let schema = text::<D>("schema", table);
    schema.replace("{principal}", &table.index("principal")).replace("{sweep_from}", &table.index("sweep_from"))
}

/// Returns what follows a name in the file of a database, without comments.
fn text<D: Driver>(name: &str, table: &Table) -> String {
    let named = D::SQL.split("-- name: ").find_map(|part| part.strip_prefix(name)?.strip_prefix('\n'));
    let lines = named.expect("each file has all statements").lines().filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").trim_end().replace("{table}", &table.quoted())
}

impl Statements {
    /// Returns a statement with its values.
    pub(crate) fn with<'a>(&self, text: &'a str, values: &'a [Value<'a>]) -> Statement<'a> {
        Statement { text, values, literal: self.is_literal.then(|| replace_values(text, values.iter().map(literal))) }
    }
}

/// Replaces `$1`, `$2` and so on, in this order.
fn replace_values(text: &str, replacements: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut parts = text.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.zip(replacements).fold(first, |text, (part, replacement)| {
        text + replacement.as_ref() + part.trim_start_matches(|letter: char| letter.is_ascii_digit())
    })
}

/// Writes a value as PostgreSQL reads it: bytes as hexadecimal digits, which need no escaping.
fn literal(value: &Value<'_>) -> String {
    match value {
        Value::Bytes(bytes) => {
            let mut text = String::with_capacity(2 * bytes.len() + 12);
            text += r"'\x";
            for byte in *bytes {
                // A string takes all text.
                let _ = write!(text, "{byte:02x}");
            }
            text + "'::bytea"
        }
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
        let text = replace_values("f($1, $2) = $3)", values.iter().map(literal));
        assert_eq!(text, r"f('\x273b2d2d'::bytea, NULL) = -7)");
    }
}
