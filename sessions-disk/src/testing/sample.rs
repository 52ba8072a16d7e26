//! Sample sessions for the checks.

use std::fmt::Display;
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_store::{Created, Record, SecretHash, SessionId, Store, Timestamp};
use tempfile::TempDir;

use crate::engine::Engine;
use crate::store::DiskStore;

pub(super) const SECRET: SecretHash = SecretHash::from_bytes([2; 32]);
/// A time at which all sample sessions are live.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

pub(super) fn id(number: u32) -> SessionId {
    let mut bytes = *b"sample session\0\0";
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    SessionId::from_bytes(bytes)
}

pub(super) fn record(number: u32) -> Record {
    let value = format!("\"{number}\"");
    Record::builder(id(number), SECRET, NOW)
        .idle(Some(Duration::from_secs(1800)))
        .principal(Some("ann"))
        .entry("number", value.as_bytes())
        .entry("n", b"0")
        .build()
        .expect("it is small")
}

pub(super) fn fill<E: Engine>(store: &DiskStore<E>, numbers: std::ops::Range<u32>) {
    let creating: Vec<_> = numbers.map(|number| store.create(&record(number))).collect();
    for future in creating {
        assert_eq!(block_on(future).expect("a session is created"), Created::STORED);
    }
}

/// Repeats a call until it succeeds, as a store's users do, and returns its answer.
///
/// # Panics
///
/// Panics if it does not succeed within a minute.
pub fn until_it_works<T, X: Display>(mut ask: impl FnMut() -> Result<T, X>) -> T {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "no success within a minute: {error}"),
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A random number generator with a new seed in each run.
#[derive(Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // Xorshift takes any seed but zero.
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// Returns a random number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
