//! The child process of the kill test.

use std::env;
use std::io::Write;
use std::process;
use std::thread;

use pollster::block_on;
use sessions_store::{Changes, Created, Record, SessionId, Store, StoreError};

use super::sample::{NOW, Rng, SECRET};

/// The variable with the round's number, for the child.
pub(super) const ROUND: &str = "SESSIONS_KILLS_ROUND";
pub(super) const THREADS: u32 = 8;
/// Length of some records: an engine writes them in several calls.
const PADDING: usize = 20_000;

pub(super) fn principal(thread: u32) -> String {
    format!("principal-{thread}")
}

/// Returns the last number written to a session. Each is written twice, to detect half a commit.
pub(super) fn number(record: &Record) -> u64 {
    let [one, other] = ["one", "other"].map(|key| record.entry(key).expect("it has the entry").value());
    assert_eq!(one, other, "half a commit is stored");
    let text = std::str::from_utf8(one).expect("it is a number");
    text.parse().expect("it is a number")
}

/// Writes to the store until the process is killed or its parent is gone.
pub(super) fn write_until_killed<S: Store + Clone>(store: &S) -> ! {
    let round = env::var(ROUND).ok().and_then(|round| round.parse().ok()).expect("the parent says which round it is");
    let threads = (0..THREADS).map(|thread| {
        let store = store.clone();
        thread::spawn(move || ChildWriter::new(store, round, thread).write())
    });
    for thread in threads.collect::<Vec<_>>() {
        let _ = thread.join();
    }
    process::exit(1);
}

struct ChildWriter<S> {
    store: S,
    round: u32,
    thread: u32,
    next: u32,
    /// The live sessions, with the last number written.
    alive: Vec<(Record, u64)>,
    rng: Rng,
}

impl<S: Store> ChildWriter<S> {
    fn new(store: S, round: u32, thread: u32) -> Self {
        Self { store, round, thread, next: 0, alive: Vec::new(), rng: Rng::new() }
    }

    fn write(mut self) {
        loop {
            let step = match self.rng.below(10) {
                0..2 => self.create(),
                2..4 => self.destroy(),
                _ => self.commit(),
            };
            step.expect("the store writes");
        }
    }

    fn create(&mut self) -> Result<(), StoreError> {
        let id = self.fresh_id();
        let principal = principal(self.thread);
        let record =
            Record::builder(id, SECRET, NOW).principal(Some(&principal)).entry("one", b"0").entry("other", b"0");
        let record = match self.rng.below(4) {
            0 => record.entry("padding", &[b'x'; PADDING]),
            _ => record,
        };
        let record = record.build().expect("it is small");
        report("begins", id, 0);
        assert_eq!(block_on(self.store.create(&record))?, Created::STORED);
        report("acknowledged", id, 0);
        self.alive.push((record, 0));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let Some(at) = self.any() else {
            return Ok(());
        };
        let (record, number) = &mut self.alive[at];
        let id = record.id();
        *number += 1;
        let text = number.to_string();
        let changes = Changes::new(NOW, SECRET).set("one", text.as_bytes()).increment("other", 1);
        report("begins", id, &*text);
        *record = block_on(self.store.commit(record, &changes))?.expect("the session is live");
        report("acknowledged", id, &*text);
        Ok(())
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        let Some(at) = self.any() else {
            return Ok(());
        };
        let (record, _) = self.alive.swap_remove(at);
        let id = record.id();
        report("begins", id, "destroyed");
        assert!(block_on(self.store.destroy(id))?);
        report("acknowledged", id, "destroyed");
        Ok(())
    }

    fn any(&mut self) -> Option<usize> {
        (!self.alive.is_empty()).then(|| self.rng.below(self.alive.len()))
    }

    fn fresh_id(&mut self) -> SessionId {
        let mut bytes = [0; 16];
        self.next += 1;
        for (field, number) in
            bytes.chunks_exact_mut(4).zip([self.next.wrapping_mul(0x9e37_79b9), self.round, self.thread, self.next])
        {
            field.copy_from_slice(&number.to_be_bytes());
        }
        SessionId::from_bytes(bytes)
    }
}

/// Reports to the parent, in one write, so that the threads' lines do not mix. Exits if the parent
/// is gone.
fn report(what: &str, id: SessionId, state: impl std::fmt::Display) {
    let line = format!("@{what} {id} {state}.\n");
    let mut output = std::io::stdout().lock();
    if output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err() {
        process::exit(1);
    }
}
