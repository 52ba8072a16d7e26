//! A session store in a folder on the local disk, with [fjall](https://docs.rs/fjall).
//!
//! fjall is an LSM tree. Sessions take about half the space that they take in `sessions-redb`. It
//! compacts its files in its own threads.
//!
//! ```
//! use sessions_store::{Created, Record, SecretHash, SessionId, Store, Timestamp};
//! use sessions_fjall::FjallStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sessions");
//! let store = FjallStore::open(&path)?;
//!
//! let (id, secret, now) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
//! let record = Record::builder(id, secret, now).entry("user", b"\"ann\"").build()?;
//! assert_eq!(pollster::block_on(store.create(&record))?, Created::STORED);
//! store.close()?;
//!
//! let store = FjallStore::open(&path)?;
//! assert_eq!(pollster::block_on(store.load(id, now))?, Some(record));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`DiskStore`](sessions_disk::DiskStore) documents durability, capacity and failing disks; this
//! crate is its engine. [`FjallBuilder`] has the options.
//!
//! # What this crate does not do
//!
//! It shares no folder between processes: a second process that opens it gets
//! [`Locked`](OpenErrorKind::Locked). To share sessions between processes, use `sessions-redis` or
//! `sessions-sql`. It encrypts nothing; the files contain the visitors' data, and only their owner
//! can read them.
//!
//! It does not repair damage. A damaged block of a table is an error of the sessions in it, but
//! fjall cannot merge that table with others any more. In a store under 1 GiB, writes fail once
//! about twenty tables wait to be merged. In a larger one, they fail only now and then at first.
//! Their error names the remedy: restore a backup or use another folder. Reads go on.
//!
//! It does not detect all damage to the journal. fjall may take a damaged byte for the end of the
//! journal after a crash, and discard the rest. Damage to the last batch of the journal looks like
//! a power failure, and the store discards that batch. The latest writes, logouts included, are
//! then lost without an error. If you do not trust the disk, use `sessions-redb`.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod builder;
mod engine;
mod folder;
mod journal;
mod manifest;
mod sizes;

pub use builder::FjallBuilder;
pub use engine::{Fjall, FjallReader};
pub use sessions_disk::{OpenError, OpenErrorKind};

/// A session store in a folder.
pub type FjallStore = sessions_disk::DiskStore<Fjall>;
