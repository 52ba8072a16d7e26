//! The engine checks, and what only fjall can get wrong.

use std::fs;
use std::path::{Path, PathBuf};

use pollster::block_on;
use sessions_disk::{Engine, EngineErrorKind, Reader, Table, Write, testing};
use sessions_fjall::{Fjall, FjallBuilder, FjallStore, OpenErrorKind};
use sessions_store::{Record, SecretHash, SessionId, Store, Timestamp};

#[test]
fn acknowledged_writes_survive_kills() {
    testing::survives_kills::<Fjall>("engine::acknowledged_writes_survive_kills");
}

#[test]
#[cfg(target_os = "linux")]
fn acknowledged_writes_survive_power_losses() {
    testing::survives_power_losses("engine::acknowledged_writes_survive_power_losses", |path| {
        FjallStore::open(path).unwrap()
    });
}

#[test]
fn a_full_disk_loses_nothing() {
    testing::survives_a_full_disk::<Fjall>();
}

#[test]
fn a_disk_filled_by_the_store_stops_no_logout() {
    testing::survives_filling_its_disk::<Fjall>();
}

/// Regression: the store went on with an empty one in the other folder.
#[test]
fn a_relative_path_outlives_a_change_of_folder() {
    testing::stays_in_its_folder::<Fjall>("engine::a_relative_path_outlives_a_change_of_folder");
}

#[test]
fn damaged_files_harm_no_other_session() {
    testing::survives_damaged_files::<Fjall>();
}

#[test]
fn damaged_records_are_detected() {
    testing::detects_damaged_records::<Fjall>();
}

#[test]
fn golden_files_are_read() {
    testing::reads_golden_files::<Fjall>();
}

#[test]
fn a_folder_is_opened_once() {
    testing::opens_once::<Fjall>();
}

#[test]
fn only_the_owner_can_read_the_folder() {
    testing::creates_private_files::<Fjall>();
}

#[test]
fn an_interrupted_creation_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    fs::create_dir_all(path.join("sessions.new/keyspaces")).unwrap();
    fs::write(path.join("sessions.new/0.jnl"), "half a journal").unwrap();
    let store = FjallStore::open(&path).unwrap();
    testing::write_golden_sample(&store);
    store.close().unwrap();
    assert!(!path.join("sessions.new").exists());
    assert_eq!(block_on(FjallStore::open(&path).unwrap().count()).unwrap(), 3);
}

#[test]
fn a_folder_without_its_marker_is_refused_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    testing::write_golden_sample(&FjallStore::open(&path).unwrap());
    let marker = fs::read(path.join("sessions/version")).unwrap();
    fs::remove_file(path.join("sessions/version")).unwrap();
    let error = FjallStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
    fs::write(path.join("sessions/version"), marker).unwrap();
    assert_eq!(block_on(FjallStore::open(&path).unwrap().count()).unwrap(), 3);
}

#[test]
fn other_files_in_the_folder_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kept"), "as it was").unwrap();
    drop(FjallStore::open(folder.path()).unwrap());
    assert_eq!(fs::read(folder.path().join("kept")).unwrap(), b"as it was");
}

#[cfg(unix)]
#[test]
fn files_in_a_public_folder_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    drop(FjallStore::open(folder.path()).unwrap());
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("sessions"), mode("lock")), (0o755, 0o700, 0o600));
}

#[test]
fn untrusted_paths_are_refused() {
    testing::refuses_untrusted_paths::<Fjall>();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(FjallStore::open(&file).unwrap_err().kind(), OpenErrorKind::WrongType);
}

#[cfg(unix)]
#[test]
fn untrusted_paths_in_the_folder_are_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["lock", "sessions"] {
        let inner = folder.path().join(name);
        symlink(elsewhere.path().join(name), &inner).unwrap();
        let error = FjallStore::open(folder.path()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (OpenErrorKind::Symlink, Some(&*inner)));
        fs::remove_file(inner).unwrap();
    }
    drop(FjallStore::open(folder.path()).unwrap());
    let inner = folder.path().join("sessions");
    fs::set_permissions(&inner, PermissionsExt::from_mode(0o770)).unwrap();
    let error = FjallStore::open(folder.path()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (OpenErrorKind::Exposed, Some(&*inner)));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_store_opens_with_other_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    testing::write_golden_sample(&FjallBuilder::new(&path).cache_size(1 << 20).open().unwrap());
    assert_eq!(block_on(FjallStore::open(&path).unwrap().count()).unwrap(), 3);
}

#[test]
fn a_damaged_manifest_does_not_end_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    testing::write_golden_sample(&FjallStore::open(&path).unwrap());
    for keyspace in fs::read_dir(path.join("sessions/keyspaces")).unwrap() {
        let keyspace = keyspace.unwrap().path();
        let current = fs::read(keyspace.join("current")).unwrap();
        let number = u64::from_le_bytes(*current.first_chunk().unwrap());
        let list = keyspace.join(format!("v{number}"));
        let sound = fs::read(&list).unwrap();
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 0xff;
            fs::write(&list, damaged).unwrap();
            let error = FjallStore::open(&path).unwrap_err();
            assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
        }
        fs::write(&list, sound).unwrap();
    }
    assert_eq!(block_on(FjallStore::open(&path).unwrap().count()).unwrap(), 3);
}

/// Returns the largest table file below a folder, with its size.
fn largest_table(folder: &Path) -> Option<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let tables = entries.filter_map(|path| {
        let is_table = folder.ends_with("tables");
        if path.is_dir() { largest_table(&path) } else { is_table.then(|| (path.metadata().unwrap().len(), path)) }
    });
    tables.max()
}

#[test]
fn a_damaged_block_stops_no_listing_and_no_logout() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_millis(0);
    let id = |number: u32| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        SessionId::from_bytes(bytes)
    };
    // With this limit the store writes a table after 16 MiB, without waiting for fjall's threads.
    let (count, value) = (600_u32, vec![b'1'; 60_000]);
    let open = || FjallBuilder::new(folder.path()).max_bytes(256 << 20).open().unwrap();
    let store = open();
    let creating = |number| {
        let builder = Record::builder(id(number), SecretHash::from_bytes([2; 32]), now).principal(Some("ann"));
        store.create(&builder.entry("value", &value).build().unwrap())
    };
    (0..count).map(creating).collect::<Vec<_>>().into_iter().for_each(|future| drop(block_on(future).unwrap()));
    store.close().unwrap();

    let (length, table) = largest_table(folder.path()).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[length as usize / 3] ^= 1;
    fs::write(&table, bytes).unwrap();

    let store = open();
    let load = |number| block_on(store.load(id(number), now));
    let damaged = (0..count).filter(|number| load(*number).is_err()).count();
    assert!((1..10).contains(&damaged), "{damaged} are damaged");
    assert_eq!(block_on(store.of_principal("ann", now)).unwrap().len(), count as usize - damaged);
    block_on(store.destroy_of_principal("ann", None)).unwrap_err();
    assert_eq!((0..count).filter(|number| matches!(load(*number), Ok(Some(_)))).count(), 0);
}

#[test]
fn the_folder_stays_within_its_limit() {
    let most = 16 << 20;
    testing::stays_within_its_limit(most, |path| FjallBuilder::new(path).max_bytes(most).open().unwrap());
}

/// Regression: the engine emptied the journal on closing, with what was written since it was done.
#[test]
fn a_write_after_the_journal_was_done_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let options = FjallBuilder::new(folder.path()).max_bytes(8 << 20);
    let mut engine = Fjall::open(&options).unwrap();
    engine.write(&[Write::new(Table::Records, b"one", Some(&[b'x'; 600_000]))]).unwrap();
    assert!(engine.wants_reopening());
    engine.write(&[Write::new(Table::Records, b"other", Some(b"y"))]).unwrap();
    drop(engine);
    let reader = Fjall::open(&options).unwrap().reader().unwrap();
    assert_eq!(reader.get(Table::Records, b"other", <[u8]>::to_vec).unwrap(), Some(b"y".to_vec()));
}

/// Regression: every error of a read was damage, so a shortage of descriptors signed visitors out.
#[cfg(unix)]
#[test]
fn a_table_that_cannot_be_opened_is_not_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let options = FjallBuilder::new(folder.path()).max_bytes(8 << 20);
    let mut engine = Fjall::open(&options).unwrap();
    engine.write(&[Write::new(Table::Records, b"one", Some(&[b'x'; 600_000]))]).unwrap();
    drop(engine);
    // fjall opens a table's file when it first reads from it.
    let reader = Fjall::open(&options).unwrap().reader().unwrap();
    let (_, table) = largest_table(folder.path()).unwrap();
    let aside = folder.path().join("aside");
    fs::rename(&table, &aside).unwrap();
    let read = || reader.get(Table::Records, b"one", <[u8]>::len).map_err(|error| error.kind());
    assert_eq!(read(), Err(EngineErrorKind::Damaged), "it is missing");
    std::os::unix::fs::symlink(&table, &table).unwrap();
    assert_eq!(read(), Err(EngineErrorKind::Unavailable), "it is a link to itself");
    let visit = |_: &[u8], _: &[u8]| std::ops::ControlFlow::Continue(());
    let ranged = reader.range(Table::Records, std::ops::Bound::Unbounded, visit);
    assert_eq!(ranged.unwrap_err().kind(), EngineErrorKind::Unavailable);
    fs::rename(&aside, &table).unwrap();
    assert_eq!(read(), Ok(Some(600_000)));
}

/// Regression: fjall waited for ever until its tables were merged, which the damage prevented.
#[test]
fn tables_that_cannot_be_merged_fail_writes() {
    let folder = tempfile::tempdir().unwrap();
    let options = FjallBuilder::new(folder.path()).max_bytes(8 << 20);
    // The small value fills a block, and merging reads the first block of every table first.
    let write = |engine: &mut Fjall| {
        let [small, large] = [&[b'x'; 5_000][..], &[b'x'; 550_000]];
        engine.write(&[Write::new(Table::Records, b"1", Some(small)), Write::new(Table::Records, b"2", Some(large))])
    };
    let mut engine = Fjall::open(&options).unwrap();
    write(&mut engine).unwrap();
    drop(engine);
    let (_, table) = largest_table(folder.path()).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&table, bytes).unwrap();

    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut engine = Fjall::open(&options).unwrap();
        let failed = (0..50).find_map(|_| write(&mut engine).err()).unwrap();
        drop(engine);
        let mut engine = Fjall::open(&options).unwrap();
        write(&mut engine).unwrap_err();
        let read = engine.reader().unwrap().get(Table::Records, b"2", <[u8]>::len).unwrap();
        answer.send((failed, read)).unwrap();
    });
    let (error, read) = answered.recv_timeout(std::time::Duration::from_secs(60)).expect("no write waits for ever");
    assert_eq!((error.kind(), read), (EngineErrorKind::Unavailable, Some(550_000)));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("use another folder"), "{cause}");
}

/// Regression: after a power failure in the middle of a large batch, no session could be read.
#[test]
fn a_torn_batch_at_the_end_of_the_journal_is_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let options = FjallBuilder::new(folder.path());
    let write = |key: &[u8], value| {
        let mut engine = Fjall::open(&options).unwrap();
        engine.write(&[Write::new(Table::Records, key, Some(value))]).unwrap();
    };
    let journal = folder.path().join("sessions/0.jnl");
    // Loses a part of the values that consist of this byte.
    let tear = |byte| {
        let mut bytes = fs::read(&journal).unwrap();
        bytes.chunks_mut(4096).find(|chunk| chunk.iter().all(|it| *it == byte)).unwrap().fill(0);
        fs::write(&journal, bytes).unwrap();
    };
    let length = |key: &[u8]| {
        let reader = Fjall::open(&options).unwrap().reader().unwrap();
        reader.get(Table::Records, key, <[u8]>::len).unwrap()
    };
    write(b"sound", &[b's'; 20_000]);
    write(b"torn", &[b't'; 20_000]);
    tear(b't');
    assert_eq!([b"sound", &b"torn"[..]].map(length), [Some(20_000), None]);
    write(b"next", &[b'n'; 20_000]);
    assert_eq!([b"sound", &b"torn"[..], b"next"].map(length), [Some(20_000), None, Some(20_000)]);

    // Damage before the last batch is no power failure.
    tear(b's');
    assert_eq!(Fjall::open(&options).unwrap_err().kind(), OpenErrorKind::Damaged);
}
