//! The command line.

use std::str::FromStr;

use crate::Outcome;

pub(crate) const USAGE: &str = "\
usage: cargo xtask bench [SECTION]... [OPTION]...

  --only NAME,...    only these subjects, or those whose names have this part; with the frameworks they are compared with
  --peers            the other libraries too, in the sections that leave them out
  --rounds N         how often each subject has its turn
  --seconds N        how many seconds each subject answers over sockets in a round
  --write            into BENCHMARKS.md, in the place of what the section said there

without a section: all of them
";

/// Options of a section.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Subjects, or parts of their names; empty for the section's default.
    pub(crate) only: Vec<String>,
    pub(crate) peers: bool,
    pub(crate) rounds: Option<usize>,
    pub(crate) seconds: Option<u64>,
    pub(crate) write: bool,
    pub(crate) help: bool,
    /// The command line without `--write`.
    words: Vec<String>,
}

impl Options {
    /// Parses the command line, and returns the names of the sections with the options.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Outcome<(Vec<String>, Self)> {
        let (mut names, mut options) = (Vec::new(), Self::default());
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"));
            let mut said = vec![word.clone()];
            match &*word {
                "help" | "--help" | "-h" => options.help = true,
                "--write" => options.write = true,
                "--peers" => options.peers = true,
                "--only" => {
                    let list = value()?;
                    options.only.extend(list.split(',').map(str::to_owned));
                    said.push(list);
                }
                "--rounds" => {
                    let rounds = value()?;
                    options.rounds = Some(positive(&rounds)?);
                    said.push(rounds);
                }
                "--seconds" => {
                    let seconds = value()?;
                    options.seconds = Some(positive(&seconds)?);
                    said.push(seconds);
                }
                option if option.starts_with('-') => return Err(format!("{option}?\n{USAGE}").into()),
                _ => {
                    names.push(word);
                    continue;
                }
            }
            if !matches!(&*said[0], "--write" | "--peers") {
                options.words.append(&mut said);
            }
        }
        Ok((names, options))
    }

    /// Returns the command that runs one section with these options.
    pub(crate) fn command(&self, section: &str) -> String {
        let words = self.words.iter().map(|word| format!(" {word}"));
        // Only this section leaves out the peers by default.
        let peers = (self.peers && section == "instructions").then(|| " --peers".to_owned());
        ["cargo xtask bench ".to_owned(), section.to_owned()].into_iter().chain(peers).chain(words).collect()
    }
}

fn positive<T: FromStr + PartialEq + Default>(word: &str) -> Outcome<T> {
    let number = word.parse().ok().filter(|number| *number != T::default());
    number.ok_or_else(|| format!("{word} is not a valid number here").into())
}
