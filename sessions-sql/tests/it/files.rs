//! Files of SQLite: shared by several handles, locked, read-only, missing.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::{env, fs};

use crate::support::{
    NOW, assert_increments_survive, assert_usable, chain, count, increment, migrated, patient, poll_and_drop, stored,
};
use pollster::block_on;
use sessions_disk::testing;
use sessions_sql::{OpenErrorKind, SqlStore, Sqlite, SqliteStore};
use sessions_store::{Store, StoreErrorKind};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection, SqliteConnection};

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("sessions.sqlite").display())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Opens the store at a path, which has a file if it was opened before.
fn opened(path: &Path) -> SqliteStore {
    migrated::<Sqlite>(&format!("sqlite:{}", path.display()), "sessions")
}

#[test]
fn acknowledged_writes_survive_kills() {
    testing::store_survives_kills("files::acknowledged_writes_survive_kills", opened);
}

/// So `synchronous` is `full` by default, as documented.
#[test]
#[cfg(target_os = "linux")]
fn acknowledged_writes_survive_power_losses() {
    testing::survives_power_losses("files::acknowledged_writes_survive_power_losses", opened);
}

#[test]
fn several_handles_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let stores: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| migrated::<Sqlite>(&url(folder.path()), "sessions"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failed = assert_increments_survive(&[&stores[0], &stores[1], &stores[2], &stores[3]], 50, || {});
    assert_eq!(failed, 0);
    stores.iter().for_each(|store| assert_usable(store));
}

/// Regression: later connections looked for the file in the other folder.
///
/// The folder is that of the whole process, so the test runs in one of its own.
#[test]
fn a_relative_path_outlives_a_change_of_folder() {
    const CHILD: &str = "SESSIONS_CHANGE_OF_FOLDER";
    if env::var_os(CHILD).is_some() {
        let store = SqliteStore::open("sqlite:sessions.sqlite").unwrap();
        env::set_current_dir("/").unwrap();
        block_on(store.migrate()).unwrap();
        return assert_usable(&store);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "files::a_relative_path_outlives_a_change_of_folder"]);
    let output = child.env(CHILD, "1").current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(folder.path().join("sessions.sqlite").exists());
}

#[test]
fn a_file_outlives_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = migrated::<Sqlite>(&url(folder.path()), "sessions");
    let record = stored(&store);
    increment(&store, &record).unwrap();
    drop(store);
    let store = SqliteStore::open(&format!("{}?synchronous=normal&max_connections=1", url(folder.path()))).unwrap();
    assert_eq!(count(&store, &record), 1);
}

#[test]
fn a_lock_of_another_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = migrated::<Sqlite>(&url(folder.path()), "sessions");
    let record = stored(&store);
    let hasty = patient::<Sqlite>("sessions").load_deadline(Duration::from_millis(100));
    let hasty = hasty.commit_deadline(Duration::from_millis(100)).open(&url(folder.path())).unwrap();
    runtime().block_on(async {
        let mut other = SqliteConnection::connect(&url(folder.path())).await.unwrap();
        let writes = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let error = increment(&hasty, &record).unwrap_err();
        assert!(matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::TimedOut));
        writes.rollback().await.unwrap();
    });
    increment(&store, &record).unwrap();
}

#[test]
fn a_folder_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(&url(&folder.path().join("none"))).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Folder);
    assert!(error.to_string().ends_with("none of its file does not exist"), "{error}");
    for (url, part) in [
        ("sqlite:", "sqlite:PATH"),
        ("sqlite::memory:", "MemoryStore"),
        ("sqlite:x?synchronous=off", "has to be full or normal"),
        ("sqlite:x?schema=app", "`schema` of the URL is unknown"),
        ("postgres://localhost", "does not begin with sqlite:"),
    ] {
        let error = SqliteStore::open(url).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// Checks that a store is not opened, with a message that begins with a path.
#[cfg(unix)]
#[track_caller]
fn assert_refused(folder: &Path, path: &Path, reason: &str) {
    let error = SqliteStore::open(&url(folder)).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::File);
    let message = format!("cannot open the session store: {}: {reason}", path.display());
    assert!(error.to_string().starts_with(&message), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
#[cfg(unix)]
fn untrusted_files_are_refused() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.sqlite");
    fs::create_dir(&file).unwrap();
    assert_refused(folder.path(), &file, "it is a folder");
    fs::remove_dir(&file).unwrap();

    let target = folder.path().join("target");
    symlink(&target, &file).unwrap();
    assert_refused(folder.path(), &file, "it is a symbolic link");
    assert!(!target.exists(), "nothing is created where a link points to");
    fs::write(&target, "").unwrap();
    assert_refused(folder.path(), &file, "it is a symbolic link");
    fs::remove_file(&file).unwrap();

    let kept = migrated::<Sqlite>(&url(folder.path()), "sessions");
    let record = stored(&kept);
    for suffix in ["", "-wal", "-shm"] {
        let file = folder.path().join(format!("sessions.sqlite{suffix}"));
        fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        assert_refused(folder.path(), &file, "other users may write to it");
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        // Only root can give files away.
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path()).unwrap());
        if chown(&file, Some(12_345), None).is_ok() {
            assert_refused(folder.path(), &file, "it belongs to another user");
            chown(&file, Some(owner), None).unwrap();
        }
    }
    let store = SqliteStore::open(&url(folder.path())).unwrap();
    assert_eq!(count(&store, &record), 0);
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.sqlite");
    for _ in 0..2 {
        let store = migrated::<Sqlite>(&url(folder.path()), "sessions");
        stored(&store);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", entry.path().display());
        }
        assert!(fs::read_dir(folder.path()).unwrap().count() >= 3, "there are a -wal and a -shm");
        // Also those of one that others could read until now.
        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    }
}

/// A process that closes any descriptor of a file loses all its locks on it. Without them, another
/// process may take the -wal for its own to remove.
#[test]
#[cfg(target_os = "linux")]
fn opening_a_file_again_keeps_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    let store = migrated::<Sqlite>(&url(folder.path()), "sessions");
    let record = stored(&store);
    let file = fs::metadata(folder.path().join("sessions.sqlite")).unwrap();
    let inode = format!(":{} ", std::os::unix::fs::MetadataExt::ino(&file));
    let is_locked = || fs::read_to_string("/proc/locks").unwrap().contains(&inode);
    assert!(is_locked());
    let again = SqliteStore::open(&url(folder.path())).unwrap();
    assert!(is_locked());
    drop(again);
    assert_eq!(count(&store, &record), 0);
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.sqlite");
    fs::write(&file, vec![b'x'; 8192]).unwrap();
    let error = block_on(SqliteStore::open(&url(folder.path())).unwrap().migrate()).unwrap_err();
    let message = format!("the sqlite database {} is damaged, or", file.display());
    assert!(chain(&error).contains(&message), "{}", chain(&error));

    // It goes after the store was opened, and is not created anew.
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&url(folder.path())).unwrap();
    let file = folder.path().join("sessions.sqlite");
    fs::remove_file(&file).unwrap();
    let error = block_on(store.migrate()).unwrap_err();
    let message = format!("the sqlite database {} cannot be opened: is the file there", file.display());
    assert!(chain(&error).contains(&message), "{}", chain(&error));

    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&url(folder.path())).unwrap();
    let error = block_on(store.ping()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).contains("run `migrate()`"), "{}", chain(&error));
}

#[test]
fn a_full_database_creates_nothing_and_deletes() {
    let folder = tempfile::tempdir().unwrap();
    drop(migrated::<Sqlite>(&url(folder.path()), "sessions"));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("sessions.sqlite"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let pool = sqlx::SqlitePool::connect_lazy_with(options.pragma("max_page_count", "30"));
        SqliteStore::builder().open_pool(pool).unwrap()
    });
    let large = vec![b'1'; 20_000];
    let mut created = Vec::new();
    let full = loop {
        let record = crate::support::record().entry("large", &large).build().unwrap();
        let answer = block_on(Store::create(&store, &record)).unwrap();
        if answer != sessions_store::Created::STORED {
            break answer;
        }
        created.push(record);
        assert!(created.len() < 100, "the database does not fill up");
    };
    assert_eq!(full, sessions_store::Created::Full);
    assert!(!created.is_empty());
    assert!(block_on(Store::destroy(&store, created[0].id())).unwrap());
}

/// Regression: it was longer than a clock can show.
#[test]
fn a_deadline_may_be_endless() {
    let folder = tempfile::tempdir().unwrap();
    let builder = SqliteStore::builder().load_deadline(Duration::MAX).commit_deadline(Duration::MAX);
    let store = builder.open(&url(folder.path())).unwrap();
    block_on(store.migrate()).unwrap();
    assert_usable(&store);
}

#[test]
fn a_call_may_be_dropped_at_any_await() {
    let folder = tempfile::tempdir().unwrap();
    crate::support::assert_calls_may_be_dropped::<Sqlite>(&url(folder.path()));
}

/// Regression: a pool that keeps a minimum starts a task whenever a connection is dropped, which
/// panicked outside a runtime and otherwise ran on that of the store.
#[test]
fn a_pool_with_a_minimum_may_be_shared() {
    let folder = tempfile::tempdir().unwrap();
    let record = stored(&migrated::<Sqlite>(&url(folder.path()), "sessions"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("sessions.sqlite"));
        let pool = SqlitePoolOptions::new().min_connections(1).connect_lazy_with(options);
        SqliteStore::builder().load_deadline(Duration::from_secs(20)).open_pool(pool).unwrap()
    });
    for polls in 1..10 {
        poll_and_drop(store.load(record.id(), NOW), polls);
    }
    assert_eq!(count(&store, &record), 0);
}

/// Regression: all idle connections of the application were closed.
#[test]
fn a_read_only_pool_keeps_its_connections() {
    let folder = tempfile::tempdir().unwrap();
    let owner = migrated::<Sqlite>(&url(folder.path()), "sessions");
    let record = stored(&owner);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (store, pool) = runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("sessions.sqlite"));
        let pool = SqlitePoolOptions::new().max_connections(3).connect_lazy_with(options.read_only(true));
        drop([pool.acquire().await.unwrap(), pool.acquire().await.unwrap(), pool.acquire().await.unwrap()]);
        (SqliteStore::builder().open_pool(pool.clone()).unwrap(), pool)
    });
    while pool.num_idle() < 3 {
        thread::yield_now();
    }
    let error = increment(&store, &record).unwrap_err();
    assert!(chain(&error).contains("is read-only"), "{}", chain(&error));
    assert_eq!(pool.size(), 2, "the one that was used is closed");
}

/// Regression: an index of that name existed, and each login scanned the table.
#[test]
fn indexes_of_a_renamed_table_are_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = migrated::<Sqlite>(&url(folder.path()), "sessions");
    let run = |sql: &'static str| {
        let path = format!("sqlite:{}", folder.path().join("sessions.sqlite").display());
        let mut connection = runtime().block_on(SqliteConnection::connect(&path)).unwrap();
        runtime().block_on(sqlx::raw_sql(sql).execute(&mut connection)).unwrap();
    };
    run("ALTER TABLE sessions RENAME TO old");
    let error = block_on(store.migrate()).unwrap_err();
    assert!(chain(&error).contains("set another `table`"), "{}", chain(&error));
    run("DROP INDEX sessions_principal; DROP INDEX sessions_sweep_from");
    block_on(store.migrate()).unwrap();
    assert_usable(&store);
}
