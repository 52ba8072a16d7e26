//! The outcomes of mutants, and the verdict on them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Share of the compiling mutants that tests have to catch, in percent.
const ENOUGH: usize = 95;

/// Names of mutants by outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcomes {
    pub(super) caught: Vec<String>,
    /// Mutants whose tests took too long or hung, which counts as noticed.
    pub(super) timed_out: Vec<String>,
    pub(super) missed: Vec<String>,
    /// Mutants that do not compile.
    pub(super) unviable: Vec<String>,
}

impl Outcomes {
    /// Reads the lists that cargo-mutants wrote.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let list = |name: &str| {
            let file = folder.join(name);
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok::<_, String>(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            caught: list("caught.txt")?,
            timed_out: list("timeout.txt")?,
            missed: list("missed.txt")?,
            unviable: list("unviable.txt")?,
        })
    }

    pub(super) fn add(&mut self, other: Self) {
        self.caught.extend(other.caught);
        self.timed_out.extend(other.timed_out);
        self.missed.extend(other.missed);
        self.unviable.extend(other.unviable);
    }

    fn noticed(&self) -> usize {
        self.caught.len() + self.timed_out.len()
    }

    fn viable(&self) -> usize {
        self.noticed() + self.missed.len()
    }

    pub(super) fn summary(&self) -> String {
        let missed: String = self.missed.iter().map(|name| format!("missed: {name}\n")).collect();
        let (noticed, viable) = (self.noticed(), self.viable());
        let tenths = (noticed * 1000).checked_div(viable).unwrap_or(1000);
        format!(
            "{missed}{} caught, {} timed out, {} missed, {} unviable: {}.{} % of {viable} noticed",
            self.caught.len(),
            self.timed_out.len(),
            self.missed.len(),
            self.unviable.len(),
            tenths / 10,
            tenths % 10
        )
    }

    /// Fails if too many were missed, or if one was missed for no known reason.
    pub(super) fn verdict(&self, known: &Known) -> Result<(), String> {
        if self.viable() == 0 {
            return Err("there were no mutants".into());
        }
        let unknown = known.without(&self.missed);
        if !unknown.is_empty() {
            return Err(format!(
                "no test notices these, and mutants.txt gives no reason:\n  {}\nWrite the missing test, or the reason.",
                unknown.join("\n  ")
            ));
        }
        if self.noticed() * 100 < self.viable() * ENOUGH {
            return Err(format!("less than {ENOUGH} % of the mutants were noticed"));
        }
        Ok(())
    }
}

/// The mutants of `mutants.txt` that may be missed, each with a count.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Known(BTreeMap<String, usize>);

impl Known {
    /// Reads lines of the form `FILE: CHANGE  # REASON`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut known = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once("  # ") {
                Some((name, reason)) if !reason.trim().is_empty() => *known.0.entry(name.to_owned()).or_default() += 1,
                _ => return Err(format!("mutants.txt gives no reason for `{line}`")),
            }
        }
        Ok(known)
    }

    /// Lists the missed mutants that are unknown or occur more often than known.
    fn without(&self, missed: &[String]) -> Vec<String> {
        let mut left = self.0.clone();
        let unknown = missed.iter().map(|name| without_place(name)).filter(|name| match left.get_mut(name) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        unknown.collect()
    }
}

/// Removes line and column from a name such as `src/a.rs:5:9: replace f -> bool with true`.
///
/// Every edit above the mutant changes them.
fn without_place(name: &str) -> String {
    let Some((place, change)) = name.split_once(": ") else { return name.to_owned() };
    format!("{}: {change}", place.split(':').next().unwrap_or(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(caught: usize, missed: &[&str]) -> Outcomes {
        Outcomes {
            caught: vec!["a.rs:1:1: x".into(); caught],
            missed: missed.iter().map(ToString::to_string).collect(),
            ..Outcomes::default()
        }
    }

    fn known(text: &str) -> Known {
        Known::parse(text).unwrap()
    }

    #[test]
    fn a_missed_mutant_needs_a_reason() {
        let missed = outcomes(99, &["a.rs:5:9: replace < with <= in f"]);
        let message = missed.verdict(&known("# none\n")).unwrap_err();
        assert!(message.contains("a.rs: replace < with <= in f"), "{message}");
        assert_eq!(missed.verdict(&known("a.rs: replace < with <= in f  # a shortcut\n")), Ok(()));
    }

    #[test]
    fn a_reason_counts_once() {
        let missed = outcomes(99, &["a.rs:5:9: replace f", "a.rs:7:9: replace f"]);
        let once = "a.rs: replace f  # equivalent\n";
        assert!(missed.verdict(&known(once)).is_err());
        assert_eq!(missed.verdict(&known(&once.repeat(2))), Ok(()));
    }

    #[test]
    fn enough_must_be_noticed_whatever_the_reasons() {
        let reason = "a.rs: replace f  # equivalent\n";
        assert_eq!(outcomes(19, &["a.rs:1:1: replace f"]).verdict(&known(reason)), Ok(()));
        assert!(outcomes(18, &["a.rs:1:1: replace f"]).verdict(&known(reason)).is_err());
        assert!(Outcomes::default().verdict(&known("")).is_err());
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        for line in ["a.rs: replace f", "a.rs: replace f  # ", "a.rs: replace f # one space"] {
            assert!(Known::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_summary_has_the_share() {
        let summary = outcomes(18, &["a.rs:1:1: replace f"]).summary();
        assert!(summary.starts_with("missed: a.rs:1:1: replace f\n18 caught, 0 timed out, 1 missed"), "{summary}");
        assert!(summary.ends_with("94.7 % of 19 noticed"), "{summary}");
    }
}
