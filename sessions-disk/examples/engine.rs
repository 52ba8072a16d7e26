//! An engine behind the store on disk. `cargo run -p sessions-disk --example engine`
//!
//! This engine keeps its tables in memory, so they are lost with the process. A real engine writes
//! to files, and its `write` returns once the batch would survive a power failure.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sessions_disk::{DiskStore, Engine, EngineError, OpenError, Reader, Table, Write};
use sessions_store::{Record, SecretHash, SessionId, Store, Timestamp};

type Tables = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

#[derive(Clone, Default)]
struct Memory(Arc<RwLock<Tables>>);

#[derive(Debug)]
struct Options(#[expect(dead_code, reason = "where the files would be")] PathBuf);

impl From<&Path> for Options {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Engine for Memory {
    const NAME: &'static str = "memory";
    type Options = Options;
    type Reader = Self;

    fn open(_options: &Options) -> Result<Self, OpenError> {
        Ok(Self::default())
    }

    fn reader(&self) -> Result<Self, EngineError> {
        Ok(self.clone())
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            let key = (write.table, write.key.to_vec());
            match write.value {
                Some(value) => tables.insert(key, value.to_vec()),
                None => tables.remove(&key),
            };
        }
        Ok(())
    }
}

impl Reader for Memory {
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.get(&(table, key.to_vec())).map(|value| read(value)))
    }

    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let from = match from {
            Bound::Unbounded => Bound::Included((table, Vec::new())),
            bound => bound.map(|key| (table, key.to_vec())),
        };
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entries = tables.range((from, Bound::Unbounded)).take_while(|((found, _), _)| *found == table);
        for ((_, key), value) in entries {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = DiskStore::<Memory>::open("sessions")?;
    let now = Timestamp::from_millis(0);
    let (id, secret) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]));
    let record = Record::builder(id, secret, now).entry("user", b"\"ann\"").build()?;

    pollster::block_on(store.create(&record))?;
    println!("{} session, and {:?}", pollster::block_on(store.count())?, pollster::block_on(store.load(id, now))?);
    Ok(store.close()?)
}
