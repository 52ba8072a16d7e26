//! The pages show the programs that run here, and link to each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Programs, and the page that shows each.
const PROGRAMS: &[(&str, &str)] = &[
    ("accounts", "accounts"),
    ("accounts_actix", "accounts"),
    ("accounts_hyper", "accounts-without-a-framework"),
    ("accounts_minihttp", "accounts-without-a-framework"),
    ("devices", "devices-and-limits"),
    ("flashes", "flash-messages"),
    ("members", "pages-for-members"),
    ("moving_actix_session", "moving-from-actix-session"),
    ("moving_axum_session", "moving-from-axum-session"),
    ("moving_axum_session_keys", "moving-from-axum-session"),
    ("moving_tower_sessions", "moving-from-tower-sessions"),
    ("moving_tower_sessions_keys", "moving-from-tower-sessions"),
    ("oauth", "oauth"),
    ("order_actix", "middleware-order"),
    ("order_axum", "middleware-order"),
    ("order_hyper", "middleware-order"),
    ("order_minihttp", "middleware-order"),
    ("other_host", "several-hosts"),
    ("own_types", "own-errors-and-extractors"),
    ("remember", "keep-me-signed-in"),
    ("roles", "roles-and-permissions"),
    ("signing_in", "signing-in-and-out"),
    ("socket_actix", "websockets-and-streams"),
    ("socket_axum", "websockets-and-streams"),
    ("tokens", "native-clients"),
    ("values", "values"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// Returns the names of a folder's files with an extension, without it.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_show_the_programs_that_run_here() {
    let guide = root().join("guide");
    let listed: BTreeSet<String> = PROGRAMS.iter().map(|(program, _)| (*program).to_owned()).collect();
    assert_eq!(stems(&guide.join("programs"), "rs"), listed);
    for (program, page) in PROGRAMS {
        let text = read(guide.join("programs").join(program).with_extension("rs"));
        let block = format!("```rust,no_run\n{text}```\n");
        assert!(read(guide.join(page).with_extension("md")).contains(&block), "{page}.md shows another {program}.rs");
    }
}

#[test]
fn pages_name_what_their_programs_need() {
    let guide = root().join("guide");
    let (index, manifest) = (read(guide.join("README.md")), read(guide.join("Cargo.toml")));
    let (_, known) = manifest.split_once("[dev-dependencies]").unwrap();
    let known = known.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    // The adapters re-export sessions-core.
    let known: Vec<&str> = known.filter(|name| !matches!(*name, "" | "sessions-core")).collect();
    for (program, page) in PROGRAMS {
        let code = read(guide.join("programs").join(program).with_extension("rs"));
        let page_text = read(guide.join(page).with_extension("md")).replace(&code, "");
        let adapters = ["axum", "actix", "hyper", "minihttp"];
        let adapter = adapters.into_iter().find(|name| uses(&code, &format!("sessions_{name}")));
        let always =
            adapter.and_then(|name| index.split("```").find(|block| block.contains(&format!("\nsessions-{name} = "))));
        let named = format!("{page_text}{}", always.unwrap_or_default());
        for name in known.iter().filter(|name| uses(&code, &name.replace('-', "_"))) {
            assert!(named.contains(*name), "{page}.md does not name {name}, which {program}.rs uses");
        }
    }
}

#[test]
fn the_page_on_stores_shows_the_engine_of_the_example() {
    let text = read(root().join("sessions-remote/examples/engine.rs"));
    assert!(read(root().join("guide/your-own-store.md")).contains(&format!("```rust,no_run\n{text}```\n")));
}

#[test]
fn snippets_have_no_lines_that_only_rustdoc_hides() {
    let guide = root().join("guide");
    for page in stems(&guide, "md") {
        let text = read(guide.join(&page).with_extension("md"));
        let blocks = text.split("\n```").skip(1).step_by(2).filter(|block| block.starts_with("rust"));
        let hidden: Vec<&str> =
            blocks.flat_map(str::lines).filter(|line| line.trim_start().starts_with("# ")).collect();
        assert!(hidden.is_empty(), "{page}.md: {hidden:?}");
    }
}

#[test]
fn every_page_is_compiled_and_in_the_index() {
    let guide = root().join("guide");
    let (index, compiled) = (read(guide.join("README.md")), read(guide.join("src/lib.rs")));
    for page in stems(&guide, "md").into_iter().filter(|page| page != "README") {
        assert!(index.contains(&format!("({page}.md)")), "README.md does not list {page}.md");
        assert!(compiled.contains(&format!("../{page}.md")), "lib.rs does not compile {page}.md");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = ["", "guide", "docs/decisions"].into_iter().flat_map(|folder| {
        let folder = root().join(folder);
        stems(&folder, "md").into_iter().map(move |stem| folder.join(stem).with_extension("md"))
    });
    for document in documents {
        for link in links(&read(&document)) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: nothing at {link}", document.display());
            let leads = anchor.is_empty() || anchors(&read(&target)).contains(anchor);
            assert!(leads, "{}: no heading for {link}", document.display());
        }
    }
}

#[test]
fn tests_that_security_names_exist() {
    let text = read(root().join("SECURITY.md"));
    let names: BTreeSet<&str> = text.split('`').filter(|word| word.ends_with(".rs")).collect();
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        assert!(root().join("tests/tests/wire").join(name).exists(), "SECURITY.md names {name}");
    }
}

/// Returns whether a program has a path that begins with the name of a crate.
fn uses(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::"))
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':')))
}

/// Returns the targets of the links of a page that stay in this repository.
fn links(markdown: &str) -> Vec<String> {
    let targets = without_code(markdown);
    let targets = targets.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// Returns the anchors that a page's headings have on the usual hosting sites.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let text = without_code(markdown);
    let headings = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// Returns a page without its blocks of code, in which brackets are not links.
fn without_code(markdown: &str) -> String {
    markdown.split("\n```").step_by(2).collect()
}
