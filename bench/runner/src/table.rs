//! Tables in Markdown.

use std::fmt;

/// A table whose first column names its rows.
pub(crate) struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(corner: &str, columns: &[&str]) -> Self {
        let head = [corner].into_iter().chain(columns.iter().copied()).map(str::to_owned).collect();
        Self { lines: vec![head] }
    }

    /// Adds a row; a missing figure leaves its cell empty.
    pub(crate) fn row<const N: usize>(&mut self, name: &str, cells: [Option<String>; N]) {
        let cells = cells.into_iter().map(Option::unwrap_or_default);
        self.lines.push([name.to_owned()].into_iter().chain(cells).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, line) in self.lines.iter().enumerate() {
            writeln!(f, "| {} |", line.join(" | "))?;
            if place == 0 {
                writeln!(f, "|---{}|", "|---:".repeat(line.len() - 1))?;
            }
        }
        Ok(())
    }
}

/// Formats a number with its sign and thousands separators.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "+" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with thousands separators, rounded.
pub(crate) fn plain(number: f64) -> String {
    grouped(number.round() as i64).trim_start_matches('+').to_owned()
}

/// Adds a plus to a number without a sign.
pub(crate) fn signed(number: &str) -> String {
    if number.starts_with('-') { number.to_owned() } else { format!("+{number}") }
}
