//! The texts of all statements, and their values.

use std::fmt::{self, Write};
use std::iter;

use crate::driver::Driver;
use crate::table::Table;

/// A row's columns. All that statements select is bytes, but for a count.
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

/// The statements of one table.
///
/// Each value is in its text once, in order, so that `$1` and `?` mean the same.
#[derive(Debug)]
pub struct Statements {
    pub(crate) probe: Box<str>,
    pub(crate) get: Box<str>,
    pub(crate) insert: Box<str>,
    pub(crate) swap: Box<str>,
    pub(crate) swap_head: Box<str>,
    pub(crate) delete: Box<str>,
    pub(crate) of_principal: Box<str>,
    pub(crate) count_of_principal: Box<str>,
    pub(crate) delete_of_principal: Box<str>,
    pub(crate) page: Box<str>,
    pub(crate) count: Box<str>,
    pub(crate) delete_all: Box<str>,
    pub(crate) expired: Box<str>,
    pub(crate) moved: Box<str>,
    /// Whether values are written into the texts.
    is_literal: bool,
}

/// Hides the values.
impl fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("text", &self.text).finish_non_exhaustive()
    }
}

/// What a sweep removes: what has expired by this process' clock and by the database's, so that
/// one that is wrong removes no live session. A value of a newer format is kept.
const EXPIRED: &str = "SELECT id FROM {table} WHERE sweep_from <= {least}($1, {now}) \
                       AND expires_at <= {least}($2, {now}) AND substring(head, 1, 1) <= $3 \
                       ORDER BY sweep_from LIMIT $4";

/// What has been seen since it was due.
const MOVED: &str = "SELECT id FROM {table} WHERE sweep_from <= {least}($1, {now}) \
                     AND expires_at > {least}($2, {now}) ORDER BY sweep_from LIMIT $3";

/// Returns the statements that create a table.
pub(crate) fn schema<D: Driver>(table: &Table) -> String {
    let schema = D::SCHEMA.replace("{table}", &table.quoted());
    schema.replace("{principal}", &table.index("principal")).replace("{sweep_from}", &table.index("sweep_from"))
}

impl Statements {
    pub(crate) fn new<D: Driver>(table: &Table, is_literal: bool) -> Self {
        let table = table.quoted();
        let text = |text: &str| {
            let text = text.replace("{table}", &table).replace("{least}", D::LEAST).replace("{now}", D::NOW);
            let text = text.replace("{or_nothing}", D::OR_NOTHING);
            let text = text.replace("{text}", D::TEXT_AND_BYTES[0]).replace("{bytes}", D::TEXT_AND_BYTES[1]);
            if D::HAS_QUESTION_MARKS { replace_values(&text, iter::repeat("?")) } else { text }.into_boxed_str()
        };
        Self {
            probe: text("SELECT id, head, body, principal FROM {table} WHERE expires_at < sweep_from AND id = $1"),
            get: text("SELECT head, body FROM {table} WHERE id = $1"),
            insert: text(
                "INSERT INTO {table} (id, head, body, principal, expires_at, sweep_from) \
                 VALUES ($1, $2, $3, $4, $5, $6) {or_nothing}",
            ),
            swap: text(
                "UPDATE {table} SET head = $1, body = $2, principal = $3, expires_at = $4, \
                 sweep_from = {least}(sweep_from, $5) WHERE id = $6 AND substring(head, 1, 16) = $7",
            ),
            swap_head: text(
                "UPDATE {table} SET head = $1, expires_at = $2, sweep_from = {least}(sweep_from, $3) \
                 WHERE id = $4 AND substring(head, 1, 16) = $5",
            ),
            delete: text("DELETE FROM {table} WHERE id = $1"),
            of_principal: text(
                "SELECT id, head, body FROM {table} WHERE principal = $1 AND id > $2 ORDER BY id LIMIT $3",
            ),
            count_of_principal: text(
                "SELECT CAST(CAST(count(*) AS {text}) AS {bytes}) FROM {table} WHERE principal = $1",
            ),
            delete_of_principal: text(D::OF_PRINCIPAL),
            page: text("SELECT id, head, body FROM {table} WHERE id > $1 ORDER BY id LIMIT $2"),
            count: text("SELECT CAST(CAST(count(*) AS {text}) AS {bytes}) FROM {table}"),
            delete_all: text("DELETE FROM {table}"),
            expired: text(&D::EXPIRED.replace("{due}", EXPIRED)),
            moved: text(&D::MOVED.replace("{due}", MOVED)),
            is_literal,
        }
    }

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
    fn values_are_numbered_or_in_order() {
        assert_eq!(replace_values("a = $1, b = $22 AND c = $3", iter::repeat("?")), "a = ?, b = ? AND c = ?");
    }

    #[test]
    fn bytes_are_written_as_digits() {
        let values = [Value::Bytes(b"';--"), Value::Nothing, Value::Number(-7)];
        let text = replace_values("f($1, $2) = $3)", values.iter().map(literal));
        assert_eq!(text, r"f('\x273b2d2d'::bytea, NULL) = -7)");
    }
}
