//! What session stores on the local disk share: [`DiskStore`] is a whole
//! [`Store`](sessions_core::Store) around an [`Engine`], which is a handful of methods over ordered
//! tables of bytes.
//!
//! Those who want to keep sessions use a crate with an engine, such as `sessions-redb` or
//! `sessions-fjall`. This one is for those who put another engine behind the same store.
//!
//! | What | Where |
//! |---|---|
//! | many commits, one `fsync`; loads that do not wait; failing disks; closing | [`DiskStore`] |
//! | records with checksums, an index of principals, one of deadlines, a count | [`DiskStore`], in the tables of [`Table`] |
//! | ordered tables, atomic and durable batches of writes, opening files | [`Engine`] and [`Reader`] |
//! | checks for an engine: kills, damage, full disks | `testing`, with the feature of that name |
//!
//! # What this crate does not do
//!
//! It shares no files between processes: an engine's files belong to one process at a time. It
//! encrypts nothing; the files hold the visitors' data, and engines create them readable by their
//! owner only. It has no clock and starts no sweep by itself.
//!
//! # Features
//!
//! | Name | Description | Default? |
//! |---|---|---|
//! | `testing` | The module `testing`, with checks for those who write an engine | No |

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod backoff;
mod batch;
mod bulk;
mod capacity;
mod disk_space;
mod engine;
mod error;
mod eviction;
pub mod files;
mod frame;
mod keys;
mod operation;
mod panics;
mod permits;
mod reads;
mod reserve;
mod shared_reader;
mod store;
mod sweep_throttle;
mod tables;
#[cfg(feature = "testing")]
pub mod testing;
mod writer;
mod writes;

pub use capacity::Capacity;
pub use engine::{Engine, EngineError, EngineErrorKind, Reader, Table, Write};
pub use error::{OpenError, OpenErrorKind};
pub use store::DiskStore;
