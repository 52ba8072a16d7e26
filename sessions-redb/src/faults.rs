//! Disk failures and power losses at every single disk operation.

mod disk;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pollster::block_on;
use sessions_disk::{DiskStore, Engine, EngineError, OpenError, Write, testing};
use sessions_store::{
    Changes, Created, Record, Refusal, SecretHash, SessionId, Store, StoreError, StoreErrorKind, Timestamp,
};

use crate::engine::discard_unfinished;
use crate::{Redb, RedbBuilder, RedbReader};
use disk::{Disk, Fault, Options};

/// The engine on a simulated disk.
#[derive(Debug)]
struct OnDisk(Redb);

type TestStore = DiskStore<OnDisk>;

impl Engine for OnDisk {
    const NAME: &'static str = Redb::NAME;
    type Options = Options;
    type Reader = RedbReader;

    fn open(Options(disk): &Options) -> Result<Self, OpenError> {
        // A cache this small needs the disk for most reads.
        let options = RedbBuilder::new("").cache_size(16 << 10);
        let backend = disk.backend();
        discard_unfinished(&backend).map_err(|error| OpenError::io(Self::NAME, error))?;
        Redb::with_backend(backend, &options).map(Self)
    }

    fn drop_cache(Options(disk): &Options) {
        disk.drop_cache();
    }

    fn reader(&self) -> Result<RedbReader, EngineError> {
        self.0.reader()
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), EngineError> {
        self.0.write(writes)
    }
}

const SECRET: SecretHash = SecretHash::from_bytes([2; 32]);
const NOW: Timestamp = Timestamp::from_millis(0);

fn id(number: usize) -> SessionId {
    SessionId::from_bytes([number as u8; 16])
}

fn record(number: usize) -> Record {
    let builder = Record::builder(id(number), SECRET, NOW).principal(Some("ann")).entry("n", b"0");
    builder.entry("padding", &[b'x'; 3000]).build().unwrap()
}

/// A test's call of the store.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create(usize),
    Commit(usize),
    Destroy(usize),
    DestroyAllBut(usize),
}

const STEPS: [Step; 10] = [
    Step::Create(0),
    Step::Create(1),
    Step::Create(2),
    Step::Commit(1),
    Step::Commit(2),
    Step::Destroy(0),
    Step::Create(3),
    Step::Commit(1),
    Step::DestroyAllBut(1),
    Step::Create(0),
];

/// The model: the counters of the live sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sessions([Option<u32>; 4]);

impl Sessions {
    /// Returns the sessions after a step.
    fn after(mut self, step: Step) -> Self {
        match step {
            Step::Create(number) => self.0[number] = self.0[number].or(Some(0)),
            Step::Commit(number) => self.0[number] = self.0[number].map(|n| n + 1),
            Step::Destroy(number) => self.0[number] = None,
            Step::DestroyAllBut(number) => {
                let kept = self.0[number];
                self = Self::default();
                self.0[number] = kept;
            }
        }
        self
    }

    /// Takes a step on the store, and checks its answer against the model.
    fn take(self, step: Step, store: &TestStore) -> Result<(), StoreError> {
        match step {
            Step::Create(number) => {
                let expected = if self.0[number].is_none() { Created::STORED } else { Created::Exists };
                assert_eq!(block_on(store.create(&record(number)))?, expected);
            }
            Step::Commit(number) => {
                let expected = if self.0[number].is_none() { Err(Refusal::Gone) } else { Ok(()) };
                let changes = Changes::new(NOW, SECRET).increment("n", 1);
                assert_eq!(block_on(store.commit(&record(number), &changes))?.map(drop), expected);
            }
            Step::Destroy(number) => assert_eq!(block_on(store.destroy(id(number)))?, self.0[number].is_some()),
            Step::DestroyAllBut(number) => {
                let ended = block_on(store.destroy_of_principal("ann", Some(id(number))))?;
                assert_eq!(ended.len(), self.0.iter().flatten().count() - usize::from(self.0[number].is_some()));
            }
        }
        Ok(())
    }

    /// Reads the sessions, and checks the count and the index.
    fn read(store: &TestStore) -> Result<Self, StoreError> {
        let mut sessions = Self::default();
        for (number, found) in sessions.0.iter_mut().enumerate() {
            let record = block_on(store.load(id(number), NOW))?;
            let n = |record: Record| std::str::from_utf8(record.entry("n").unwrap().value()).unwrap().parse().unwrap();
            *found = record.map(n);
        }
        let alive = sessions.0.iter().flatten().count();
        let mut others = 0;
        for number in 0..OTHERS {
            others += u8::from(block_on(store.load(other(number), NOW))?.is_some());
        }
        assert!(others == 0 || others == OTHERS, "{others} are left");
        assert_eq!(block_on(store.count())?, alive as u64 + u64::from(others));
        assert_eq!(block_on(store.of_principal("ann", NOW))?.len(), alive);
        Ok(sessions)
    }
}

/// The number of small sessions on a filled disk, which no step changes.
const OTHERS: u8 = 40;

/// Returns the content of a disk with a store of small sessions. The leaves of its B-tree are full,
/// so that the steps split them.
fn filled() -> Vec<u8> {
    let disk = Disk::new(Fault::default(), &[]);
    let store = open(&disk).unwrap();
    for number in 0..OTHERS {
        let record = Record::builder(other(number), SECRET, NOW).entry("padding", &[b'x'; 250]).build().unwrap();
        assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
    }
    store.close().unwrap();
    disk.bytes()
}

fn other(number: u8) -> SessionId {
    let mut bytes = [0x80; 16];
    bytes[0] = number % 4;
    bytes[1] = number / 4 * 25;
    SessionId::from_bytes(bytes)
}

fn open(disk: &Arc<Disk>) -> Result<TestStore, OpenError> {
    TestStore::with_options(Options(Arc::clone(disk)))
}

/// Takes all steps, and returns the sessions as acknowledged.
fn take_steps(store: &TestStore) -> Sessions {
    let mut sessions = Sessions::default();
    for step in STEPS {
        match sessions.take(step, store) {
            Ok(()) => sessions = sessions.after(step),
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
        }
    }
    sessions
}

/// Returns how many disk operations a run without faults takes, from opening to closing.
fn count_operations(start: &[u8]) -> usize {
    let disk = Disk::new(Fault::default(), start);
    let store = open(&disk).unwrap();
    assert_eq!(take_steps(&store), Sessions([Some(0), Some(2), None, None]));
    store.close().unwrap();
    disk.operations()
}

/// Runs the steps once per disk operation, with a fault that begins at that operation.
///
/// Failed steps must have no effect, acknowledged ones theirs, and the store must recover when the
/// disk does. All of it must then be on the disk, not only in the system's cache.
fn fail_at_every_operation(fault: Fault, start: &[u8]) {
    at_every_operation(start, |first| {
        let fault = Fault { first, ..fault };
        let disk = Disk::new(fault, start);
        let store = testing::until_it_works(|| open(&disk));
        let sessions = take_steps(&store);
        let read = testing::until_it_works(|| Sessions::read(&store));
        assert_eq!(read, sessions, "{fault:?}");
        testing::until_it_works(|| sessions.take(Step::Commit(1), &store));
        let sessions = sessions.after(Step::Commit(1));
        store.close().unwrap();
        let store = testing::until_it_works(|| open(&disk));
        assert_eq!(testing::until_it_works(|| Sessions::read(&store)), sessions, "{fault:?}");
        drop(store);
        let store = open(&disk.after_power_loss(0)).unwrap();
        assert_eq!(Sessions::read(&store).unwrap(), sessions, "after a power loss, {fault:?}");
    });
}

/// Calls `test` with each number of an operation, some of them at a time: they mostly wait for the
/// pause after a failure.
fn at_every_operation(start: &[u8], test: impl Fn(usize) + Sync) {
    let (next, end) = (AtomicUsize::new(0), count_operations(start));
    let work = &|| {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.take_while(|first| *first < end).for_each(&test);
    };
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn a_disk_full_once_loses_nothing() {
    fail_at_every_operation(Fault { length: 1, kind: disk::Kind::Full, ..Fault::default() }, &[]);
}

#[test]
fn a_disk_full_for_a_while_loses_nothing() {
    fail_at_every_operation(Fault { length: 4, kind: disk::Kind::Full, ..Fault::default() }, &[]);
}

#[test]
fn a_disk_failing_once_loses_nothing() {
    fail_at_every_operation(Fault { length: 1, kind: disk::Kind::Broken, ..Fault::default() }, &[]);
}

#[test]
fn a_disk_failing_for_a_while_loses_nothing() {
    fail_at_every_operation(Fault { length: 3, kind: disk::Kind::Broken, ..Fault::default() }, &[]);
}

/// Regression: after a failed sync the store went on from the system's cache, and pages of other
/// sessions that were never written were lost with it.
#[test]
fn a_failed_sync_loses_no_other_session() {
    fail_at_every_operation(Fault { length: 1, kind: disk::Kind::Broken, ..Fault::default() }, &filled());
}

#[test]
fn writes_reported_as_failed_leave_no_trace() {
    fail_at_every_operation(Fault { length: 2, kind: disk::Kind::Deaf, ..Fault::default() }, &[]);
}

#[test]
fn acknowledged_writes_survive_a_power_loss() {
    at_every_operation(&[], |first| {
        let disk = Disk::new(Fault { first, length: usize::MAX, kind: disk::Kind::Broken }, &[]);
        let mut possible = vec![Sessions::default()];
        if let Ok(store) = open(&disk) {
            let mut sessions = Sessions::default();
            for step in STEPS {
                // The first failed step may have taken effect, as without any answer.
                possible = vec![sessions, sessions.after(step)];
                if sessions.take(step, &store).is_err() {
                    break;
                }
                sessions = sessions.after(step);
                possible = vec![sessions];
            }
        }
        for seed in 0..4 {
            let disk = disk.after_power_loss(seed);
            let sessions = Sessions::read(&open(&disk).unwrap()).unwrap();
            assert!(possible.contains(&sessions), "{sessions:?} is none of {possible:?}, operation {first}");
        }
    });
}
