//! The shared part of session stores on the local disk. [`DiskStore`] is a complete
//! [`Store`](sessions_store::Store) around an [`Engine`]: ordered tables of bytes with a handful of
//! methods.
//!
//! To keep sessions, use a crate with an engine, such as `sessions-redb` or `sessions-fjall`. Use
//! this one to put another engine behind the same store.
//!
//! | What | Where |
//! |---|---|
//! | one `fsync` for many commits, loads that never wait for it, failing disks, closing | [`DiskStore`] |
//! | records with checksums, indexes of principals and deadlines, counts | [`DiskStore`], in the tables of [`Table`] |
//! | ordered tables, atomic and durable batches, opening files | [`Engine`] and [`Reader`] |
//! | checks for an engine: kills, damage, full disks | `testing`, with the feature of that name |
//!
//! # What this crate does not do
//!
//! It shares no files between processes: only one process at a time can open an engine's files. It
//! encrypts nothing; the files contain the visitors' data, and engines create them readable by
//! their owner only. It has no clock and starts no sweep by itself.
//!
//! # Features
//!
//! | Name | Description | Default? |
//! |---|---|---|
//! | `testing` | The module `testing`, with checks for an engine's test suite | No |

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
pub use reserve::Reserve;
pub use store::DiskStore;
