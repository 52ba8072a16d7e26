//! `cargo xtask snippets`: compiles the README's Rust as a new user would paste it, with the
//! dependencies that the README lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::command::{cargo, root, run};
use crate::workspace::{Member, members};

/// A fenced block of Markdown.
#[derive(Debug, PartialEq)]
struct Block {
    /// Line number of its first line.
    line: usize,
    language: String,
    text: String,
}

/// A package for the snippets that have the same dependencies.
#[derive(Debug, PartialEq)]
struct Package {
    /// Lines of a `[dependencies]` table.
    dependencies: BTreeSet<String>,
    snippets: Vec<Block>,
}

/// Compiles each snippet of the README.
pub(crate) fn check() -> Result<(), String> {
    let readme = read(&root().join("README.md"))?;
    let packages = packages(blocks(&readme))?;
    let folder = root().join("target/snippets");
    write_workspace(&folder, &packages, &members()?)?;
    for number in 0..packages.len() {
        // One at a time, since cargo would unify their features.
        let mut check = cargo(&format!("check --quiet --bins --package snippets-{number} --manifest-path"));
        run(check.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(root().join("target")))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Returns the fenced blocks.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in markdown.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block { line: number + 2, language: language.to_owned(), text: String::new() });
            }
            (None, Some(block)) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    blocks
}

/// Groups the Rust blocks by their dependencies, which the TOML blocks list.
fn packages(blocks: Vec<Block>) -> Result<Vec<Package>, String> {
    let is_rust = |block: &Block| block.language.split(',').next() == Some("rust");
    let (snippets, others): (Vec<_>, Vec<_>) = blocks.into_iter().partition(is_rust);
    let tomls = others.iter().filter(|block| block.language == "toml");
    let tables: Vec<&str> = tomls.filter_map(|block| block.text.strip_prefix("[dependencies]\n")).collect();
    let mut packages: Vec<Package> = Vec::new();
    for snippet in snippets {
        if let Some(hidden) = snippet.text.lines().find(|line| is_hidden(line)) {
            return Err(format!(
                "README.md:{}: `{hidden}` is hidden only by rustdoc; other readers see it",
                snippet.line
            ));
        }
        let dependencies = dependencies(&snippet, &tables)?;
        match packages.iter_mut().find(|package| package.dependencies == dependencies) {
            Some(package) => package.snippets.push(snippet),
            None => packages.push(Package { dependencies, snippets: vec![snippet] }),
        }
    }
    if packages.is_empty() { Err("README.md has no Rust block".into()) } else { Ok(packages) }
}

/// Returns whether rustdoc hides a line of an example. Other readers of the file see it.
fn is_hidden(line: &str) -> bool {
    let line = line.trim_start();
    line == "#" || line.starts_with("# ")
}

/// Collects the lines of the tables that list our crates that a snippet uses.
fn dependencies(snippet: &Block, tables: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut lines = BTreeSet::new();
    for name in our_crates(&snippet.text) {
        let names_it = |table: &&&str| table.lines().any(|line| line.split('=').next().map(str::trim) == Some(&*name));
        let table = tables.iter().find(names_it);
        let table = table.ok_or_else(|| format!("README.md:{}: no [dependencies] block lists {name}", snippet.line))?;
        lines.extend(table.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    }
    Ok(lines)
}

/// Returns the packages of names like `sessions_axum`.
fn our_crates(rust: &str) -> BTreeSet<String> {
    let words = rust.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("sessions_")).map(|word| word.replace('_', "-")).collect()
}

fn write_workspace(folder: &Path, packages: &[Package], members: &[Member]) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    // The README's lines name versions of the registry; the crates of this workspace replace them.
    let patches: String = members
        .iter()
        .filter(|member| member.is_published)
        .map(|member| format!("{} = {{ path = {:?} }}\n", member.name, member.folder().display().to_string()))
        .collect();
    // The root's profiles, so that the builds of other steps are reused.
    let profiles = "[profile.dev]\ndebug = \"line-tables-only\"\n\n[profile.dev.package.\"*\"]\ndebug = false\n";
    let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"snippets-*\"]\n";
    let manifest = format!("{workspace}\n{profiles}\n[patch.crates-io]\n{patches}");
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("Cargo.lock"), &read(&root().join("Cargo.lock"))?)?;
    for (number, package) in packages.iter().enumerate() {
        let folder = folder.join(format!("snippets-{number}"));
        write(&folder.join("Cargo.toml"), &package.manifest(number))?;
        for snippet in &package.snippets {
            write(&folder.join(format!("src/bin/readme_line_{}.rs", snippet.line)), &program(&snippet.text))?;
        }
    }
    Ok(())
}

impl Package {
    fn manifest(&self, number: usize) -> String {
        let name = format!("[package]\nname = \"snippets-{number}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        // Snippets often define items that only the rest of a program would use.
        let lints = "[lints.rust]\ndead_code = \"allow\"\nunused_variables = \"allow\"\n";
        let head = format!("{name}\n{lints}\n[dependencies]\n");
        self.dependencies.iter().fold(head, |manifest, line| manifest + line + "\n")
    }
}

/// Returns a program for a snippet, with a `main` if it has none.
fn program(snippet: &str) -> String {
    if snippet.contains("fn main()") { snippet.to_owned() } else { format!("{snippet}\nfn main() {{}}\n") }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    let folder = file.parent().unwrap_or(file);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(file, text));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKDOWN: &str = "# Title\n\n```toml\n[dependencies]\naxum = \"0.8\"\nsessions-axum = \"0.1\"\n```\n\n\
        ```rust,no_run\nuse sessions_axum::Session;\n```\n\n```sh\ncargo run\n```\n\n\
        ```toml\n[dependencies]\nsessions-redb = \"0.1\"\n```\n\n\
        ```rust\nuse sessions_axum::Sessions;\nuse sessions_redb::RedbStore;\n```\n";

    fn refusal(markdown: &str) -> String {
        packages(blocks(markdown)).unwrap_err()
    }

    #[test]
    fn a_snippet_gets_the_listed_dependencies() {
        let packages = packages(blocks(MARKDOWN)).unwrap();
        let lines: Vec<_> = packages.iter().map(|package| package.snippets[0].line).collect();
        assert_eq!(lines, [10, 23]);
        let listed: Vec<Vec<_>> = packages.iter().map(|package| package.dependencies.iter().collect()).collect();
        assert_eq!(listed[0], ["axum = \"0.8\"", "sessions-axum = \"0.1\""]);
        assert_eq!(listed[1], ["axum = \"0.8\"", "sessions-axum = \"0.1\"", "sessions-redb = \"0.1\""]);
    }

    #[test]
    fn a_missing_dependency_is_a_fault() {
        let message = refusal(&MARKDOWN.replace("sessions-redb =", "sessions-fjall ="));
        assert!(message.contains("sessions-redb"), "{message}");
    }

    #[test]
    fn a_line_hidden_by_rustdoc_is_a_fault() {
        let message = refusal(&MARKDOWN.replace("use sessions_redb", "    # use sessions_redb"));
        assert!(message.contains("README.md:23:") && message.contains("hidden"), "{message}");
        assert!(!is_hidden("#[tokio::main]") && !is_hidden("#![no_std]") && is_hidden("#"));
    }

    #[test]
    fn a_readme_without_rust_is_a_fault() {
        assert!(packages(blocks("# Title\n")).is_err());
    }

    #[test]
    fn a_snippet_without_main_gets_one() {
        assert_eq!(program("fn main() {}\n"), "fn main() {}\n");
        assert_eq!(program("fn part() {}\n"), "fn part() {}\n\nfn main() {}\n");
    }
}
