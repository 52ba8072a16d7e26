//! A disk that has no room, and has room again.

use std::fs;

use pollster::block_on;
use sessions_core::{Changes, Committed, Created, Record, Store, StoreError, StoreErrorKind};

use super::sample::{NOW, SECRET, fill, id, until_it_works};
use super::small_disk::SmallDisk;
use crate::engine::Engine;
use crate::store::EmbeddedStore;

const RECORDS: u32 = 50;

/// Checks that commits to a full disk fail, that the records are then as they were, and that the store works again when there is
/// room, without being opened anew by anybody.
///
/// It mounts a small file system in memory, which takes Linux and root. Where it cannot, it says so and checks nothing.
///
/// # Panics
///
/// Panics if a commit to a full disk is acknowledged and lost, or changes something and fails, or if the store stays broken.
pub fn survives_a_full_disk<E: Engine>() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.path().join("store");
    let store = EmbeddedStore::<E>::open(&path).expect("a new store is opened");
    fill(&store, 0..RECORDS);
    let mut state = State { counters: vec![0; RECORDS as usize], fillers: 0 };
    for round in 0..2 {
        let ballast = disk.fill();
        let written = state.write_until_it_fails(&store);
        eprintln!("round {round}: {written} writes until the disk was full");
        state.expect(&store);
        state.destroy(&store);
        fs::remove_file(ballast).expect("the ballast can be removed");
        state.write_until_it_works(&store);
        state.expect(&store);
    }
    store.close().expect("the store is closed");
    let store = EmbeddedStore::<E>::open(&path).expect("the store is opened");
    state.expect(&store);
    store.close().expect("the store is closed");
}

/// Is what was acknowledged.
struct State {
    counters: Vec<i64>,
    /// Is how many sessions there are that only take up room.
    fillers: u32,
}

impl State {
    fn write_until_it_fails<E: Engine>(&mut self, store: &EmbeddedStore<E>) -> usize {
        for round in 0..100_000 {
            let answer =
                if round % 2 == 0 { self.add_filler(store) } else { self.count_up(store, round % self.counters.len()) };
            if let Err(error) = answer {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                return round;
            }
        }
        panic!("the disk does not fill");
    }

    fn write_until_it_works<E: Engine>(&mut self, store: &EmbeddedStore<E>) {
        for number in 0..self.counters.len() {
            until_it_works(|| self.count_up(store, number));
        }
        until_it_works(|| self.add_filler(store));
    }

    fn count_up<E: Engine>(&mut self, store: &EmbeddedStore<E>, number: usize) -> Result<(), StoreError> {
        let changes = Changes::new(NOW, SECRET).increment("n", 1).set("padding", &[b'x'; 500]);
        assert_eq!(block_on(store.commit(id(number as u32), &changes))?, Committed::Applied);
        self.counters[number] += 1;
        Ok(())
    }

    fn add_filler<E: Engine>(&mut self, store: &EmbeddedStore<E>) -> Result<(), StoreError> {
        let filler = filler(RECORDS + self.fillers);
        assert_eq!(block_on(store.create(&filler))?, Created::STORED);
        self.fillers += 1;
        Ok(())
    }

    /// Destroys a session on a full disk. If that is reported as failed, the session is still there.
    fn destroy<E: Engine>(&mut self, store: &EmbeddedStore<E>) {
        let last = RECORDS + self.fillers - 1;
        let is_destroyed = block_on(store.destroy(id(last))).is_ok();
        self.fillers -= u32::from(is_destroyed);
        let found = until_it_works(|| block_on(store.load(id(last), NOW)));
        assert_eq!(found.is_some(), !is_destroyed);
    }

    fn expect<E: Engine>(&self, store: &EmbeddedStore<E>) {
        let load = |number| until_it_works(|| block_on(store.load(id(number), NOW)));
        for (number, counter) in (0..).zip(&self.counters) {
            let loaded = load(number).expect("no session is lost");
            let value = loaded.entry("n").expect("it has a counter").value();
            assert_eq!(value, counter.to_string().as_bytes());
        }
        for number in RECORDS..RECORDS + self.fillers {
            assert_eq!(load(number), Some(filler(number)));
        }
        let count = until_it_works(|| block_on(store.count()));
        assert_eq!(count, u64::from(RECORDS + self.fillers));
    }
}

fn filler(number: u32) -> Record {
    let builder = Record::builder(id(number), SECRET, NOW).entry("padding", &[b'x'; 4000]);
    builder.build().expect("it is small enough")
}
