//! Checks that sessions-core depends on no runtime or framework, sessions-store on nothing that it
//! does without, and that a demo has no dependency that slows down its first run.

use std::collections::BTreeSet;

use crate::command::{cargo, read};

/// Runtimes and frameworks: these crates and those named after them, as in `tokio-util`.
const FAMILIES: &[&str] = &["tokio", "async-std", "may", "axum", "actix", "hyper", "tower"];

/// Runtimes whose name is also a prefix of unrelated crates, as in `smol_str`.
const SINGLE: &[&str] = &["smol"];

/// What the store contract does without: cookies, ciphers, hashes, random bytes, logs.
const NOT_OF_A_STORE: &[&str] = &["aes-gcm", "cookie", "getrandom", "hmac", "ipnet", "sha2", "tracing"];

/// Dependencies that would slow down `cargo run --bin demo-axum`: other frameworks, Redis and TLS.
const NOT_OF_A_FIRST_RUN: &[&str] = &["actix", "may", "redis", "rustls", "ring"];

/// Fails with the names of the crates that one of ours should not pull in.
pub(crate) fn check() -> Result<(), String> {
    check_package("sessions-core", "--all-features", is_forbidden)?;
    check_package("sessions-store", "--all-features", |name| NOT_OF_A_STORE.contains(&name))?;
    check_package("demo-axum", "", |name| NOT_OF_A_FIRST_RUN.iter().any(|family| belongs_to(name, family)))
}

fn check_package(package: &str, features: &str, is_forbidden: fn(&str) -> bool) -> Result<(), String> {
    let tree = read(&mut cargo(&format!("tree -p {package} -e normal {features} --prefix none")))?;
    let names = crates(&tree);
    if !names.contains(package) {
        return Err(format!("`cargo tree` did not list {package} itself"));
    }
    let forbidden: Vec<&str> = names.into_iter().filter(|name| is_forbidden(name)).collect();
    if forbidden.is_empty() { Ok(()) } else { Err(format!("{package} depends on {}", forbidden.join(", "))) }
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
