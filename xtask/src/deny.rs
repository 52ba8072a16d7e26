//! `cargo xtask deny`: licenses, sources, bans and advisories of every dependency, by cargo-deny.

use std::fs;
use std::path::Path;

use crate::advisories::Snapshot;
use crate::command::{cargo, root, run};
use crate::install;

/// Age in days from which the check warns that the snapshot should be renewed.
const OLD: i64 = 90;

/// The directory where cargo-deny looks for its database, named after the database's URL and its
/// hash.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// Checks the dependencies against `deny.toml` and the committed snapshot of the advisories.
pub(crate) fn check() -> Result<(), String> {
    install::install_cargo_deny()?;
    let snapshot = Snapshot::committed()?;
    println!("{}", summary(&snapshot.date, snapshot.advisories.len(), snapshot.age_in_days()));
    let folder = root().join("target/deny");
    write(&folder, &snapshot)?;
    // cargo-deny runs offline here, so that it does not fetch a newer database. Fetch the crates
    // first.
    run(&mut cargo("fetch --locked --quiet"))?;
    run(cargo("deny --log-level error --offline --config").arg(folder.join("deny.toml")).arg("check"))
}

fn summary(date: &str, count: usize, age: i64) -> String {
    let summary = format!("checked against {count} advisories, those of {date}");
    if age <= OLD {
        return summary;
    }
    format!("{summary}\nWARNING: they are {age} days old. With access to GitHub, run: cargo xtask advisories")
}

/// Writes the database, and a copy of `deny.toml` that names its location.
fn write(folder: &Path, snapshot: &Snapshot) -> Result<(), String> {
    let database = folder.join(DATABASE);
    let failed = |error| format!("{}: {error}", folder.display());
    if database.exists() {
        fs::remove_dir_all(&database).map_err(failed)?;
    }
    snapshot.write_database(&database)?;
    // cargo-deny takes this file's modification time for the time of the last fetch.
    fs::create_dir_all(database.join(".git")).map_err(failed)?;
    fs::write(database.join(".git/FETCH_HEAD"), "").map_err(failed)?;
    let options = fs::read_to_string(root().join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    fs::write(folder.join("deny.toml"), with_database(&options, folder)?).map_err(failed)
}

fn with_database(options: &str, folder: &Path) -> Result<String, String> {
    let section = "[advisories]\n";
    if options.matches(section).count() != 1 {
        return Err("deny.toml has no section [advisories]".into());
    }
    Ok(options.replace(section, &format!("{section}db-path = {:?}\n", folder.display().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_snapshot_leads_to_a_warning() {
        assert!(!summary("2026-08-21", 7, OLD).contains("WARNING"));
        assert!(summary("2026-08-21", 7, OLD + 1).contains("WARNING: they are 91 days old"));
    }

    #[test]
    fn the_options_name_the_database() {
        let options = with_database("[graph]\n[advisories]\nyanked = \"deny\"\n", Path::new("/w/target/deny")).unwrap();
        assert_eq!(options, "[graph]\n[advisories]\ndb-path = \"/w/target/deny\"\nyanked = \"deny\"\n");
        assert!(with_database("[graph]\n", Path::new("/w")).is_err());
    }
}
