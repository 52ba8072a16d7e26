//! Damaged records and files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use pollster::block_on;
use sessions_store::{Changes, SessionId, Store, StoreError, StoreErrorKind};

use super::sample::{NOW, Rng, SECRET, fill, folder, id, record};
use crate::engine::{Engine, Table};
use crate::frame;
use crate::store::DiskStore;

const RECORDS: u32 = 300;

/// Damages a stored record, for `damage_conformance!` of `sessions-conformance`.
///
/// # Panics
///
/// Panics if there is no such record.
pub fn corrupt<E: Engine>(store: &DiskStore<E>, id: SessionId) {
    tamper(store, id, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

/// Turns a stored record into one of a newer format, for `damage_conformance!` of
/// `sessions-conformance`.
///
/// # Panics
///
/// Panics if there is no such record.
pub fn make_newer<E: Engine>(store: &DiskStore<E>, id: SessionId) {
    tamper(store, id, move |bytes| frame::make_newer(id, bytes));
}

fn tamper<E: Engine>(store: &DiskStore<E>, id: SessionId, mut change: impl FnMut(&mut [u8]) + Send + 'static) {
    let tampering = store.write(move |batch| {
        let stored = batch.get(Table::Records, id.as_bytes())?;
        let mut bytes = stored.expect("there is a record to tamper with").to_vec();
        change(&mut bytes);
        batch.put(Table::Records, id.as_bytes(), &bytes)?;
        Ok(())
    });
    block_on(tampering).expect("the store writes");
}

/// Checks that damaged records are errors of their own sessions and no others.
///
/// Some have a flipped bit, and two have changed places.
///
/// # Panics
///
/// Panics if a damaged record is read, or a sound one is not.
pub fn detects_damaged_records<E: Engine>() {
    let folder = folder();
    let store = DiskStore::<E>::open(folder.path().join("store")).expect("a new store is opened");
    fill(&store, 0..RECORDS);
    flip_bits(&store);
    swap(&store, id(0), id(1));
    expect(&store, |number| number > 1);
    swap(&store, id(0), id(1));
    expect(&store, |_| true);
}

/// Flips a bit in every other record, checks the store, and flips it back.
fn flip_bits<E: Engine>(store: &DiskStore<E>) {
    let mut rng = Rng::new();
    let length = record(0).as_bytes().len();
    let flips: Vec<_> = (0..RECORDS).step_by(2).map(|number| (number, rng.below(length * 8))).collect();
    let flip_all = || {
        for &(number, bit) in &flips {
            tamper(store, id(number), move |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        }
    };
    flip_all();
    expect(store, |number| number % 2 == 1);
    flip_all();
    expect(store, |_| true);
}

fn swap<E: Engine>(store: &DiskStore<E>, one: SessionId, other: SessionId) {
    let swapping = store.write(move |batch| {
        let bytes = batch.get(Table::Records, one.as_bytes())?.expect("there is a record");
        let others = batch.get(Table::Records, other.as_bytes())?.expect("there is a record");
        batch.put(Table::Records, one.as_bytes(), &others)?;
        batch.put(Table::Records, other.as_bytes(), &bytes)?;
        Ok(())
    });
    block_on(swapping).expect("the store writes");
}

fn expect<E: Engine>(store: &DiskStore<E>, is_sound: impl Fn(u32) -> bool) {
    for number in 0..RECORDS {
        let loaded = block_on(store.load(id(number), NOW)).map_err(|error| error.kind());
        if is_sound(number) {
            assert_eq!(loaded, Ok(Some(record(number))));
        } else {
            assert_eq!(loaded, Err(StoreErrorKind::Unreadable));
        }
    }
    let listed = block_on(store.of_principal("ann", NOW)).expect("the index is sound").len();
    assert_eq!(listed, (0..RECORDS).filter(|number| is_sound(*number)).count());
}

/// Checks that a store with damaged files does not open, or harms only damaged sessions.
///
/// Bytes are changed or cut off. A session must then read as it was written or not at all, and no
/// panic of the engine may reach the caller.
///
/// # Panics
///
/// Panics if something else is read.
pub fn survives_damaged_files<E: Engine>() {
    let folder = folder();
    let sound = folder.path().join("sound");
    fs::create_dir(&sound).expect("a folder can be made");
    fill(&DiskStore::<E>::open(sound.join("store")).expect("a new store is opened"), 0..RECORDS);
    let files = Content::read_all(&sound);
    let mut rng = Rng::new();
    let mut opened = 0;
    for round in 0..60 {
        let path = folder.path().join(format!("round-{round}"));
        files.iter().for_each(|file| file.write(&file.bytes, &path));
        let with_bytes: Vec<_> = files.iter().filter(|file| !file.bytes.is_empty()).collect();
        let file = with_bytes[rng.below(with_bytes.len())];
        file.write(&damaged(&file.bytes, &mut rng), &path);
        opened += u32::from(use_damaged::<E>(&path.join("store")));
    }
    assert!(opened > 0, "no damaged store could be opened");
    eprintln!("{opened} of 60 damaged stores could be opened");
}

/// The content of a file.
struct Content {
    path: PathBuf,
    /// Without the zeros at the end, for which a file may have been allocated ahead.
    bytes: Vec<u8>,
    zeros: u64,
}

impl Content {
    /// Reads all files in a folder and below.
    fn read_all(folder: &Path) -> Vec<Self> {
        let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).expect("a folder can be read") {
                let path = entry.expect("a folder can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(Self::read(folder, &path));
                }
            }
        }
        files
    }

    fn read(folder: &Path, path: &Path) -> Self {
        const BLOCK: [u8; 4096] = [0; 4096];
        let mut bytes = fs::read(path).expect("a file can be read");
        let length = bytes.len();
        while bytes.ends_with(&BLOCK) {
            bytes.truncate(bytes.len() - BLOCK.len());
        }
        let path = path.strip_prefix(folder).expect("it is in the folder").to_owned();
        Self { path, zeros: (length - bytes.len()) as u64, bytes }
    }

    /// Writes the file into another folder, with these bytes in place of its own.
    fn write(&self, bytes: &[u8], folder: &Path) {
        let path = folder.join(&self.path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).expect("a folder can be made");
        fs::write(&path, bytes).expect("a file can be written");
        let file = File::options().write(true).open(path).expect("a file can be opened");
        file.set_len(bytes.len() as u64 + self.zeros).expect("a file can be extended");
    }
}

/// Changes or cuts off some of the bytes of a file.
fn damaged(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let (mut bytes, start) = (bytes.to_vec(), rng.below(bytes.len()));
    match rng.below(8) {
        0 => bytes.truncate(start),
        1 => bytes[start..].fill(0),
        more => bytes[start..].iter_mut().take(1 << more).for_each(|byte| *byte ^= 1 << rng.below(8)),
    }
    bytes
}

/// Uses a damaged store as an application would. Returns whether it could be opened.
fn use_damaged<E: Engine>(path: &Path) -> bool {
    let Ok(store) = DiskStore::<E>::open(path) else {
        return false;
    };
    for number in 0..RECORDS {
        if let Ok(Some(loaded)) = block_on(store.load(id(number), NOW)) {
            assert_eq!(loaded, record(number), "a session differs from what was written");
        }
    }
    // Whether these succeed does not matter, only that each is answered.
    let changes = Changes::new(NOW, SECRET).increment("n", 1);
    let answers: Vec<Result<(), StoreError>> = vec![
        block_on(store.commit(&record(0), &changes)).map(drop),
        block_on(store.destroy(id(1))).map(drop),
        block_on(store.create(&record(RECORDS))).map(drop),
        block_on(store.of_principal("ann", NOW)).map(drop),
        block_on(store.scan(None, 1000, NOW)).map(drop),
        block_on(store.count()).map(drop),
        block_on(store.destroy_of_principal("ann", Some(id(0)))).map(drop),
        block_on(store.sweep(1000, NOW)).map(drop),
        block_on(store.destroy_all()).map(drop),
    ];
    drop(answers);
    store.close().expect("damage does not kill the writer");
    true
}
