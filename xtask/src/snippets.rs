//! `cargo xtask snippets`: the README's Rust compiles as somebody new would paste it, with the
//! dependencies that the README names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::command::{cargo, root, run};
use crate::workspace::{Member, members};

/// A fenced block of Markdown.
#[derive(Debug, PartialEq)]
struct Block {
    /// Number of its first line in the file.
    line: usize,
    language: String,
    text: String,
}

/// A crate of snippets that have the same dependencies.
#[derive(Debug, PartialEq)]
struct Package {
    /// Lines of a table of dependencies.
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
        // Each by itself, since features that one turns on would be there for all.
        let mut check = cargo(&format!("check --quiet --bins --package snippets-{number} --manifest-path"));
        run(check.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(root().join("target")))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Finds the fenced blocks.
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

/// Sorts the Rust blocks by the dependencies that the blocks in TOML give them.
fn packages(blocks: Vec<Block>) -> Result<Vec<Package>, String> {
    let is_rust = |block: &Block| block.language.split(',').next() == Some("rust");
    let (snippets, others): (Vec<_>, Vec<_>) = blocks.into_iter().partition(is_rust);
    let tomls = others.iter().filter(|block| block.language == "toml");
    let tables: Vec<&str> = tomls.filter_map(|block| block.text.strip_prefix("[dependencies]\n")).collect();
    let mut packages: Vec<Package> = Vec::new();
    for snippet in snippets {
        if let Some(hidden) = snippet.text.lines().find(|line| is_hidden(line)) {
            return Err(format!("README.md:{}: a reader sees the hidden line `{hidden}`", snippet.line));
        }
        let dependencies = dependencies(&snippet, &tables)?;
        match packages.iter_mut().find(|package| package.dependencies == dependencies) {
            Some(package) => package.snippets.push(snippet),
            None => packages.push(Package { dependencies, snippets: vec![snippet] }),
        }
    }
    if packages.is_empty() { Err("README.md holds no Rust".into()) } else { Ok(packages) }
}

/// Returns whether rustdoc hides a line of an example, which every other reader of the file sees.
fn is_hidden(line: &str) -> bool {
    let line = line.trim_start();
    line == "#" || line.starts_with("# ")
}

/// Gathers the lines of the tables that name the crates of ours that a snippet uses.
fn dependencies(snippet: &Block, tables: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut lines = BTreeSet::new();
    for name in our_crates(&snippet.text) {
        let names_it = |table: &&&str| table.lines().any(|line| line.split('=').next().map(str::trim) == Some(&*name));
        let table = tables.iter().find(names_it);
        let table = table.ok_or_else(|| format!("README.md:{}: nothing says how to depend on {name}", snippet.line))?;
        lines.extend(table.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    }
    Ok(lines)
}

/// Finds the names like `sessions_axum`, as packages.
fn our_crates(rust: &str) -> BTreeSet<String> {
    let words = rust.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("sessions_")).map(|word| word.replace('_', "-")).collect()
}

fn write_workspace(folder: &Path, packages: &[Package], members: &[Member]) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    // The published crates stand in for those of the registry, for which the README's lines ask.
    let patches: String = members
        .iter()
        .filter(|member| member.is_published)
        .map(|member| format!("{} = {{ path = {:?} }}\n", member.name, member.folder().display().to_string()))
        .collect();
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [\"snippets-*\"]\n\n[patch.crates-io]\n{patches}");
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
        // A part of a program is used by the rest.
        let lints = "[lints.rust]\ndead_code = \"allow\"\nunused_variables = \"allow\"\n";
        let head = format!("{name}\n{lints}\n[dependencies]\n");
        self.dependencies.iter().fold(head, |manifest, line| manifest + line + "\n")
    }
}

/// Makes a program of a snippet, which may have a `main` or be a part of one.
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
    fn a_snippet_has_the_dependencies_that_it_is_told_to() {
        let packages = packages(blocks(MARKDOWN)).unwrap();
        let lines: Vec<_> = packages.iter().map(|package| package.snippets[0].line).collect();
        assert_eq!(lines, [10, 23]);
        let told: Vec<Vec<_>> = packages.iter().map(|package| package.dependencies.iter().collect()).collect();
        assert_eq!(told[0], ["axum = \"0.8\"", "sessions-axum = \"0.1\""]);
        assert_eq!(told[1], ["axum = \"0.8\"", "sessions-axum = \"0.1\"", "sessions-redb = \"0.1\""]);
    }

    #[test]
    fn a_dependency_that_is_not_told_is_a_fault() {
        let message = refusal(&MARKDOWN.replace("sessions-redb =", "sessions-fjall ="));
        assert!(message.contains("sessions-redb"), "{message}");
    }

    #[test]
    fn a_line_that_only_rustdoc_hides_is_a_fault() {
        let message = refusal(&MARKDOWN.replace("use sessions_redb", "    # use sessions_redb"));
        assert!(message.contains("README.md:23:") && message.contains("hidden"), "{message}");
        assert!(!is_hidden("#[tokio::main]") && !is_hidden("#![no_std]") && is_hidden("#"));
    }

    #[test]
    fn a_readme_without_rust_is_a_fault() {
        assert!(packages(blocks("# Title\n")).is_err());
    }

    #[test]
    fn a_part_of_a_program_is_given_a_main() {
        assert_eq!(program("fn main() {}\n"), "fn main() {}\n");
        assert_eq!(program("fn part() {}\n"), "fn part() {}\n\nfn main() {}\n");
    }
}
