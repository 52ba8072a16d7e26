//! Checks of an engine behind [`DiskStore`](crate::DiskStore) that the store contract's tests
//! cannot make.
//!
//! Call each function from a test of its own. It panics if the engine fails the check. With the
//! tests of `sessions-conformance` they are an engine's test suite. On Linux,
//! `survives_power_losses` belongs to it too.
//!
//! ```no_run
//! use sessions_disk::{Engine, testing};
//!
//! fn test<E: Engine>() {
//!     testing::survives_kills::<E>("acknowledged_writes_survive_kills");
//!     testing::survives_a_full_disk::<E>();
//!     testing::survives_filling_its_disk::<E>();
//!     testing::survives_damaged_files::<E>();
//!     testing::detects_damaged_records::<E>();
//!     testing::reads_golden_files::<E>();
//!     testing::opens_once::<E>();
//!     testing::refuses_untrusted_paths::<E>();
//!     testing::creates_private_files::<E>();
//! }
//! ```

mod child;
mod damage;
mod full_disk;
mod golden;
mod kills;
mod opening;
#[cfg(target_os = "linux")]
mod power;
mod sample;
mod size_limit;
mod small_disk;

pub use damage::{corrupt, detects_damaged_records, make_newer, survives_damaged_files};
pub use full_disk::{survives_a_full_disk, survives_filling_its_disk};
pub use golden::{golden_tables, reads_golden_files, write_golden_sample};
pub use kills::{store_survives_kills, survives_kills};
pub use opening::{creates_private_files, opens_once, refuses_untrusted_paths, stays_in_its_folder};
#[cfg(target_os = "linux")]
pub use power::survives_power_losses;
pub use sample::until_it_works;
pub use size_limit::stays_within_its_limit;
pub use small_disk::SmallDisk;
