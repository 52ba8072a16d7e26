//! The committed snapshot of the RustSec advisory database. `cargo xtask advisories` renews it.
//!
//! The database is a Git repository outside the package registries, which a test machine may be
//! unable to reach. `cargo xtask deny` therefore checks against a snapshot. It has the advisories
//! of all crates, so that a dependency added later is covered too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::command::{read, root, run};

const DATABASE: &str = "https://github.com/RustSec/advisory-db";

/// Start of the first line; the date follows.
const HEADING: &str =
    "# The RustSec advisory database without its texts (CC0; what it imports from GitHub's, CC BY 4.0), as of ";

/// Second line: the names of the columns.
const COLUMNS: &str = "# id\tpackage\tdate\tkind\tpatched\tunaffected\ttitle";

/// Separator of the version requirements in a column.
const AND: &str = " | ";

/// The committed snapshot.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// Day of the database's last change, as `2026-08-21`.
    pub(crate) date: String,
    pub(crate) advisories: Vec<Advisory>,
}

/// The fields of an advisory that cargo-deny checks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Advisory {
    id: String,
    package: String,
    date: String,
    /// `unmaintained`, `unsound` or `notice`; empty for a vulnerability.
    kind: String,
    patched: Vec<String>,
    unaffected: Vec<String>,
    title: String,
}

/// Renews the snapshot from a clone of the database, or from a fresh clone.
pub(crate) fn renew(words: &[String]) -> Result<(), String> {
    let clone = match words {
        [] => fresh_clone()?,
        [folder] => PathBuf::from(folder),
        _ => return Err("usage: cargo xtask advisories [DIRECTORY]".into()),
    };
    let date = read(Command::new("git").arg("-C").arg(&clone).args(["log", "-1", "--format=%cs"]))?;
    let snapshot = Snapshot { date: date.trim().to_owned(), advisories: of_database(&clone)? };
    fs::write(file(), snapshot.to_text()).map_err(|error| format!("{}: {error}", file().display()))?;
    println!("{} advisories as of {}: commit {}", snapshot.advisories.len(), snapshot.date, file().display());
    Ok(())
}

fn fresh_clone() -> Result<PathBuf, String> {
    let folder = root().join("target/advisory-db");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    run(Command::new("git").args(["clone", "--depth", "1", DATABASE]).arg(&folder))?;
    Ok(folder)
}

fn file() -> PathBuf {
    root().join("xtask/advisories.tsv")
}

/// Reads the advisories of all crates, sorted by id.
fn of_database(clone: &Path) -> Result<Vec<Advisory>, String> {
    let mut advisories = Vec::new();
    for package in entries(&clone.join("crates"))? {
        for file in entries(&package)? {
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            advisories.extend(Advisory::from_markdown(&text).map_err(|why| format!("{}: {why}", file.display()))?);
        }
    }
    if advisories.is_empty() {
        return Err(format!("no advisories in {}", clone.display()));
    }
    advisories.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(advisories)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.into_iter().map(|entry| entry.path()).collect())
}

impl Snapshot {
    /// Reads the committed snapshot.
    pub(crate) fn committed() -> Result<Self, String> {
        let text = fs::read_to_string(file()).map_err(|error| format!("{}: {error}", file().display()))?;
        Self::from_text(&text)
            .ok_or_else(|| format!("{} is damaged; renew it with: cargo xtask advisories", file().display()))
    }

    fn from_text(text: &str) -> Option<Self> {
        let (heading, rest) = text.split_once('\n')?;
        let (columns, lines) = rest.split_once('\n')?;
        let date = heading.strip_prefix(HEADING).filter(|_| columns == COLUMNS)?.to_owned();
        days_of(&date)?;
        Some(Self { date, advisories: lines.lines().map(Advisory::from_line).collect::<Option<_>>()? })
    }

    fn to_text(&self) -> String {
        let lines: String = self.advisories.iter().map(|advisory| advisory.to_line() + "\n").collect();
        format!("{HEADING}{}\n{COLUMNS}\n{lines}", self.date)
    }

    /// Returns the number of days since the database last changed.
    pub(crate) fn age_in_days(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let today = i64::try_from(since_epoch.as_secs() / 86_400).unwrap_or(i64::MAX);
        today - days_of(&self.date).unwrap_or(0)
    }

    /// Writes the advisories in the form of the database, for cargo-deny to read.
    pub(crate) fn write_database(&self, folder: &Path) -> Result<(), String> {
        for advisory in &self.advisories {
            let file = folder.join("crates").join(&advisory.package).join(format!("{}.md", advisory.id));
            let parent = file.parent().expect("the path has a parent");
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&file, advisory.to_markdown()))
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    }
}

impl Advisory {
    /// Reads an advisory: a TOML table followed by text. Returns `None` for a withdrawn one.
    fn from_markdown(text: &str) -> Result<Option<Self>, String> {
        let (_, rest) = text.split_once("```toml").ok_or("it has no table")?;
        let (table, prose) = rest.split_once("```").ok_or("its table has no end")?;
        let table: toml::Table = table.parse().map_err(|error| format!("its table cannot be read: {error}"))?;
        let advisory = table.get("advisory").ok_or("it has no [advisory]")?;
        if advisory.get("withdrawn").is_some() {
            return Ok(None);
        }
        let text = |name: &str| advisory.get(name).and_then(toml::Value::as_str).map(single_line);
        let versions = |name: &str| list(table.get("versions").and_then(|versions| versions.get(name)));
        Ok(Some(Self {
            id: text("id").ok_or("it has no id")?,
            package: text("package").ok_or("it has no package")?,
            date: text("date").ok_or("it has no date")?,
            kind: text("informational").unwrap_or_default(),
            patched: versions("patched")?,
            unaffected: versions("unaffected")?,
            title: prose.lines().find_map(|line| line.strip_prefix("# ")).map(single_line).unwrap_or_default(),
        }))
    }

    fn to_markdown(&self) -> String {
        let Self { id, package, date, kind, patched, unaffected, title } = self;
        let informational = if kind.is_empty() { String::new() } else { format!("informational = {kind:?}\n") };
        format!(
            "```toml\n[advisory]\nid = {id:?}\npackage = {package:?}\ndate = {date:?}\n{informational}\n\
             [versions]\npatched = {patched:?}\nunaffected = {unaffected:?}\n```\n\n# {title}\n"
        )
    }

    fn from_line(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[id, package, date, kind, patched, unaffected, title] = &columns[..] else { return None };
        let list = |column: &str| column.split(AND).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Some(Self {
            id: id.to_owned(),
            package: package.to_owned(),
            date: date.to_owned(),
            kind: kind.to_owned(),
            patched: list(patched),
            unaffected: list(unaffected),
            title: title.to_owned(),
        })
    }

    fn to_line(&self) -> String {
        let Self { id, package, date, kind, patched, unaffected, title } = self;
        [id, package, date, kind, &patched.join(AND), &unaffected.join(AND), title].map(String::as_str).join("\t")
    }
}

/// Returns a list of strings, empty if `value` is absent.
fn list(value: Option<&toml::Value>) -> Result<Vec<String>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let texts = value.as_array().and_then(|list| list.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>());
    Ok(texts.ok_or("its versions are not a list of strings")?.into_iter().map(single_line).collect())
}

fn single_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the number of a day since the Unix epoch (Howard Hinnant's algorithm).
fn days_of(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counting years from March makes a leap day the last day of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKDOWN: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2017-0005\"\npackage = \"cookie\"\ndate = \"2017-05-06\"\n\
        informational = \"unsound\"\n[versions]\npatched = [\"< 0.6.0\", \"^0.6.2\"]\nunaffected = []\n```\n\n\
        # Large values\tof Max-Age\n\nText.\n";

    fn cookie() -> Advisory {
        Advisory::from_markdown(MARKDOWN).unwrap().unwrap()
    }

    #[test]
    fn an_advisory_survives_the_snapshot() {
        let snapshot = Snapshot { date: "2026-08-21".into(), advisories: vec![cookie()] };
        assert_eq!(Snapshot::from_text(&snapshot.to_text()), Some(snapshot));
        assert_eq!(Advisory::from_markdown(&cookie().to_markdown()), Ok(Some(cookie())));
        assert_eq!((cookie().title.as_str(), cookie().patched.len()), ("Large values of Max-Age", 2));
    }

    #[test]
    fn a_withdrawn_advisory_is_left_out() {
        let withdrawn = MARKDOWN.replace("date =", "withdrawn = \"2018-01-01\"\ndate =");
        assert_eq!(Advisory::from_markdown(&withdrawn), Ok(None));
    }

    #[test]
    fn invalid_advisories_and_snapshots_are_errors() {
        for text in ["", "# Title", "```toml\n[advisory]\n```", "```toml\n[advisory\n```"] {
            assert!(Advisory::from_markdown(text).is_err(), "{text:?}");
        }
        for text in ["", "x\ny\n", &format!("{HEADING}yesterday\n{COLUMNS}\n")] {
            assert_eq!(Snapshot::from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn days_are_counted() {
        for (date, days) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2000-03-01", 11_017), ("2026-08-21", 20_686)]
        {
            assert_eq!(days_of(date), Some(days), "{date}");
        }
        assert_eq!(days_of("2026-13-01"), None);
    }

    #[test]
    fn the_committed_snapshot_has_an_old_advisory() {
        let snapshot = Snapshot::committed().unwrap();
        assert!(snapshot.advisories.iter().any(|advisory| advisory.id == "RUSTSEC-2017-0005"));
        assert!(snapshot.advisories.len() > 1000);
    }
}
