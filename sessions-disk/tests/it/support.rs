//! An engine in memory that tests can hold, fail and count, and helpers for several tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, RwLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sessions_disk::{Capacity, DiskStore, Engine, EngineError, OpenError, OpenErrorKind, Reader, Table, Write};
use sessions_store::{Changes, Record, SecretHash, SessionId, StoreError, StoreFuture, Timestamp};

pub(crate) type RamStore = DiskStore<Ram>;

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// An error, with nothing written.
    Lost,
    /// An error, with everything written anyway.
    Unheard,
    /// A panic of the engine.
    Panic,
    /// Success.
    Written,
}

type Tables = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// A disk, which outlives the engines opened on it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    tables: RwLock<Tables>,
    is_open: AtomicBool,
    /// Number of batches written.
    pub(crate) writes: AtomicUsize,
    /// The tables that each batch wrote to.
    pub(crate) touched: Mutex<Vec<BTreeSet<Table>>>,
    pub(crate) opens: AtomicUsize,
    /// Number of times that the system's cache was dropped.
    pub(crate) drops: AtomicUsize,
    /// Number of entries that listings visited.
    pub(crate) visited: AtomicUsize,
    /// The outcomes of the next writes, the last first.
    fates: Mutex<Vec<Fate>>,
    /// Number of times that opening fails from now on.
    pub(crate) refusals: AtomicUsize,
    /// Number of times that somebody else has the files open from now on.
    pub(crate) locks: AtomicUsize,
    /// Whether all reads fail until the engine is reopened.
    pub(crate) is_unreadable: AtomicBool,
    /// Whether engines panic while they are dropped.
    pub(crate) is_fragile: AtomicBool,
    /// The key whose reads fail.
    pub(crate) damaged: Mutex<Option<Vec<u8>>>,
    /// The key whose reads fail until the engine is reopened.
    pub(crate) failing: Mutex<Option<Vec<u8>>>,
    /// The key at which listings fail.
    pub(crate) torn: Mutex<Option<Vec<u8>>>,
    /// The capacity of the store, unlimited if `None`.
    pub(crate) capacity: Mutex<Option<Capacity>>,
    /// Maximum number of bytes in a batch from now on, unlimited if 0.
    pub(crate) room: AtomicUsize,
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    is_shut: bool,
    /// Number of writes that pass a shut gate.
    passes: usize,
    waiting: bool,
}

impl Disk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn with_capacity(capacity: Capacity) -> Arc<Self> {
        Arc::new(Self { capacity: Mutex::new(Some(capacity)), ..Self::default() })
    }

    pub(crate) fn open(self: &Arc<Self>) -> RamStore {
        RamStore::with_options(Options(Arc::clone(self))).unwrap()
    }

    /// Writes a value past all checks of the store.
    pub(crate) fn put(&self, table: Table, key: &[u8], value: &[u8]) {
        self.tables.write().unwrap().insert((table, key.to_vec()), value.to_vec());
    }

    pub(crate) fn value(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        self.tables.read().unwrap().get(&(table, key.to_vec())).cloned()
    }

    pub(crate) fn keys(&self, table: Table) -> Vec<Vec<u8>> {
        let tables = self.tables.read().unwrap();
        tables.keys().filter(|key| key.0 == table).map(|key| key.1.clone()).collect()
    }

    pub(crate) fn dump(&self) -> BTreeMap<(Table, Vec<u8>), Vec<u8>> {
        self.tables.read().unwrap().clone()
    }

    /// Sets the outcomes of the next writes. Later ones succeed.
    pub(crate) fn next_writes(&self, fates: &[Fate]) {
        *self.fates.lock().unwrap() = fates.iter().rev().copied().collect();
    }

    /// Makes all writes wait until [`release`](Self::release).
    pub(crate) fn shut(&self) {
        self.gate().is_shut = true;
    }

    pub(crate) fn release(&self) {
        self.gate().is_shut = false;
        self.moved.notify_all();
    }

    /// Waits until a write is held.
    pub(crate) fn wait_for_writer(&self) {
        let gate = self.gate();
        let limit = Duration::from_secs(30);
        let waited = self.moved.wait_timeout_while(gate, limit, |gate| !gate.waiting || gate.passes > 0).unwrap();
        assert!(!waited.1.timed_out(), "a write arrives within 30 seconds");
    }

    /// Lets the held write pass, and waits until the next one is held.
    pub(crate) fn step(&self) {
        self.gate().passes = 1;
        self.moved.notify_all();
        self.wait_for_writer();
    }

    pub(crate) fn written(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap()
    }

    fn pass(&self) {
        let mut gate = self.gate();
        gate.waiting = true;
        self.moved.notify_all();
        let mut gate = self.moved.wait_while(gate, |gate| gate.is_shut && gate.passes == 0).unwrap();
        gate.waiting = false;
        gate.passes = 0;
    }
}

/// A disk, given directly or by a path.
#[derive(Debug)]
pub(crate) struct Options(pub(crate) Arc<Disk>);

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Arc<Disk>>>> = LazyLock::new(Mutex::default);

impl From<&Path> for Options {
    fn from(path: &Path) -> Self {
        Self(Arc::clone(DISKS.lock().unwrap().entry(path.to_owned()).or_default()))
    }
}

#[derive(Debug)]
pub(crate) struct Ram(Arc<Disk>);

#[derive(Debug)]
pub(crate) struct RamReader(Arc<Disk>);

impl Engine for Ram {
    const NAME: &'static str = "ram";
    type Options = Options;
    type Reader = RamReader;

    fn capacity(Options(disk): &Options) -> Capacity {
        disk.capacity.lock().unwrap().clone().unwrap_or_else(Capacity::unlimited)
    }

    fn open(Options(disk): &Options) -> Result<Self, OpenError> {
        let refusals = &disk.refusals;
        if refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(OpenError::new(Self::NAME, OpenErrorKind::Unavailable));
        }
        let locks = &disk.locks;
        if locks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(OpenError::new(Self::NAME, OpenErrorKind::Locked));
        }
        if disk.is_open.swap(true, Ordering::SeqCst) {
            return Err(OpenError::new(Self::NAME, OpenErrorKind::Locked));
        }
        disk.is_unreadable.store(false, Ordering::SeqCst);
        *disk.failing.lock().unwrap() = None;
        disk.opens.fetch_add(1, Ordering::SeqCst);
        Ok(Self(Arc::clone(disk)))
    }

    fn drop_cache(Options(disk): &Options) {
        assert!(!disk.is_open.load(Ordering::SeqCst), "the files are closed");
        disk.drops.fetch_add(1, Ordering::SeqCst);
    }

    fn reader(&self) -> Result<RamReader, EngineError> {
        Ok(RamReader(Arc::clone(&self.0)))
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        let sorted = writes.is_sorted_by(|one, other| (one.table, one.key) < (other.table, other.key));
        assert!(sorted, "the keys are sorted and unique");
        self.0.pass();
        let room = self.0.room.load(Ordering::SeqCst);
        let bytes: usize = writes.iter().map(|write| write.key.len() + write.value.map_or(0, <[u8]>::len)).sum();
        if room > 0 && bytes > room {
            // Some engines refuse reads too after a failed write, until they are reopened.
            self.0.is_unreadable.store(true, Ordering::SeqCst);
            return Err(EngineError::io(io::ErrorKind::StorageFull.into()));
        }
        let fate = self.0.fates.lock().unwrap().pop().unwrap_or(Fate::Written);
        assert_ne!(fate, Fate::Panic, "an engine may panic");
        if fate != Fate::Lost {
            apply(&mut self.0.tables.write().unwrap(), writes);
            self.0.writes.fetch_add(1, Ordering::SeqCst);
            self.0.touched.lock().unwrap().push(writes.iter().map(|write| write.table).collect());
        }
        match fate {
            Fate::Written => Ok(()),
            _ => Err(EngineError::unavailable(io::Error::from(io::ErrorKind::StorageFull))),
        }
    }
}

fn apply(tables: &mut Tables, writes: &[Write<'_>]) {
    for write in writes {
        let key = (write.table, write.key.to_vec());
        match write.value {
            Some(value) => tables.insert(key, value.to_vec()),
            None => tables.remove(&key),
        };
    }
}

impl Drop for Ram {
    fn drop(&mut self) {
        self.0.is_open.store(false, Ordering::SeqCst);
        assert!(!self.0.is_fragile.load(Ordering::SeqCst), "an engine may panic");
    }
}

impl RamReader {
    fn check(&self) -> Result<(), EngineError> {
        if self.0.is_unreadable.load(Ordering::SeqCst) {
            return Err(EngineError::unavailable(io::Error::from(io::ErrorKind::InvalidData)));
        }
        Ok(())
    }
}

impl Reader for RamReader {
    fn get<T>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        self.check()?;
        damage(&self.0.damaged, key)?;
        if self.0.failing.lock().unwrap().as_deref() == Some(key) {
            return Err(EngineError::unavailable(io::Error::from(io::ErrorKind::InvalidData)));
        }
        Ok(self.0.value(table, key).map(|value| read(&value)))
    }

    fn range(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        self.check()?;
        let from = match from {
            Bound::Unbounded => Bound::Included((table, Vec::new())),
            bound => bound.map(|key| (table, key.to_vec())),
        };
        let tables = self.0.tables.read().unwrap();
        let entries = tables.range((from, Bound::Unbounded)).take_while(|(key, _)| key.0 == table);
        for ((_, key), value) in entries {
            damage(&self.0.torn, key)?;
            self.0.visited.fetch_add(1, Ordering::SeqCst);
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Fails for the damaged key.
fn damage(damaged: &Mutex<Option<Vec<u8>>>, key: &[u8]) -> Result<(), EngineError> {
    match &*damaged.lock().unwrap() {
        Some(damaged) if damaged == key => Err(EngineError::damaged(io::Error::from(io::ErrorKind::InvalidData))),
        _ => Ok(()),
    }
}

pub(crate) const SECRET: SecretHash = SecretHash::from_bytes([2; 32]);

pub(crate) fn id(number: u64) -> SessionId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    SessionId::from_bytes(bytes)
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Returns a record created at 0 with an idle timeout of 100 seconds.
pub(crate) fn record(number: u64) -> Record {
    let builder = Record::builder(id(number), SECRET, at(0)).idle(Some(Duration::from_secs(100)));
    builder.entry("n", b"0").build().unwrap()
}

pub(crate) fn of(number: u64, principal: &str) -> Record {
    let builder = Record::builder(id(number), SECRET, at(0)).idle(Some(Duration::from_secs(100)));
    builder.principal(Some(principal)).build().unwrap()
}

pub(crate) fn increment(seconds: u64) -> Changes {
    Changes::new(at(seconds), SECRET).increment("n", 1)
}

pub(crate) fn n(record: &Record) -> i64 {
    let value = record.entry("n").unwrap().value();
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

pub(crate) fn poll<T>(future: &mut StoreFuture<T>) -> Poll<Result<T, StoreError>> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}
