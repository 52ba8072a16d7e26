//! Checks the wording of doc comments and the length of every comment line.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{read, root};

/// Longest comment line, in characters.
const COLUMNS: usize = 100;

/// Words that no doc line may begin with: use a verb in the third person or a noun phrase.
const BANNED: &[&str] = &["Is ", "Says "];

/// Fails with every comment line that breaks a rule, in all Rust files that git lists.
pub(crate) fn check() -> Result<(), String> {
    let list = read(Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()))?;
    let mut faults = Vec::new();
    for name in list.lines() {
        let file = root().join(name);
        // A file that was deleted but not yet committed is still listed.
        if file.exists() {
            faults.extend(faults_of(name, &text_of(&file)?));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!("{} comment lines to rewrite:\n  {}", faults.len(), faults.join("\n  ")))
}

fn text_of(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn faults_of(name: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fenced = false;
    for (number, line) in source.lines().enumerate() {
        let Some(comment) = Comment::of(line) else {
            fenced = false;
            continue;
        };
        if comment.text.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && let Some(fault) = comment.fault(line) {
            faults.push(format!("{name}:{}: {fault}", number + 1));
        }
    }
    faults
}

/// A line with only a comment.
struct Comment<'a> {
    is_doc: bool,
    /// The text after the slashes, trimmed.
    text: &'a str,
}

impl<'a> Comment<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let text = line.trim_start().strip_prefix("//")?;
        let doc = text.strip_prefix(['/', '!']);
        Some(Self { is_doc: doc.is_some(), text: doc.unwrap_or(text).trim() })
    }

    /// Returns what is wrong with the comment, which is the whole of `line`.
    fn fault(&self, line: &str) -> Option<String> {
        if self.is_doc && BANNED.iter().any(|word| self.text.starts_with(word)) {
            return Some(format!("a doc line begins with `{}`", self.text.split(' ').next()?));
        }
        let columns = line.chars().count();
        (columns > COLUMNS && !self.may_be_long()).then(|| format!("{columns} columns, at most {COLUMNS} are allowed"))
    }

    /// Returns whether the line cannot be wrapped: a row of a table, a URL or a link's target.
    fn may_be_long(&self) -> bool {
        let is_link_definition = self.text.starts_with('[') && self.text.contains("]: ");
        self.text.starts_with('|') || self.text.contains("://") || is_link_definition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(start: &str) -> String {
        format!("{start}{}", "x".repeat(COLUMNS))
    }

    #[test]
    fn banned_words_are_found_at_the_start_of_doc_lines() {
        for line in ["/// Is a thing.", "    //! Says so.", "    /// Says no."] {
            let faults = faults_of("a.rs", &format!("\n{line}\n"));
            assert_eq!(faults.len(), 1, "{line}");
            assert!(faults[0].starts_with("a.rs:2: a doc line begins with `"), "{faults:?}");
        }
        for line in ["/// Issues a token.", "/// It Is.", "// Is plain.", "let x = 1; /// Is code"] {
            assert_eq!(faults_of("a.rs", line), [""; 0], "{line}");
        }
    }

    #[test]
    fn long_comment_lines_are_found() {
        for start in ["// ", "/// ", "        //! "] {
            assert_eq!(faults_of("a.rs", &long(start)).len(), 1, "{start}");
        }
        assert_eq!(faults_of("a.rs", &long("let x = ")), [""; 0]);
        assert_eq!(faults_of("a.rs", &format!("/// {}", "ä".repeat(COLUMNS - 4))), [""; 0]);
    }

    #[test]
    fn lines_that_cannot_be_wrapped_may_be_long() {
        for start in ["/// | a | ", "/// [a]: ", "// https://example.com/"] {
            assert_eq!(faults_of("a.rs", &long(start)), [""; 0], "{start}");
        }
    }

    #[test]
    fn code_in_docs_may_be_long() {
        let code = long("/// let x = ");
        assert_eq!(faults_of("a.rs", &format!("/// ```\n{code}\n/// ```\n")), [""; 0]);
        assert_eq!(faults_of("a.rs", &format!("/// ```\n/// ```\n{code}\n")).len(), 1);
        assert_eq!(faults_of("a.rs", &format!("/// ```\nfn open() {{}}\n{code}\n")).len(), 1);
    }
}
