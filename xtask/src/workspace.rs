//! The workspace's members, read from `cargo metadata`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{cargo, read};

/// A crate of the workspace.
#[derive(Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) is_published: bool,
    /// Names of its dependencies, without those of its tests.
    pub(crate) depends_on: Vec<String>,
    /// Names of its features, including `default` if it has one.
    pub(crate) features: Vec<String>,
    /// Names of its integration tests.
    pub(crate) tests: Vec<String>,
    /// The oldest Rust that it supports.
    pub(crate) rust_version: Option<String>,
}

impl Member {
    /// Returns the directory of the crate.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(&self.manifest)
    }
}

/// Reads the members from cargo.
pub(crate) fn members() -> Result<Vec<Member>, String> {
    members_of(&metadata()?)
}

/// Returns the directory that cargo builds into.
pub(crate) fn target_folder() -> Result<PathBuf, String> {
    let metadata = parse(&metadata()?)?;
    metadata["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| "`cargo metadata` names no target".into())
}

fn metadata() -> Result<String, String> {
    read(&mut cargo("metadata --no-deps --format-version 1"))
}

fn parse(metadata: &str) -> Result<Value, String> {
    serde_json::from_str(metadata).map_err(|error| format!("the output of `cargo metadata` is not JSON: {error}"))
}

fn members_of(metadata: &str) -> Result<Vec<Member>, String> {
    let metadata = parse(metadata)?;
    let members: Option<Vec<Member>> = list(&metadata["packages"])?.iter().map(member).collect();
    members.ok_or_else(|| "`cargo metadata` describes a package in an unknown form".into())
}

/// Returns the names of the integration tests among the targets of a package.
fn tests(targets: &Value) -> Option<Vec<String>> {
    let tests = targets.as_array()?.iter().filter(|target| target["kind"][0] == "test");
    tests.map(|target| target["name"].as_str().map(str::to_owned)).collect()
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| "`cargo metadata` lists no packages".into())
}

fn member(package: &Value) -> Option<Member> {
    let dependencies = package["dependencies"].as_array()?;
    Some(Member {
        name: package["name"].as_str()?.to_owned(),
        manifest: package["manifest_path"].as_str()?.into(),
        // `publish = false` becomes an empty list of registries, everything else null.
        is_published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
        depends_on: dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        features: package["features"].as_object()?.keys().cloned().collect(),
        tests: tests(&package["targets"])?,
        rust_version: package["rust_version"].as_str().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [
        {"name": "sessions-axum", "manifest_path": "/w/sessions-axum/Cargo.toml", "publish": null,
         "rust_version": "1.89", "features": {"default": ["seal"], "seal": []},
         "targets": [{"kind": ["lib"], "name": "sessions_axum"}, {"kind": ["test"], "name": "it"}], "dependencies": [
            {"name": "sessions-core", "kind": null, "rename": "core"},
            {"name": "cc", "kind": "build"},
            {"name": "sessions-redis", "kind": "dev"}]},
        {"name": "xtask", "manifest_path": "/w/xtask/Cargo.toml", "publish": [],
         "features": {}, "targets": [], "dependencies": []}]}"#;

    #[test]
    fn members_are_read_without_dev_dependencies() {
        let axum = Member {
            name: "sessions-axum".into(),
            manifest: "/w/sessions-axum/Cargo.toml".into(),
            is_published: true,
            depends_on: vec!["sessions-core".into(), "cc".into()],
            features: vec!["default".into(), "seal".into()],
            tests: vec!["it".into()],
            rust_version: Some("1.89".into()),
        };
        let xtask = Member {
            name: "xtask".into(),
            manifest: "/w/xtask/Cargo.toml".into(),
            is_published: false,
            depends_on: vec![],
            features: vec![],
            tests: vec![],
            rust_version: None,
        };
        assert_eq!(members_of(METADATA).unwrap(), [axum, xtask]);
    }

    #[test]
    fn an_unknown_form_is_an_error() {
        for text in ["", "{}", r#"{"packages": [{"name": "x"}]}"#] {
            assert!(members_of(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn cargo_lists_this_crate() {
        assert!(members().unwrap().iter().any(|member| member.name == "xtask"));
    }
}
