//! A disk in memory with injected faults.

use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{BackendError, StorageBackend};

/// When and how a disk fails.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fault {
    /// The first operation that fails.
    pub(super) first: usize,
    /// The number of operations that fail.
    pub(super) length: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Kind {
    /// Writes fail half done.
    #[default]
    Full,
    /// Every operation fails, with nothing done.
    Broken,
    /// Everything but reads is done, and reported as failed.
    Deaf,
}

#[derive(Debug)]
pub(super) struct Disk(Mutex<State>);

#[derive(Debug)]
struct State {
    fault: Fault,
    operations: usize,
    /// The content that reads see.
    bytes: Vec<u8>,
    /// The content that a power loss leaves for certain.
    durable: Vec<u8>,
    /// The changes since the last sync, of which a power loss may leave any part.
    since: Vec<Change>,
    /// The changes of failed syncs, of which a power loss may leave any part too. As on Linux,
    /// reads go on to see them, and no later sync writes them.
    failed: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// A disk as an engine's options.
#[derive(Debug)]
pub(super) struct Options(pub(super) Arc<Disk>);

impl From<&Path> for Options {
    fn from(_path: &Path) -> Self {
        Self(Disk::new(Fault::default(), &[]))
    }
}

impl Disk {
    /// Returns a disk with this content.
    pub(super) fn new(fault: Fault, bytes: &[u8]) -> Arc<Self> {
        let (bytes, durable, since, failed) = (bytes.to_vec(), bytes.to_vec(), Vec::new(), Vec::new());
        Arc::new(Self(Mutex::new(State { fault, operations: 0, bytes, durable, since, failed })))
    }

    pub(super) fn backend(self: &Arc<Self>) -> Backend {
        Backend(Arc::clone(self))
    }

    /// Makes reads see what is on the disk, and what will be written by the next sync.
    pub(super) fn drop_cache(&self) {
        let state = &mut *self.state();
        state.bytes.clone_from(&state.durable);
        state.since.iter().for_each(|change| change.apply(&mut state.bytes));
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    pub(super) fn operations(&self) -> usize {
        self.state().operations
    }

    /// Returns the disk after a power loss: everything synced, and some of the changes since.
    pub(super) fn after_power_loss(&self, seed: u64) -> Arc<Self> {
        let state = self.state();
        let mut bytes = state.durable.clone();
        let mut dice = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for change in state.failed.iter().chain(&state.since) {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            match (seed, dice % 3, change) {
                // Seed 0 loses all changes, seed 1 none.
                (0, _, _) | (2.., 0, _) => {}
                (2.., 1, Change::Write(at, data)) => {
                    Change::Write(*at, data[..data.len() / 2].to_vec()).apply(&mut bytes)
                }
                _ => change.apply(&mut bytes),
            }
        }
        Self::new(Fault::default(), &bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length as usize, 0),
            Self::Write(at, data) => {
                let at = *at as usize;
                bytes.resize(bytes.len().max(at + data.len()), 0);
                bytes[at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

impl State {
    /// Counts an operation, and returns its fault, if any.
    fn begin(&mut self) -> Option<Kind> {
        let number = self.operations;
        self.operations += 1;
        let Fault { first, length, kind } = self.fault;
        (first..first.saturating_add(length)).contains(&number).then_some(kind)
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        let (done, result) = match (self.begin(), change) {
            (None, change) => (Some(change), Ok(())),
            (Some(Kind::Deaf), change) => (Some(change), Err(ErrorKind::Other.into())),
            (Some(Kind::Broken), _) => (None, Err(ErrorKind::Other.into())),
            (Some(Kind::Full), Change::Length(_)) => (None, Err(ErrorKind::StorageFull.into())),
            (Some(Kind::Full), Change::Write(at, mut data)) => {
                data.truncate(data.len() / 2);
                (Some(Change::Write(at, data)), Err(ErrorKind::StorageFull.into()))
            }
        };
        if let Some(change) = done {
            change.apply(&mut self.bytes);
            self.since.push(change);
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let fault = self.begin().filter(|kind| *kind != Kind::Full);
        if fault == Some(Kind::Broken) {
            self.failed.append(&mut self.since);
        } else {
            self.since.drain(..).for_each(|change| change.apply(&mut self.durable));
        }
        fault.map_or(Ok(()), |_| Err(ErrorKind::Other.into()))
    }

    fn look(&mut self) -> io::Result<&[u8]> {
        match self.begin() {
            Some(Kind::Broken) => Err(ErrorKind::Other.into()),
            _ => Ok(&self.bytes),
        }
    }
}

#[derive(Debug)]
pub(super) struct Backend(Arc<Disk>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.state().look()?.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.state();
        let bytes = state.look()?.get(offset as usize..).and_then(|bytes| bytes.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.state().change(Change::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.state().sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.state().change(Change::Write(offset, data.to_vec()))
    }

    fn try_lock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}
