//! Checks that every member enables the workspace's lints, which cargo does not do by itself.

use std::fs;

use crate::workspace::{Member, members};

/// Fails with the members that do not enable the workspace's lints.
pub(crate) fn check() -> Result<(), String> {
    let mut without = Vec::new();
    for Member { name, manifest, .. } in members()? {
        let text = fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
        if !takes_workspace_lints(&text) {
            without.push(name);
        }
    }
    if without.is_empty() {
        Ok(())
    } else {
        Err(format!("`[lints] workspace = true` is missing in {}", without.join(", ")))
    }
}

/// Searches for the one spelling that this workspace uses, so that no TOML parser is needed.
fn takes_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    lines.any(|line| line == "[lints]")
        && lines.take_while(|line| !line.starts_with('[')).any(|line| line.replace(' ', "") == "workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lints_are_found_anywhere_in_the_file() {
        for manifest in [
            "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n",
            "[lints] # shared\nworkspace=true # all\n[dependencies]\n",
        ] {
            assert!(takes_workspace_lints(manifest), "{manifest}");
        }
    }

    #[test]
    fn another_section_or_value_does_not_count() {
        for manifest in [
            "[package]\nname = \"x\"\n",
            "[lints]\nworkspace = false\n",
            "# [lints]\nworkspace = true\n",
            "[lints]\n[dependencies.serde]\nworkspace = true\n",
            "[dependencies.serde]\nworkspace = true\n[lints]\n",
        ] {
            assert!(!takes_workspace_lints(manifest), "{manifest}");
        }
    }
}
