//! The name of the table.

use sessions_remote::{OpenError, OpenErrorKind};

/// Longest name. With what is appended for an index, it stays below PostgreSQL's 63 bytes.
const LONGEST: usize = 48;

/// The name of a table, and of the schema that it is in.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    schema: Option<Box<str>>,
    name: Box<str>,
    quote: char,
}

impl Table {
    /// Checks a name.
    ///
    /// Names are quoted in the statements. They are restricted all the same, so that each can be
    /// typed without quotes, and none is cut off by the database.
    pub(crate) fn new(schema: Option<&str>, name: &str, quote: char) -> Result<Self, OpenError> {
        for (option, name) in [("table", Some(name)), ("schema", schema)] {
            if !name.is_none_or(is_valid) {
                let reason = format!("`{option}` has to be a name of 1 to {LONGEST} letters, digits and underscores");
                return Err(OpenError::new(OpenErrorKind::Options, reason));
            }
        }
        Ok(Self { schema: schema.map(Into::into), name: name.into(), quote })
    }

    /// Returns the name for statements.
    pub(crate) fn quoted(&self) -> String {
        let name = self.quote(&self.name);
        self.schema.as_ref().map_or(name.clone(), |schema| format!("{}.{name}", self.quote(schema)))
    }

    /// Returns the name of an index of the table for statements.
    pub(crate) fn index(&self, suffix: &str) -> String {
        self.quote(&format!("{}_{suffix}", self.name))
    }

    /// Returns the name for messages.
    pub(crate) fn shown(&self) -> String {
        self.schema.as_ref().map_or_else(|| self.name.to_string(), |schema| format!("{schema}.{}", self.name))
    }

    fn quote(&self, name: &str) -> String {
        format!("{0}{name}{0}", self.quote)
    }
}

fn is_valid(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let table = Table::new(Some("app"), "Sessions2", '"').unwrap();
        assert_eq!((table.quoted().as_str(), table.shown().as_str()), (r#""app"."Sessions2""#, "app.Sessions2"));
        assert_eq!(table.index("x"), r#""Sessions2_x""#);
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "2x", "a b", "a\"; DROP TABLE x; --", "säge", "a.b", &"a".repeat(49)] {
            assert!(Table::new(None, name, '"').is_err(), "{name}");
            assert!(Table::new(Some(name), "sessions", '"').is_err(), "{name}");
        }
    }
}
