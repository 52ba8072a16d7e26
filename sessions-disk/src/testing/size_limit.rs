//! The size of a store's files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pollster::block_on;
use sessions_store::{Changes, Created, Record, Store, StoreFuture, Timestamp};

use super::sample::{NOW, Rng, SECRET, folder, id};
use crate::engine::Engine;
use crate::store::DiskStore;

/// Sessions created at once, so that they share transactions.
const AT_ONCE: u32 = 16;
/// Maximum number of sessions to create.
const MAX_SESSIONS: u32 = 10_000;

/// Checks that a store's files stay within its limit.
///
/// They may take no more than `max_bytes`, however large the records are and however often they are
/// replaced. `open` opens an empty store with that limit at a path.
///
/// # Panics
///
/// Panics if they take more, or if the final records take less than an eighth of the limit.
pub fn stays_within_its_limit<E: Engine>(max_bytes: u64, open: impl Fn(&Path) -> DiskStore<E>) {
    for sizes in [&[700][..], &[2_000], &[20_000], &[0, 300, 3_000, 30_000]] {
        let folder = folder();
        let path = folder.path().join("store");
        let store = open(&path);
        let (largest, held) = churn(&store, sizes, max_bytes, || used(folder.path()));
        eprintln!("{sizes:?}: {largest} of {max_bytes} bytes, {held} of them records");
        assert!(largest <= max_bytes, "{sizes:?}: {largest} of {max_bytes} bytes");
        assert!(held >= max_bytes / 8, "{sizes:?}: {held} of {max_bytes} bytes");
    }
}

/// Creates and changes sessions until `write` bytes have been written. Returns the largest size of
/// the files, and the final size of the records.
fn churn<E: Engine>(store: &DiskStore<E>, sizes: &[usize], write: u64, used: impl Fn() -> u64) -> (u64, u64) {
    let mut rng = Rng::new();
    let (mut written, mut largest, mut first) = (0, 0, 0);
    while written < write && first < MAX_SESSIONS {
        let records: Vec<_> =
            (first..first + AT_ONCE).map(|number| record(number, sizes[rng.below(sizes.len())])).collect();
        written += records.iter().map(|record| record.as_bytes().len() as u64).sum::<u64>();
        let creating: Vec<StoreFuture<Created>> = records.iter().map(|record| store.create(record)).collect();
        for created in creating {
            assert!(matches!(block_on(created).expect("the store writes"), Created::Stored { .. }));
        }
        let touch = Changes::new(NOW.after(Duration::from_secs(u64::from(first))), SECRET).increment("n", 1);
        let changing: Vec<_> =
            (first..first + AT_ONCE).step_by(4).map(|number| store.commit(&record(number, 0), &touch)).collect();
        changing.into_iter().for_each(|changed| _ = block_on(changed).expect("the store writes"));
        first += AT_ONCE;
        largest = largest.max(used());
    }
    let held = (0..first).filter_map(|number| block_on(store.load(id(number), NOW)).expect("it is read"));
    (largest, held.map(|record| record.as_bytes().len() as u64).sum())
}

fn record(number: u32, size: usize) -> Record {
    let now = Timestamp::from_millis(NOW.as_millis() + u64::from(number));
    let padding = vec![b'x'; size];
    let builder = Record::builder(id(number), SECRET, now).idle(Some(Duration::from_secs(1 << 30)));
    builder.entry("padding", &padding).build().expect("it is small enough")
}

/// Returns the disk space of a folder and its content. A sparse file takes less than its length.
fn used(path: &Path) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else {
        // An engine has just removed it.
        return 0;
    };
    #[cfg(unix)]
    let own = std::os::unix::fs::MetadataExt::blocks(&found) * 512;
    #[cfg(not(unix))]
    let own = found.len();
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| used(&entry.path())).sum::<u64>()
}
