//! Checks that the rooms inside sessions-core and inside sessions-store import each other in one
//! direction.

use std::fs;
use std::path::Path;

use super::paths::{self, Import, Paths};
use crate::command::root;

/// A crate with rooms.
struct House {
    name: &'static str,
    /// Its rooms, each a module at its root, the highest first: a room imports only from rooms
    /// below it. This also rules out cycles.
    rooms: &'static [&'static str],
    /// Modules that re-export items of the rooms, and therefore import from all of them.
    front: &'static [&'static str],
}

const HOUSES: [House; 2] = [
    House {
        name: "sessions-core",
        rooms: &["session", "exchange", "manager", "request", "codec", "cookie", "error", "platform"],
        front: &["adapter", "store", "testing"],
    },
    House {
        name: "sessions-store",
        rooms: &["memory", "contract", "view", "record", "error", "maybe_ready", "timestamp", "id"],
        front: &[],
    },
];

/// A source file of a house.
#[derive(Debug)]
struct File {
    /// Path below the workspace's root.
    name: String,
    /// Names of the modules from the root down to this one; none for `lib.rs`.
    module: Vec<String>,
    text: String,
}

/// Returns every import that points up.
pub(super) fn faults() -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for house in &HOUSES {
        let mut files = Vec::new();
        read_folder(&root().join(house.name).join("src"), &mut files)?;
        faults.extend(house.faults_among(&files));
    }
    Ok(faults)
}

fn read_folder(folder: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let failed = |path: &Path, error| format!("cannot read {}: {error}", path.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<_> = entries.map_err(|error| failed(folder, error))?.iter().map(fs::DirEntry::path).collect();
    paths.sort_unstable();
    for path in paths {
        if path.is_dir() {
            read_folder(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            files.push(File { module: module_of(&name), name, text });
        }
    }
    Ok(())
}

/// Returns the module that a file holds, such as `["exchange", "commit"]`.
fn module_of(name: &str) -> Vec<String> {
    let below_src = name.split_once("src/").map_or(name, |(_, rest)| rest);
    let names = below_src.trim_end_matches(".rs").split('/');
    names.filter(|name| !matches!(*name, "lib" | "mod")).map(str::to_owned).collect()
}

impl House {
    fn faults_among(&self, files: &[File]) -> Vec<String> {
        let read: Vec<(&File, Paths)> =
            files.iter().map(|file| (file, paths::read(&file.text, &file.module))).collect();
        let tests: Vec<&Vec<String>> = read.iter().flat_map(|(_, paths)| &paths.test_modules).collect();
        let counts = |file: &File| !tests.iter().any(|test| file.module.starts_with(test));
        let counted = read.iter().filter(|(file, _)| counts(file));
        counted.flat_map(|(file, paths)| self.faults_of(file, &paths.imports)).collect()
    }

    fn faults_of(&self, file: &File, imports: &[Import]) -> Vec<String> {
        let File { name, module, .. } = file;
        let Some(room) = module.first().filter(|room| !self.front.contains(&room.as_str())) else {
            return Vec::new();
        };
        let Some(height) = self.height(room) else {
            return vec![format!("{name}: `{room}` is not a room of xtask/src/direction/rooms.rs")];
        };
        let mut faults = Vec::new();
        for Import { line, name: used } in imports.iter().filter(|import| import.name != *room) {
            match self.height(used) {
                Some(other) if other > height => {}
                Some(_) => faults.push(format!("{name}:{line}: `{room}` must not import from `{used}`, a higher room")),
                None => {
                    faults.push(format!("{name}:{line}: `crate::{used}` is in no room, so name the room it comes from"))
                }
            }
        }
        faults
    }

    /// Returns the index of a room in the list: 0 for the highest.
    fn height(&self, room: &str) -> Option<usize> {
        self.rooms.iter().position(|known| *known == room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: House =
        House { name: "", rooms: &["session", "exchange", "store", "record", "id"], front: &["testing"] };

    fn faults_in(tree: &[(&str, &str)]) -> Vec<String> {
        let file = |(name, text): &(&str, &str)| File {
            name: (*name).to_owned(),
            module: module_of(name),
            text: (*text).to_owned(),
        };
        HOUSE.faults_among(&tree.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn downward_imports_pass() {
        let tree = [
            ("src/lib.rs", "mod session; pub use crate::session::Session;"),
            ("src/session/mod.rs", "use crate::exchange::Exchange; use super::id::Id;"),
            ("src/exchange/commit/update.rs", "use crate::{exchange::State, store::Store}; use super::super::view;"),
            ("src/testing.rs", "use crate::session::Session;"),
            ("src/id.rs", ""),
        ];
        assert_eq!(faults_in(&tree), [""; 0]);
    }

    #[test]
    fn an_upward_import_is_reported() {
        let tree = [("src/record/apply.rs", "\nuse crate::id::Id;\nuse crate::session::Session;")];
        let expected = "src/record/apply.rs:3: `record` must not import from `session`, a higher room";
        assert_eq!(faults_in(&tree), [expected]);
        assert_eq!(faults_in(&[("src/record.rs", "fn f() { super::session::g() }")]).len(), 1);
    }

    #[test]
    fn a_cycle_has_an_upward_import() {
        let tree = [("src/store.rs", "use crate::record::Record;"), ("src/record.rs", "use crate::store::Store;")];
        let expected = "src/record.rs:1: `record` must not import from `store`, a higher room";
        assert_eq!(faults_in(&tree), [expected]);
    }

    #[test]
    fn tests_may_import_from_every_room() {
        let tree = [
            ("src/record.rs", "#[cfg(test)] mod tests;"),
            ("src/record/tests.rs", "use crate::session::Session;"),
            ("src/id.rs", "#[cfg(test)] mod tests { use crate::session::Session; }"),
        ];
        assert_eq!(faults_in(&tree), [""; 0]);
    }

    #[test]
    fn a_module_outside_the_rooms_is_reported() {
        let expected = "src/attic.rs: `attic` is not a room of xtask/src/direction/rooms.rs";
        assert_eq!(faults_in(&[("src/attic.rs", "")]), [expected]);
    }

    #[test]
    fn a_name_from_the_root_is_reported() {
        let expected = "src/id.rs:1: `crate::Error` is in no room, so name the room it comes from";
        assert_eq!(faults_in(&[("src/id.rs", "use crate::Error;")]), [expected]);
    }

    #[test]
    fn sources_are_found_with_their_modules() {
        for (house, room) in HOUSES.iter().zip([["exchange", "commit"], ["memory", "evict"]]) {
            let mut files = Vec::new();
            read_folder(&root().join(house.name).join("src"), &mut files).unwrap();
            assert!(files.iter().any(|file| file.name.ends_with("src/lib.rs") && file.module.is_empty()));
            assert!(files.iter().any(|file| file.module == room), "{room:?}");
        }
    }
}
