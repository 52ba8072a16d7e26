//! A session store in one file on the local disk, with [redb](https://docs.rs/redb).
//!
//! redb is a B-tree with one writer thread, and quick to open.
//!
//! ```
//! use sessions_store::{Created, Record, SecretHash, SessionId, Store, Timestamp};
//! use sessions_redb::RedbStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sessions.redb");
//! let store = RedbStore::open(&path)?;
//!
//! let (id, secret, now) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
//! let record = Record::builder(id, secret, now).entry("user", b"\"ann\"").build()?;
//! assert_eq!(pollster::block_on(store.create(&record))?, Created::STORED);
//! store.close()?;
//!
//! let store = RedbStore::open(&path)?;
//! assert_eq!(pollster::block_on(store.load(id, now))?, Some(record));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`DiskStore`](sessions_disk::DiskStore) documents durability, capacity and failing disks; this
//! crate is its engine. [`RedbBuilder`] has the options.
//!
//! # What this crate does not do
//!
//! It shares no file between processes: a second process that opens it gets
//! [`Locked`](OpenErrorKind::Locked). To share sessions between processes, use `sessions-redis` or
//! `sessions-sql`. It encrypts nothing; the file contains the visitors' data, and only its owner
//! can read it.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod builder;
mod engine;
#[cfg(test)]
mod faults;

pub use builder::RedbBuilder;
pub use engine::{Redb, RedbReader};
pub use sessions_disk::{OpenError, OpenErrorKind};

/// A session store in one file.
pub type RedbStore = sessions_disk::DiskStore<Redb>;
