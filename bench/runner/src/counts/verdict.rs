//! The comparison of the counts with the committed figures.

use std::fmt;

use super::figures::{Cost, Figures};
use crate::table::Table;

/// Percentage by which instructions may change without a message.
const TOLERANCE: u64 = 5;

/// The verdict on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// More than 5 % more instructions, or one more allocation.
    Grown,
    /// More than 5 % fewer instructions, or one allocation less, and nothing has grown.
    Fallen,
    /// A path without a committed figure.
    New,
    /// A figure without a path.
    Gone,
}

impl Verdict {
    fn of(committed: Option<Cost>, counted: Option<Cost>) -> Self {
        match (committed, counted) {
            (None, _) => Self::New,
            (_, None) => Self::Gone,
            (Some(old), Some(new)) => {
                let limit = |hundredths: u64| old.instructions * hundredths;
                let hundredfold = new.instructions * 100;
                if hundredfold > limit(100 + TOLERANCE) || new.allocations > old.allocations {
                    Self::Grown
                } else if hundredfold < limit(100 - TOLERANCE) || new.allocations < old.allocations {
                    Self::Fallen
                } else {
                    Self::Same
                }
            }
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Same => "as before",
            Self::Grown => "GROWN",
            Self::Fallen => "fallen",
            Self::New => "NOT IN THE FILE",
            Self::Gone => "NOT COUNTED",
        }
    }
}

struct Compared {
    path: String,
    committed: Option<Cost>,
    counted: Option<Cost>,
    verdict: Verdict,
}

/// The verdicts on all paths.
pub(crate) struct Comparison {
    paths: Vec<Compared>,
    /// Both lists of tools, if they differ.
    tools: Option<String>,
}

/// Compares all paths.
pub(crate) fn compare(committed: &Figures, counted: &Figures) -> Comparison {
    let old = committed.paths.iter().map(|(path, _)| path);
    let new = counted.paths.iter().map(|(path, _)| path);
    let all = old.chain(new.filter(|path| committed.of(path).is_none()));
    let compared = all.map(|path| {
        let (committed, counted) = (committed.of(path), counted.of(path));
        Compared { path: path.clone(), committed, counted, verdict: Verdict::of(committed, counted) }
    });
    let differ = committed.counted_with != counted.counted_with;
    Comparison {
        paths: compared.collect(),
        tools: differ.then(|| {
            format!(
                "The figures were counted with {}; this count was with {}.",
                committed.counted_with, counted.counted_with
            )
        }),
    }
}

impl Comparison {
    /// Returns why the gate fails, or `None` if it passes.
    pub(crate) fn failure(&self) -> Option<String> {
        let mut lines = Vec::new();
        for Compared { path, committed, counted, verdict } in &self.paths {
            lines.extend(match (verdict, committed, counted) {
                (Verdict::Grown, Some(old), Some(new)) => Some(format!("{path} has grown from {old} to {new}")),
                (Verdict::New, ..) => Some(format!("{path} has no committed figure")),
                (Verdict::Gone, ..) => Some(format!("{path} has a committed figure but is not a path of bench/hot")),
                _ => None,
            });
        }
        if lines.is_empty() {
            return None;
        }
        lines.push(format!("{TOLERANCE} % more instructions and no further allocation are allowed."));
        lines.extend(self.tools.clone());
        Some(lines.join("\n"))
    }

    /// Returns what has fallen, or `None` if nothing has.
    pub(crate) fn good_news(&self) -> Option<String> {
        let fallen = self.paths.iter().filter(|path| path.verdict == Verdict::Fallen);
        let fallen: Vec<&str> = fallen.map(|path| &*path.path).collect();
        (!fallen.is_empty()).then(|| format!("{} cost less than the committed figures.", fallen.join(", ")))
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} instructions and {} allocations", self.instructions, self.allocations)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new("path", &["instructions", "committed", "allocations", "committed", ""]);
        for Compared { path, committed, counted, verdict } in &self.paths {
            let instructions = |cost: &Option<Cost>| cost.map(|cost| cost.instructions.to_string());
            let allocations = |cost: &Option<Cost>| cost.map(|cost| cost.allocations.to_string());
            let verdict = Some(verdict.word().to_owned());
            table.row(
                path,
                [instructions(counted), instructions(committed), allocations(counted), allocations(committed), verdict],
            );
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(paths: &[(&str, u64, u64)]) -> Figures {
        let cost = |instructions, allocations| Cost { instructions, allocations };
        let paths = paths.iter().map(|(path, i, a)| ((*path).to_owned(), cost(*i, *a))).collect();
        Figures { counted_with: "x86_64, rustc 1, valgrind 3".into(), paths }
    }

    fn verdict(old: (u64, u64), new: (u64, u64)) -> Verdict {
        let comparison = compare(&figures(&[("read", old.0, old.1)]), &figures(&[("read", new.0, new.1)]));
        comparison.paths[0].verdict
    }

    #[test]
    fn five_percent_more_instructions_are_allowed() {
        assert_eq!(verdict((1000, 4), (1000, 4)), Verdict::Same);
        assert_eq!(verdict((1000, 4), (1050, 4)), Verdict::Same);
        assert_eq!(verdict((1000, 4), (1051, 4)), Verdict::Grown);
        assert_eq!(verdict((1000, 4), (950, 4)), Verdict::Same);
        assert_eq!(verdict((1000, 4), (949, 4)), Verdict::Fallen);
    }

    #[test]
    fn allocations_may_not_grow_at_all() {
        assert_eq!(verdict((1000, 0), (1000, 1)), Verdict::Grown);
        assert_eq!(verdict((1000, 4), (1000, 3)), Verdict::Fallen);
        assert_eq!(verdict((1000, 4), (500, 5)), Verdict::Grown);
        assert_eq!(verdict((1000, 4), (1100, 3)), Verdict::Grown);
    }

    #[test]
    fn growth_fails_and_names_the_path_with_both_figures() {
        let comparison = compare(
            &figures(&[("read", 1000, 4), ("write", 2000, 5)]),
            &figures(&[("read", 1200, 4), ("write", 2000, 5)]),
        );
        let failure = comparison.failure().unwrap();
        let growth = "read has grown from 1000 instructions and 4 allocations to 1200 instructions and 4 allocations";
        assert!(failure.starts_with(growth), "{failure}");
        assert!(!failure.contains("write"), "{failure}");
        assert!(comparison.to_string().contains("| read | 1200 | 1000 | 4 | 4 | GROWN |"), "{comparison}");
    }

    #[test]
    fn a_fall_is_reported_and_passes() {
        let comparison = compare(&figures(&[("read", 1000, 4)]), &figures(&[("read", 500, 2)]));
        assert_eq!(comparison.failure(), None);
        assert!(comparison.good_news().unwrap().starts_with("read cost less"));
        let same = compare(&figures(&[("read", 1000, 4)]), &figures(&[("read", 1000, 4)]));
        assert_eq!((same.failure(), same.good_news()), (None, None));
    }

    #[test]
    fn a_path_without_a_figure_and_a_figure_without_a_path_fail() {
        let comparison = compare(&figures(&[("old", 1, 1)]), &figures(&[("new", 1, 1)]));
        let failure = comparison.failure().unwrap();
        assert!(failure.contains("new has no committed figure"), "{failure}");
        assert!(failure.contains("old has a committed figure"), "{failure}");
    }

    #[test]
    fn a_failure_names_different_tools() {
        let mut counted = figures(&[("read", 1200, 4)]);
        counted.counted_with = "x86_64, rustc 2, valgrind 3".into();
        let failure = compare(&figures(&[("read", 1000, 4)]), &counted).failure().unwrap();
        assert!(failure.contains("with x86_64, rustc 1, valgrind 3; this count was with x86_64, rustc 2"), "{failure}");
    }
}
