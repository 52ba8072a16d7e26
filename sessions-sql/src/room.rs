//! Room on the disk of a SQLite file, kept for ending sessions.

use std::io;
use std::path::Path;

use sessions_disk::{Reserve, files};
use sqlx::{Executor, SqliteConnection};

use crate::driver::{Driver, Need, Sent};
use crate::failure::{Verdict, verdict};
use crate::sqlite::{Sqlite, beside};
use crate::statements::Statement;

/// Length of the reserve. It holds what the -wal holds at most, and some transactions.
const RESERVE: u64 = 4 << 20;
/// Free space from which on the reserve is allocated again, so that the next write does not need
/// it.
const AMPLE: u64 = RESERVE / 2 * 3;
/// Free space that sessions of users leave to those who sign out.
const LEFT: u64 = RESERVE / 4;
/// Number of free pages in the file that anonymous sessions leave to users.
const FREE_PAGES: i64 = 64;
/// Number of pages in the -wal after which they go into the file.
///
/// On a full disk they cannot, the -wal grows on, and no write succeeds any more. Released, the
/// reserve has room for all of them.
pub(crate) const WAL_PAGES: &str = "256";

/// A reserve of disk space beside a file of SQLite.
///
/// While it is gone, the disk is full: the file no longer grows, unless for users, and anonymous
/// sessions are refused unless many have ended. What ends sessions has the room of the reserve.
/// Every process that uses the file sees whether the reserve is there, also after a restart.
#[derive(Debug)]
pub struct Room {
    reserve: Reserve,
    file: Box<Path>,
}

impl Room {
    /// Allocates the reserve of a database file, if the disk has ample room.
    ///
    /// Releases it if there is too little room to open the database.
    pub(crate) fn open(file: &Path) -> Self {
        let room = Self { reserve: Reserve::new(&beside(file, "-reserve"), RESERVE), file: file.into() };
        if room.is_ample() && room.free().is_some_and(|free| free < LEFT) {
            room.reserve.release();
        }
        room
    }

    /// Returns whether the disk has room for all sessions. Allocates the reserve as soon as it has.
    pub(crate) fn is_ample(&self) -> bool {
        self.reserve.exists() || (self.free().is_none_or(|free| free >= AMPLE) && self.reserve.try_allocate())
    }

    fn free(&self) -> Option<u64> {
        files::free_space(&self.file)
    }

    /// Sends a statement that writes, with the room that it may use.
    pub(crate) async fn send(
        &self,
        connection: &mut SqliteConnection,
        statement: &Statement<'_>,
        need: Need,
    ) -> sqlx::Result<Sent> {
        if self.is_ample() {
            match Sqlite::send(connection, statement).await {
                Err(error) if verdict::<Sqlite>(&error) == Verdict::Full => {}
                sent => return sent,
            }
            self.reserve.release();
            // Fails while another process reads, which a later write makes up for.
            let _ = empty_wal(connection).await;
        }
        let may_grow = match need {
            Need::End => true,
            Need::User => self.free().is_some_and(|free| free >= LEFT),
            Need::Guest if free_pages(connection).await? < FREE_PAGES => {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "what is left is for users").into());
            }
            Need::Guest => false,
        };
        if may_grow {
            return send_or_empty_wal(connection, statement).await;
        }
        // SQLite raises a limit below the current page count to that count. The limit belongs to
        // the connection.
        connection.execute("PRAGMA max_page_count = 1").await?;
        let sent = send_or_empty_wal(connection, statement).await;
        // A connection that keeps the limit is closed: what it has done is unknown.
        connection.execute("PRAGMA max_page_count = 4294967294").await.map_err(io::Error::other)?;
        sent
    }
}

/// Sends a statement, once more if the -wal had no room for it.
async fn send_or_empty_wal(connection: &mut SqliteConnection, statement: &Statement<'_>) -> sqlx::Result<Sent> {
    match Sqlite::send(connection, statement).await {
        Err(error) if verdict::<Sqlite>(&error) == Verdict::Full => {
            empty_wal(connection).await?;
            Sqlite::send(connection, statement).await
        }
        sent => sent,
    }
}

/// Writes the pages of the -wal into the file, and gives its space back to the disk.
async fn empty_wal(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.map(drop)
}

/// Returns the number of pages in the file that hold nothing.
async fn free_pages(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA freelist_count").fetch_one(connection).await
}
