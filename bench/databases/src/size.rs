//! The size of sessions in a table, and of a commit in the database's log.

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use sessions_core::{Session, Sessions};
use sqlx::{Connection, MySqlConnection, PgConnection, SqliteConnection};

use crate::ours;

const CLIENTS: usize = 64;
/// Number of commits to each session before it is measured again.
const ROUNDS: usize = 3;
/// Number of commits whose log is measured.
const LOGGED: usize = 2000;

/// Creates sessions in a table of their own, and commits to all of them.
///
/// Prints the table's bytes per session, new and after the commits, and the bytes of log of one
/// commit. `table` is `anonymous` or `signed_in`.
pub(crate) async fn run(url: &str, table: &str, count: usize) {
    // Waiting for the disk would only take time.
    let sync = if url.starts_with("sqlite") { "&synchronous=normal" } else { "" };
    let options = format!("table={table}&load_deadline_ms=20000&commit_deadline_ms=20000{sync}");
    let store = ours::open(&format!("{url}?{options}")).await;
    let sessions = Sessions::builder().store(store).sweep_every(None).build().expect("the options are sound");
    let mut database = Database::connect(url).await;
    let created = create(&sessions, count, table == "signed_in").await;
    let new = database.bytes_of(table).await;
    for _ in 0..ROUNDS {
        commit(&created, count).await;
    }
    let used = database.bytes_of(table).await;
    database.keep_log(table).await;
    let before = database.log_position(url).await;
    commit(&created, LOGGED).await;
    let logged = database.log_position(url).await - before;
    let per = |bytes: i64, count: usize| bytes as f64 / count as f64;
    println!("{:.1} {:.1} {:.1}", per(new, count), per(used, count), per(logged, LOGGED));
}

/// Creates sessions as requests do, for many clients at once, and returns them in random order.
async fn create(sessions: &Sessions, count: usize, are_signed_in: bool) -> Arc<Vec<Session>> {
    let client = |first| {
        let sessions = sessions.clone();
        tokio::spawn(async move {
            let mut created = Vec::new();
            for number in (first..count).step_by(CLIENTS) {
                let principal = are_signed_in.then(|| format!("user-{number:05}"));
                let order = BuildHasherDefault::<DefaultHasher>::default().hash_one(number);
                created.push((order, begin(&sessions, principal).await));
            }
            created
        })
    };
    let mut created = Vec::new();
    for task in (0..CLIENTS).map(client).collect::<Vec<_>>() {
        created.extend(task.await.expect("a client does not panic"));
    }
    created.sort_unstable_by_key(|(order, _)| *order);
    Arc::new(created.into_iter().map(|(_, session)| session).collect())
}

async fn begin(sessions: &Sessions, principal: Option<String>) -> Session {
    let exchange = sessions.open();
    let session = exchange.session(None).await.expect("there is nothing to load");
    hot::login(&session).expect("the values can be set");
    if let Some(principal) = principal {
        session.login(principal).expect("the name is valid");
    }
    session.save().await.expect("the store writes");
    let _ = exchange.end(200).await.expect("nothing is left");
    session
}

/// Increments a number in each of the first `count` sessions.
async fn commit(sessions: &Arc<Vec<Session>>, count: usize) {
    let client = |first| {
        let sessions = Arc::clone(sessions);
        tokio::spawn(async move {
            for session in sessions.iter().take(count).skip(first).step_by(CLIENTS) {
                session.increment("n", 1).expect("it is a number");
                session.save().await.expect("the store writes");
            }
        })
    };
    for task in (0..CLIENTS).map(client).collect::<Vec<_>>() {
        task.await.expect("a client does not panic");
    }
}

/// A connection to the store's database.
enum Database {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    async fn connect(url: &str) -> Self {
        const THERE: &str = "the database is there";
        match url.split(':').next() {
            Some("postgres") => Self::Postgres(PgConnection::connect(url).await.expect(THERE)),
            Some("mysql") => Self::MariaDb(MySqlConnection::connect(url).await.expect(THERE)),
            _ => Self::Sqlite(SqliteConnection::connect(url).await.expect(THERE)),
        }
    }

    /// Returns the bytes of a table with its indexes. In SQLite, it is the only one.
    async fn bytes_of(&mut self, table: &str) -> i64 {
        let bytes = match self {
            Self::Postgres(connection) => {
                let text = format!("SELECT pg_total_relation_size('{table}')");
                sqlx::query_scalar(&text).fetch_one(connection).await
            }
            Self::MariaDb(connection) => {
                // `ANALYZE` counts the pages.
                let analyze = format!("ANALYZE TABLE {table}");
                sqlx::raw_sql(&analyze).execute(&mut *connection).await.expect("the table is there");
                let text = "SELECT CAST(data_length + index_length AS SIGNED) FROM information_schema.tables \
                            WHERE table_schema = database() AND table_name = ?";
                sqlx::query_scalar(text).bind(table).fetch_one(connection).await
            }
            Self::Sqlite(connection) => {
                let text = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
                sqlx::query_scalar(text).fetch_one(connection).await
            }
        };
        bytes.expect("the database counts")
    }

    /// Makes SQLite's log grow only: its pages are not written to the file during a read
    /// transaction.
    async fn keep_log(&mut self, table: &str) {
        if let Self::Sqlite(connection) = self {
            let text = format!("PRAGMA wal_checkpoint(TRUNCATE); BEGIN; SELECT count(*) FROM {table}");
            sqlx::raw_sql(&text).execute(connection).await.expect("the table is there");
        }
    }

    /// Returns the number of bytes logged so far.
    async fn log_position(&mut self, url: &str) -> i64 {
        let position = match self {
            Self::Postgres(connection) => {
                let text = "SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS bigint)";
                sqlx::query_scalar(text).fetch_one(connection).await
            }
            Self::MariaDb(connection) => {
                let text = "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status \
                            WHERE variable_name = 'innodb_lsn_current'";
                sqlx::query_scalar(text).fetch_one(connection).await
            }
            Self::Sqlite(_) => {
                let log = format!("{}-wal", url.trim_start_matches("sqlite:"));
                return fs::metadata(log).expect("the log is there").len() as i64;
            }
        };
        position.expect("the database counts")
    }
}
