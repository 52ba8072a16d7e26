//! SQLite on a disk that is full, and later has room again.

use std::fs;
use std::path::Path;

use crate::support::{IDLE, NOW, changes, migrated, record};
use pollster::block_on;
use sessions_disk::testing::SmallDisk;
use sessions_sql::{Sqlite, SqliteStore};
use sessions_store::{Created, Record, SessionId, Store};

/// More sessions than fit on a small disk.
const MANY: u32 = 50_000;

fn open(disk: &SmallDisk) -> SqliteStore {
    migrated::<Sqlite>(&format!("sqlite:{}", disk.path().join("sessions.sqlite").display()), "sessions")
}

fn reserve(disk: &SmallDisk) -> bool {
    Path::new(&disk.path().join("sessions.sqlite-reserve")).exists()
}

fn create(store: &SqliteStore, principal: Option<&str>) -> Option<Record> {
    let body = vec![b'1'; if principal.is_some() { 200 } else { 2_000 }];
    let record = record().principal(principal).entry("body", &body).build().unwrap();
    match block_on(store.create(&record)).unwrap() {
        Created::Full => None,
        created => {
            assert_eq!(created, Created::STORED);
            Some(record)
        }
    }
}

fn create_until_full(store: &SqliteStore, principal: Option<&str>) -> Vec<Record> {
    let records: Vec<_> = (0..MANY).map_while(|_| create(store, principal)).collect();
    assert!(records.len() < MANY as usize, "the disk does not fill up");
    records
}

fn destroy(store: &SqliteStore, records: impl IntoIterator<Item = Record>) {
    records.into_iter().for_each(|record| assert!(block_on(store.destroy(record.id())).unwrap()));
}

fn assert_kept<'a>(store: &SqliteStore, records: impl IntoIterator<Item = &'a Record>) {
    let load = |id: SessionId| block_on(store.load(id, NOW)).unwrap();
    records.into_iter().for_each(|record| assert_eq!(load(record.id()).as_ref().map(Record::id), Some(record.id())));
}

#[test]
fn a_disk_full_of_visitors_has_room_for_users() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = open(&disk);
    assert!(reserve(&disk));
    let mut users: Vec<_> = (0..30).map(|_| create(&store, Some("ann")).unwrap()).collect();
    let bobs = (0..3).filter_map(|_| create(&store, Some("bob"))).count();
    let mut guests = create_until_full(&store, None);
    assert!(guests.len() > 1_000 && !reserve(&disk));
    destroy(&store, users.drain(..10));
    assert_eq!(block_on(store.destroy_of_principal("bob", None)).unwrap().len(), bobs);
    users.extend((0..100).map(|_| create(&store, Some("ann")).expect("a user may sign in")));
    assert!(create(&store, None).is_none(), "users come first");
    assert_kept(&store, guests.iter().chain(&users));
    // A visitor signs in with what is in the cart.
    let guest = guests.pop().unwrap();
    let signed_in = block_on(store.commit(&guest, &changes().bind("cay"))).unwrap().unwrap();
    assert_eq!(signed_in.principal(), Some("cay"));

    // Another process sees that the disk is full, also after a restart.
    let other = open(&disk);
    destroy(&other, users.drain(..10));
    assert!(create(&other, None).is_none());
    drop((store, other));
    let store = open(&disk);
    assert!(create(&store, None).is_none());
    users.extend((0..50).map(|_| create(&store, Some("ann")).expect("a user may sign in")));

    // Users leave room for those who sign out, even everywhere.
    users.extend(create_until_full(&store, Some("ann")));
    destroy(&store, users.drain(..200));
    users.extend((0..50).map(|_| create(&store, Some("ann")).expect("200 have gone")));
    assert_kept(&store, guests.iter().chain(&users));
    let everywhere = block_on(store.destroy_of_principal("ann", Some(users[0].id()))).unwrap().len();
    assert_eq!(everywhere, users.len() - 1);
    users.truncate(1);
    users.extend((0..300).map(|_| create(&store, Some("ann")).expect("many have gone")));
    // In small transactions, but all of them in one sweep.
    assert_eq!(block_on(store.sweep(500, NOW.after(IDLE))).unwrap().len(), 500);
    assert!(create(&store, None).is_some(), "the file has enough free pages");
    let all = block_on(store.count()).unwrap();
    assert_eq!(block_on(store.destroy_all()).unwrap(), all);
    (0..500).for_each(|_| assert!(create(&store, None).is_some()));
}

#[test]
fn a_disk_filled_by_others_ends_sessions() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = open(&disk);
    let mut users: Vec<_> = (0..300).map(|_| create(&store, Some("ann")).unwrap()).collect();
    for _ in 0..2 {
        let ballast = disk.fill();
        users.extend(create_until_full(&store, Some("ann")));
        destroy(&store, users.drain(..100));
        assert!(create(&store, None).is_none() && !reserve(&disk));
        assert_kept(&store, &users);
        fs::remove_file(ballast).unwrap();
        assert!(create(&store, None).is_some() && reserve(&disk));
        (0..100).for_each(|_| assert!(create(&store, None).is_some()));
    }
    // It was filled while the store was closed.
    drop(store);
    let ballast = disk.fill();
    let store = open(&disk);
    destroy(&store, users.drain(..100));
    assert_kept(&store, &users);
    fs::remove_file(ballast).unwrap();
    assert!(create(&store, None).is_some());
}
