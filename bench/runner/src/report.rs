//! Writing BENCHMARKS.md, which has a part for each section.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Options, Outcome, SECTIONS, Section, facts};

const TOP: &str = "\
# Benchmarks

Every table is printed by `cargo xtask bench`, which builds everything and needs a Linux machine with two cores.
[bench/README.md](bench/README.md) describes how each figure is measured. Instructions, allocations, commands and bytes are reproducible on any
similar machine. Times are not, so they are given as what a session adds to the same framework in the same round. The routes: `/plain` ignores
the session (`/plain-no-cookie`: and the request has none), `/login` begins one with three values, `/read` reads two, and `/write` adds 1 to one.
";

/// Name of the part with versions and machine.
const FACTS: &str = "versions and machine";

/// Text on strengths of other libraries that the figures do not show.
const STRENGTHS: &str = include_str!("strengths.md");

/// Replaces the earlier results of a section.
pub(crate) fn put(section: &Section, options: &Options, measured: &str) -> Outcome {
    let path = path();
    let before = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read?,
    };
    fs::write(path, with(&before, section, &options.command(section.name), measured, &facts::describe()?))?;
    Ok(())
}

/// Rewrites the versions and the machine before all sections are measured.
pub(crate) fn begin() -> Outcome {
    match fs::remove_file(path()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../BENCHMARKS.md")
}

fn with(before: &str, section: &Section, command: &str, measured: &str, facts: &str) -> String {
    let facts_before = between(before, FACTS);
    let mut text = format!("{TOP}\n{}", marked(FACTS, facts_before.unwrap_or(facts)));
    for one in SECTIONS {
        if one.name != section.name {
            if let Some(old) = between(before, one.name) {
                text.push_str(&format!("\n{}", marked(one.name, old)));
            }
            continue;
        }
        let mut new = format!("## {}\n\n    {command}\n\n{}\n", headline(one.about), measured.trim());
        if facts_before.is_some_and(|before| before != facts) {
            new.push_str(&format!("\nThis section alone was measured with\n\n{facts}"));
        }
        text.push_str(&format!("\n{}", marked(one.name, &new)));
    }
    format!("{text}\n{STRENGTHS}")
}

fn marked(name: &str, text: &str) -> String {
    format!("<!-- {name} -->\n{text}<!-- end of {name} -->\n")
}

fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->\n"))?;
    Some(rest.split_once(&format!("<!-- end of {name} -->"))?.0)
}

fn headline(about: &str) -> String {
    let mut letters = about.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_its_own_part_only() {
        let [first, second, ..] = SECTIONS else { panic!("there are several") };
        let one = with("", second, "command", "old table", "facts\n");
        let two = with(&one, first, "command", "another table", "facts\n");
        let three = with(&two, second, "command", "new table", "facts\n");
        assert!(
            three.contains("another table") && three.contains("new table") && !three.contains("old table"),
            "{three}"
        );
        assert!(three.find("another table") < three.find("new table"), "{three}");
        assert_eq!(three.matches("facts").count(), 1, "{three}");
    }

    #[test]
    fn a_section_names_other_versions() {
        let [first, second, ..] = SECTIONS else { panic!("there are several") };
        let one = with("", first, "command", "a table", "old facts\n");
        let two = with(&one, second, "command", "a table", "new facts\n");
        assert!(two.find("old facts") < two.find("This section alone was measured with\n\nnew facts"), "{two}");
        assert_eq!(with(&two, second, "command", "a table", "new facts\n"), two);
    }
}
