//! Checks that sessions-core depends on no runtime and no framework.

use std::collections::BTreeSet;

use crate::command::{cargo, read};

/// Runtimes and frameworks: these crates and those named after them, as in `tokio-util`.
const FAMILIES: &[&str] = &["tokio", "async-std", "may", "axum", "actix", "hyper", "tower"];

/// Runtimes whose name unrelated crates begin with, as in `smol_str`.
const SINGLE: &[&str] = &["smol"];

/// Fails with the runtimes and frameworks that sessions-core depends on.
pub(crate) fn check() -> Result<(), String> {
    let tree = read(&mut cargo("tree -p sessions-core -e normal --all-features --prefix none"))?;
    let names = crates(&tree);
    if !names.contains("sessions-core") {
        return Err("`cargo tree` did not list sessions-core itself".into());
    }
    let forbidden: Vec<&str> = names.into_iter().filter(|name| is_forbidden(name)).collect();
    if forbidden.is_empty() { Ok(()) } else { Err(format!("sessions-core depends on {}", forbidden.join(", "))) }
}

/// Returns the names in the output of `cargo tree --prefix none`: lines such as `name vX.Y.Z (…)`.
fn crates(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

fn is_forbidden(name: &str) -> bool {
    SINGLE.contains(&name) || FAMILIES.iter().any(|family| belongs_to(name, family))
}

fn belongs_to(name: &str, family: &str) -> bool {
    match name.strip_prefix(family) {
        Some(rest) => rest.is_empty() || rest.starts_with(['-', '_']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_once_and_without_version_or_path() {
        let tree = "sessions-core v0.1.0 (/path/to/sessions-core)\n\
                    dashmap v6.2.1\n\
                    serde_derive v1.0.228 (proc-macro)\n\
                    dashmap v6.2.1 (*)\n\n";
        let expected = BTreeSet::from(["sessions-core", "dashmap", "serde_derive"]);
        assert_eq!(crates(tree), expected);
    }

    #[test]
    fn runtimes_and_frameworks_are_forbidden_with_their_families() {
        for name in [
            "tokio",
            "tokio-util",
            "async-std",
            "smol",
            "may",
            "may_minihttp",
            "axum",
            "axum-core",
            "axum_session",
            "actix-web",
            "actix-rt",
            "hyper",
            "hyper-util",
            "tower",
            "tower-layer",
        ] {
            assert!(is_forbidden(name), "{name} is allowed");
        }
    }

    #[test]
    fn a_similar_name_is_allowed() {
        for name in ["maybe-uninit", "smol_str", "hyperloglog", "http", "async-trait", "cookie"] {
            assert!(!is_forbidden(name), "{name} is forbidden");
        }
    }
}
