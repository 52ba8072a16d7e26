//! The figures, and the file that holds them.

use std::fmt;

/// The cost of one walk of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
}

/// The costs of all paths.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// The processor's architecture, the compiler and valgrind, separated by commas.
    pub(crate) counted_with: String,
    pub(crate) paths: Vec<(String, Cost)>,
}

const COUNTED_WITH: &str = "# counted with ";

impl Figures {
    /// Parses the file's text, or returns the line that cannot be parsed.
    pub(crate) fn parse(text: &str) -> Result<Self, &str> {
        let mut figures = Self { counted_with: String::new(), paths: Vec::new() };
        for line in text.lines() {
            if let Some(tools) = line.strip_prefix(COUNTED_WITH) {
                tools.clone_into(&mut figures.counted_with);
            } else if !line.starts_with('#') {
                figures.paths.push(path(line).ok_or(line)?);
            }
        }
        Ok(figures)
    }

    pub(crate) fn of(&self, path: &str) -> Option<Cost> {
        self.paths.iter().find(|(name, _)| name == path).map(|(_, cost)| *cost)
    }
}

fn path(line: &str) -> Option<(String, Cost)> {
    let mut words = line.split(' ');
    let name = words.next()?.to_owned();
    let cost = Cost { instructions: words.next()?.parse().ok()?, allocations: words.next()?.parse().ok()? };
    words.next().is_none().then_some((name, cost))
}

/// Writes the file's text.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# What a walk of each hot path takes, compared by `cargo xtask counts`.")?;
        writeln!(f, "# Written by `cargo xtask bench counts --write`.")?;
        writeln!(f, "{COUNTED_WITH}{}", self.counted_with)?;
        writeln!(f, "# path instructions allocations")?;
        for (name, Cost { instructions, allocations }) in &self.paths {
            writeln!(f, "{name} {instructions} {allocations}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_figures_are_read_back() {
        let read = ("read".to_owned(), Cost { instructions: 6705, allocations: 4 });
        let hash = ("secret-hash".to_owned(), Cost { instructions: 3529, allocations: 0 });
        let figures = Figures { counted_with: "x86_64, rustc 1.95.0, valgrind-3.19.0".into(), paths: vec![read, hash] };
        assert_eq!(Figures::parse(&figures.to_string()), Ok(figures));
    }

    #[test]
    fn an_error_names_the_invalid_line() {
        for line in ["read", "read 1", "read 1 x", "read 1 2 3", ""] {
            assert_eq!(Figures::parse(&format!("# a comment\n{line}\n")), Err(line));
        }
    }
}
