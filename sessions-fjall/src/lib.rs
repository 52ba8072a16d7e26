//! Keeps sessions in a folder on the local disk, with [fjall](https://docs.rs/fjall): an LSM tree,
//! which writes more per second than `sessions-redb` and compacts its files with threads of its
//! own.
//!
//! ```
//! use sessions_core::{Record, SecretHash, SessionId, Store, Timestamp};
//! use sessions_fjall::FjallStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sessions");
//! let store = FjallStore::open(&path)?;
//!
//! let (id, secret, now) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
//! let record = Record::builder(id, secret, now).entry("user", b"\"ann\"").build()?;
//! pollster::block_on(store.create(&record))?;
//! store.close()?;
//!
//! let store = FjallStore::open(&path)?;
//! assert_eq!(pollster::block_on(store.load(id, now))?, Some(record));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is durable when, and what happens when the disk fails, is described at
//! [`DiskStore`](sessions_disk::DiskStore), which this crate gives an engine.
//! [`FjallBuilder`] has the options.
//!
//! # What this crate does not do
//!
//! It shares no folder between processes: the second to open it gets
//! [`Locked`](OpenErrorKind::Locked). Sessions that several processes need belong into
//! `sessions-redis`. It encrypts nothing; the files hold the visitors' data, and only their owner
//! can read them.
//!
//! It does not notice all damage to the journal. fjall may take a damaged byte in it for the end of
//! what was written before a crash, and cuts off what follows. What was written last, logouts among
//! it, is then gone without an error. Where the disk itself is not trusted, `sessions-redb` is the
//! better choice.

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

/// Keeps sessions in a folder.
pub type FjallStore = sessions_disk::DiskStore<Fjall>;
