//! SQLite.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sessions_disk::files;
use sessions_remote::{OpenError, OpenErrorKind, RemoteStore, UrlOptions};
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use crate::driver::{Driver, Need, Sent, send_with_sqlx};
use crate::engine::Sql;
use crate::failure::Verdict;
use crate::room::{Room, WAL_PAGES};
use crate::statements::Statement;

/// Sessions in a file of SQLite.
pub type SqliteStore = RemoteStore<Sql<Sqlite>>;

/// SQLite, which is built in. Several processes of one machine may share a file.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sqlite;

/// What SQLite appends to the database's path for the files beside it. They get its permissions.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Maximum number of sessions that a sweep removes at once while the disk is full.
const SMALL_SWEEP: usize = 50;

/// The ways to write to the disk.
const SYNCHRONOUS: &[(&str, SqliteSynchronous)] =
    &[("full", SqliteSynchronous::Full), ("normal", SqliteSynchronous::Normal)];

impl Driver for Sqlite {
    type Sqlx = sqlx::Sqlite;
    type Room = Room;

    const NAME: &'static str = "sqlite";
    const SCHEMES: &'static [&'static str] = &["sqlite:"];
    const OWN_OPTIONS: &'static [&'static str] = &["synchronous"];
    const CONNECTIONS: u32 = 4;
    const WRITERS: usize = 1;
    const SQL: &'static str = include_str!("sql/sqlite.sql");

    fn connect_options(base: &str, url: &UrlOptions, patience: Duration) -> Result<SqliteConnectOptions, OpenError> {
        let path = base.strip_prefix("sqlite:").unwrap_or(base);
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
            let reason = "a store of SQLite is a file, sqlite:PATH (for sessions in memory there is MemoryStore)";
            return Err(OpenError::new(OpenErrorKind::Url, reason));
        }
        // Connections are made later, when the process may be in another folder.
        let path = &*files::absolute(path);
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            let reason = format!("the folder {} of its file does not exist", folder.display());
            return Err(OpenError::new(OpenErrorKind::Folder, reason));
        }
        let synchronous = url.one_of("synchronous", SYNCHRONOUS)?.unwrap_or(SqliteSynchronous::Full);
        prepare_file(path).map_err(|error| {
            let place = error.path().unwrap_or(path).display();
            OpenError::new(OpenErrorKind::File, format!("{place}: {}", error.reason())).caused_by(error)
        })?;
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
        let options = options.pragma("wal_autocheckpoint", WAL_PAGES);
        Ok(options.busy_timeout(patience).disable_statement_logging())
    }

    send_with_sqlx!();

    fn room(options: &SqliteConnectOptions) -> Option<Room> {
        Some(Room::open(options.get_filename()))
    }

    fn sweep_limit(room: Option<&Room>) -> usize {
        if room.is_none_or(Room::is_ample) { usize::MAX } else { SMALL_SWEEP }
    }

    async fn write(
        connection: &mut SqliteConnection,
        statement: &Statement<'_>,
        room: Option<&Room>,
        need: Need,
    ) -> sqlx::Result<Sent> {
        match room {
            Some(room) => room.send(connection, statement, need).await,
            None => Self::send(connection, statement).await,
        }
    }

    fn place(options: &SqliteConnectOptions) -> String {
        options.get_filename().display().to_string()
    }

    fn judge(error: &dyn DatabaseError) -> Verdict {
        let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        // The primary code is in the last byte.
        match code & 0xff {
            // Busy, locked, the schema has changed.
            5 | 6 | 17 => Verdict::Again,
            13 => Verdict::Full,
            // The file of shared memory cannot be made larger.
            _ if code == 4874 => Verdict::Full,
            8 => Verdict::ReadOnly,
            // The disk failed, perhaps after a commit was in the -wal: a crash may recover it.
            10 => Verdict::Unknown,
            23 => Verdict::Denied,
            // Permission, cannot open.
            3 | 14 => Verdict::NoAccess,
            // Damaged, no database.
            11 | 26 => Verdict::Damaged,
            // An error of the statement's text, which names the table and its columns.
            1 => Verdict::NoTable,
            _ => Verdict::Refused,
        }
    }
}

/// Creates the database file for its owner only, or checks the one that is there.
///
/// SQLite would follow a link, trust what anybody has written, and create the file as the umask
/// says.
fn prepare_file(path: &Path) -> Result<(), sessions_disk::OpenError> {
    /// Creating the file opens and closes it, which would drop the locks of a store that has just
    /// opened it in another thread.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    files::prepare_private(Sqlite::NAME, path)?;
    BESIDE.iter().try_for_each(|suffix| files::check_private(Sqlite::NAME, &beside(path, suffix)))?;
    files::make_private(path).map_err(|error| sessions_disk::OpenError::io(Sqlite::NAME, error).at(path))
}

/// Returns the path of a file beside the database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
