//! Checks for those who put an engine behind [`EmbeddedStore`]: what the store contract's own tests cannot ask for.
//!
//! Each is a function to be called from a test of its own, and panics where the engine does not hold what it must. With the
//! tests of `sessions-conformance` they make up an engine's test suite.
//!
//! ```no_run
//! use sessions_embedded::{Engine, testing};
//!
//! fn test<E: Engine>() {
//!     testing::survives_kills::<E>("acknowledged_writes_survive_kills");
//!     testing::survives_a_full_disk::<E>();
//!     testing::survives_filling_its_disk::<E>();
//!     testing::survives_damaged_files::<E>();
//!     testing::notices_damaged_records::<E>();
//!     testing::reads_golden_files::<E>();
//!     testing::opens_once::<E>();
//!     testing::is_private::<E>();
//! }
//! ```

mod child;
mod damage;
mod full_disk;
mod golden;
mod kills;
mod sample;
mod small_disk;

pub use damage::{corrupt, make_newer, notices_damaged_records, survives_damaged_files};

pub use full_disk::{survives_a_full_disk, survives_filling_its_disk};
pub use golden::{golden_tables, reads_golden_files, write_golden_sample};
pub use kills::survives_kills;
pub use small_disk::SmallDisk;

use crate::engine::Engine;
use crate::error::OpenErrorKind;
use crate::store::EmbeddedStore;

/// Checks that files which are open cannot be opened a second time, and can be when they are closed.
///
/// # Panics
///
/// Panics if it is otherwise.
pub fn opens_once<E: Engine>() {
    let folder = sample::folder();
    let path = folder.path().join("store");
    let store = EmbeddedStore::<E>::open(&path).expect("a new store is opened");
    let error = EmbeddedStore::<E>::open(&path).expect_err("an open store was opened");
    assert_eq!(error.kind(), OpenErrorKind::Locked);
    store.close().expect("a store is closed");
    EmbeddedStore::<E>::open(&path).expect("a closed store is opened");
}

/// Checks that only their owner can read the files and folders of a store, whatever the process's mask lets new files have. On
/// systems without Unix permissions there is nothing to check.
///
/// # Panics
///
/// Panics if others can read them.
pub fn is_private<E: Engine>() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let folder = sample::folder();
        let path = folder.path().join("store");
        drop(EmbeddedStore::<E>::open(&path).expect("a new store is opened"));
        let mode = |path| std::fs::metadata(path).expect("it exists").permissions().mode() & 0o077;
        assert_eq!(mode(&path), 0, "others may use a new store");
    }
}
