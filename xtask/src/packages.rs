//! `cargo xtask packages`: checks that each crate contains what crates.io and docs.rs show.

use serde_json::Value;

use crate::command::{cargo, read};

/// Maximum number of keywords on crates.io.
const MOST_KEYWORDS: usize = 5;

/// Fails with the missing fields and files of the published crates.
pub(crate) fn check() -> Result<(), String> {
    let metadata = read(&mut cargo("metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| format!("the output of `cargo metadata` is not JSON: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("`cargo metadata` lists no packages")?;
    let mut faults = Vec::new();
    for package in packages.iter().filter(|package| is_published(package)) {
        let name = package["name"].as_str().ok_or("`cargo metadata` lists a package without a name")?;
        let files = read(&mut cargo(&format!("package --list --allow-dirty --package {name}")))?;
        let missing = missing_fields(package).into_iter().chain(missing_files(&files));
        faults.extend(missing.map(|what| format!("{name} has no {what}")));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n  ")) }
}

/// Returns whether a package may go to a registry: `publish = false` is an empty list of them.
fn is_published(package: &Value) -> bool {
    package["publish"].as_array().is_none_or(|registries| !registries.is_empty())
}

/// Returns the missing fields of the manifest.
fn missing_fields(package: &Value) -> Vec<&'static str> {
    let length = |field: &str| package[field].as_array().map_or(0, Vec::len);
    let is_set = |field: &str| package[field].as_str().is_some_and(|text| !text.is_empty());
    let fields = [
        ("description", is_set("description")),
        ("license", is_set("license")),
        ("readme", is_set("readme")),
        ("documentation", is_set("documentation")),
        ("one to five keywords", (1..=MOST_KEYWORDS).contains(&length("keywords"))),
        ("categories", length("categories") > 0),
        ("[package.metadata.docs.rs]", package["metadata"]["docs"]["rs"].is_object()),
    ];
    fields.into_iter().filter(|(_, is_there)| !is_there).map(|(field, _)| field).collect()
}

/// Returns the missing files of a package, given the list of its files.
fn missing_files(list: &str) -> Vec<&'static str> {
    let has = |is_it: &dyn Fn(&str) -> bool| list.lines().any(|line| is_it(&line.replace('\\', "/")));
    let files = [
        ("README.md", has(&|line| line == "README.md")),
        ("LICENSE", has(&|line| line == "LICENSE")),
        ("example", has(&|line| line.starts_with("examples/") && line.ends_with(".rs"))),
    ];
    files.into_iter().filter(|(_, is_there)| !is_there).map(|(file, _)| file).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package() -> Value {
        json!({
            "publish": null,
            "description": "Sessions.",
            "license": "MIT",
            "readme": "README.md",
            "documentation": "https://docs.rs/sessions",
            "keywords": ["session"],
            "categories": ["authentication"],
            "metadata": { "docs": { "rs": { "all-features": true } } },
        })
    }

    #[test]
    fn a_whole_package_lacks_nothing() {
        assert!(missing_fields(&package()).is_empty());
        assert!(missing_files("Cargo.toml\nLICENSE\nREADME.md\nexamples/a.rs\nsrc/lib.rs\n").is_empty());
    }

    #[test]
    fn each_missing_field_is_named() {
        for (field, name) in [
            ("description", "description"),
            ("license", "license"),
            ("readme", "readme"),
            ("documentation", "documentation"),
            ("keywords", "one to five keywords"),
            ("categories", "categories"),
            ("metadata", "[package.metadata.docs.rs]"),
        ] {
            let mut package = package();
            package[field] = Value::Null;
            assert_eq!(missing_fields(&package), [name]);
        }
    }

    #[test]
    fn six_keywords_are_too_many() {
        let mut package = package();
        package["keywords"] = json!(["a", "b", "c", "d", "e", "f"]);
        assert_eq!(missing_fields(&package), ["one to five keywords"]);
    }

    #[test]
    fn each_missing_file_is_named() {
        assert_eq!(missing_files("LICENSE\nexamples/a.rs\nsrc/README.md\n"), ["README.md"]);
        assert_eq!(missing_files("README.md\nexamples/a.rs\n"), ["LICENSE"]);
        assert_eq!(missing_files("README.md\nLICENSE\nexamples/notes.txt\n"), ["example"]);
    }

    #[test]
    fn an_unpublished_package_is_left_out() {
        let mut package = package();
        assert!(is_published(&package));
        package["publish"] = json!([]);
        assert!(!is_published(&package));
    }
}
