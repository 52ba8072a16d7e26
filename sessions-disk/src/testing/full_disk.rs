//! A disk that is full, and later has room again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pollster::block_on;
use sessions_store::{Changes, Created, Record, Store, StoreErrorKind, Timestamp};

use super::sample::{NOW, SECRET, id, until_it_works};
use super::small_disk::SmallDisk;
use crate::engine::Engine;
use crate::store::DiskStore;

/// More sessions than fit on a small disk.
const MANY: u32 = 20_000;
const IDLE: Duration = Duration::from_secs(1800);
const EXPIRED: Timestamp = Timestamp::from_millis(NOW.as_millis() + 1_800_000);

/// Checks a store on a disk that something else has filled.
///
/// It must end sessions, refuse growth, lose nothing, apply nothing partially, and recover by
/// itself once the disk has room. This mounts a small file system in memory, which requires Linux
/// and root. Elsewhere it prints that it was skipped.
///
/// # Panics
///
/// Panics if the check fails.
pub fn survives_a_full_disk<E: Engine>() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let mut checked = CheckedStore::<E>::open(&disk.path().join("store"));
    for number in 0..300 {
        assert!(checked.create(number, (number % 2 == 0).then_some("ann")), "there is room at first");
    }
    let mut next = 300;
    for round in 0..2 {
        let ballast = disk.fill();
        (next..next + 500).for_each(|number| assert!(checked.create(number, None), "anonymous sessions make room"));
        let refused = (next + 500..MANY).find(|number| !checked.create(*number, Some("ann")));
        next = refused.expect("the disk fills up") + 1;
        assert_eq!(checked.numbers(None).len(), 0, "all anonymous sessions are evicted first");
        checked.expect_no_growth();
        checked.destroy(checked.numbers(Some("ann")).into_iter().take(20));
        checked.expect();
        if round == 1 {
            checked = checked.open_again();
            checked.destroy(checked.numbers(Some("ann")).into_iter().take(20));
            checked.expect();
        }
        fs::remove_file(ballast).expect("the ballast can be removed");
        let (more, first) = (checked.alive.len() + 100, next);
        until_it_works(|| {
            next += u32::from(checked.create(next, Some("ann")));
            if checked.alive.len() > more { Ok(()) } else { Err("the store is still full") }
        });
        assert!(next - first > 100);
        (next..next + 50).for_each(|number| assert!(checked.create(number, None)));
        next += 50;
        checked.expect();
    }
    checked.open_again().expect();
}

/// Checks a store that has filled its disk itself.
///
/// It must evict anonymous sessions, refuse new ones once only users are left, and still end any
/// number of sessions, also after reopening. This mounts a small file system in memory, which
/// requires Linux and root. Elsewhere it prints that it was skipped.
///
/// # Panics
///
/// Panics if the check fails.
pub fn survives_filling_its_disk<E: Engine>() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let mut checked = CheckedStore::<E>::open(&disk.path().join("store"));
    // Visitors without a cookie fill the disk, and evict each other.
    (0..5_000).for_each(|number| assert!(checked.create(number, None), "anonymous sessions make room"));
    assert!((500..5_000).contains(&checked.alive.len()), "{} fit", checked.alive.len());
    let alive = checked.numbers(None);
    checked.destroy(alive.into_iter().take(286));
    (5_000..5_200).for_each(|number| assert!(checked.create(number, Some("bob")), "users evict anonymous sessions"));
    let alive = checked.numbers(None);
    checked.destroy(alive.into_iter().take(100));
    checked.expect();

    // With users only, the store is full.
    let refused = (6_000..MANY).find(|number| !checked.create(*number, Some("ann"))).expect("the disk fills up");
    assert_eq!(checked.numbers(None).len(), 0);
    checked.destroy(checked.numbers(Some("ann")).into_iter().take(50));
    (refused + 1..refused + 20).for_each(|number| assert!(checked.create(number, Some("ann")), "there is room again"));
    checked.expect();
    checked = checked.open_again();
    (refused + 20..refused + 35).for_each(|number| assert!(checked.create(number, Some("ann")), "there is room still"));
    checked.destroy(checked.numbers(Some("ann")).into_iter().take(50));
    checked.destroy_of("bob");
    (refused + 35..refused + 120)
        .for_each(|number| assert!(checked.create(number, Some("bob")), "there is room again"));
    let swept = block_on(checked.store.sweep(222, EXPIRED)).expect("a full store is swept");
    assert_eq!(swept.len(), 222);
    checked.alive.retain(|number, _| !swept.contains(&id(*number)));
    (refused + 120..refused + 220)
        .for_each(|number| assert!(checked.create(number, Some("bob")), "there is room again"));
    checked.expect();
    let all = checked.alive.len() as u64;
    assert_eq!(block_on(checked.store.destroy_all()).expect("a full store is emptied"), all);
    checked.alive.clear();
    let (first, last) = (refused + 220, refused + 720);
    (first..last).for_each(|number| assert!(checked.create(number, Some("ann")), "there is room again"));
    checked.open_again().expect();
}

/// A store, with the sessions that it must hold.
struct CheckedStore<E: Engine> {
    store: DiskStore<E>,
    path: PathBuf,
    /// The live sessions by number, with their users.
    alive: BTreeMap<u32, Option<&'static str>>,
}

impl<E: Engine> CheckedStore<E> {
    fn open(path: &Path) -> Self {
        let store = DiskStore::open(path).expect("the store is opened");
        Self { store, path: path.to_owned(), alive: BTreeMap::new() }
    }

    fn open_again(self) -> Self {
        self.store.close().expect("the store is closed");
        Self { alive: self.alive, ..Self::open(&self.path) }
    }

    /// Returns a user's sessions, or the anonymous ones.
    fn numbers(&self, user: Option<&str>) -> Vec<u32> {
        self.alive.iter().filter(|(_, whose)| **whose == user).map(|(number, _)| *number).collect()
    }

    /// Creates a session, and returns whether there was room. Only anonymous ones may be evicted.
    #[track_caller]
    fn create(&mut self, number: u32, user: Option<&'static str>) -> bool {
        match block_on(self.store.create(&record(number, user))).expect("a full disk fails no create") {
            Created::Stored { evicted, .. } => {
                let before = self.alive.len();
                self.alive.retain(|number, user| user.is_some() || !evicted.contains(&id(*number)));
                assert_eq!(
                    before - self.alive.len(),
                    evicted.len(),
                    "only anonymous sessions are evicted, and reported"
                );
                self.alive.insert(number, user);
                true
            }
            Created::Full => false,
            Created::Exists => panic!("the id is new"),
            other => panic!("{other:?}"),
        }
    }

    /// Ends sessions, all at once.
    #[track_caller]
    fn destroy(&mut self, numbers: impl Iterator<Item = u32>) {
        let destroying: Vec<_> = numbers.map(|number| (number, self.store.destroy(id(number)))).collect();
        for (number, destroyed) in destroying {
            assert!(block_on(destroyed).expect("a session can always be ended"));
            self.alive.remove(&number);
        }
    }

    #[track_caller]
    fn destroy_of(&mut self, user: &'static str) {
        let ended =
            block_on(self.store.destroy_of_principal(user, None)).expect("a user's sessions can always be ended");
        assert_eq!(ended.len(), self.numbers(Some(user)).len());
        self.alive.retain(|_, whose| *whose != Some(user));
    }

    /// Checks that growth is refused with a reason, and shrinks what has grown until then.
    #[track_caller]
    fn expect_no_growth(&mut self) {
        let numbers = self.numbers(Some("ann"));
        let grow = Changes::new(NOW, SECRET).set("more", &[b'y'; 50_000]);
        let grown_at_once: Vec<_> =
            numbers.iter().map(|number| self.store.commit(&record(*number, None), &grow)).collect();
        let refused = grown_at_once.into_iter().filter_map(|committing| block_on(committing).err()).collect::<Vec<_>>();
        assert!(!refused.is_empty(), "a full disk has no room");
        for error in &refused {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            let cause = std::error::Error::source(error).expect("there is a reason").to_string();
            assert!(cause.contains("the disk is full"), "{cause}");
        }
        for number in numbers {
            let loaded = block_on(self.store.load(id(number), NOW)).expect("it is read").expect("it lives");
            let changes = Changes::new(NOW, SECRET).remove("more");
            let has_grown = loaded.entry("more").is_some();
            if has_grown {
                assert_eq!(block_on(self.store.commit(&loaded, &changes)).expect("it shrinks").map(drop), Ok(()));
            }
        }
    }

    /// Checks that the store holds these sessions and no others.
    #[track_caller]
    fn expect(&self) {
        for (number, user) in &self.alive {
            let loaded = until_it_works(|| block_on(self.store.load(id(*number), NOW))).expect("no session is lost");
            assert_eq!(loaded.principal(), *user);
            assert_eq!(loaded.entry("padding").map(|entry| entry.value().len()), Some(2_000));
        }
        let count = until_it_works(|| block_on(self.store.count()));
        assert_eq!(count, self.alive.len() as u64);
    }
}

fn record(number: u32, user: Option<&str>) -> Record {
    let builder = Record::builder(id(number), SECRET, NOW).principal(user).idle(Some(IDLE));
    builder.entry("padding", &[b'x'; 2_000]).build().expect("it is small enough")
}
