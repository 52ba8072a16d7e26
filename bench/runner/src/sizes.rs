//! The size of sessions in SQL databases, and of commits in their logs.

use std::process::Command;

use test_servers::{MariaDb, Postgres};

use crate::subjects::output_of;
use crate::table::{Table, plain};
use crate::{Options, Outcome, compile};

const SESSIONS: u64 = 20_000;
const TABLES: [(&str, &str); 2] = [("anonymous", "anonymous"), ("signed in", "signed_in")];

pub(crate) fn run(_: &Options) -> Outcome<String> {
    let program = compile::program("databases")?;
    let folder = tempfile::tempdir()?;
    // Automatic vacuuming would make the sizes vary.
    let postgres = Postgres::is_installed().then(|| Postgres::start_with(&[("autovacuum", "off")]));
    let mariadb = MariaDb::is_installed().then(MariaDb::start);
    let mut databases = Vec::new();
    if let Some(server) = &postgres {
        databases.push((format!("PostgreSQL {}", first_word(&server.sql("SHOW server_version"))), server.url()));
    }
    if let Some(server) = &mariadb {
        databases.push((format!("MariaDB {}", first_word(&server.sql("SELECT version()"))), server.url()));
    }
    let mut sizes = Table::new("bytes", &["session, new", "session, after three commits", "log of a commit"]);
    for (kind, table) in TABLES {
        let file = format!("sqlite:{}", folder.path().join(table).display());
        for (database, url) in databases.iter().chain([&("SQLite".to_owned(), file)]) {
            let mut command = Command::new(&program);
            command.args(["size", url, table, &SESSIONS.to_string()]);
            let output = output_of(command)?;
            println!("{database} {kind} {}", output.trim());
            let numbers = output.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
            let numbers: [f64; 3] = numbers.try_into().map_err(|_| format!("three numbers, not {output:?}"))?;
            sizes.row(&format!("{database}, {kind}"), numbers.map(|number| Some(plain(number))));
        }
    }
    Ok(format!(
        "{sizes}\n{} sessions of three small keys, each with a principal of its own if it is signed in, created by 64 clients at once. The table \
         and its indexes are counted without a VACUUM or OPTIMIZE, as they are after the creation, and after three commits to each session, \
         in random order. The log is that of one more commit, which adds one to a number: WAL in PostgreSQL, without the pages that it logs \
         whole after a checkpoint, the redo log in MariaDB, and the pages appended to the -wal in SQLite.\n",
        plain(SESSIONS as f64)
    ))
}

fn first_word(text: &str) -> &str {
    text.split([' ', '-']).next().unwrap_or_default()
}
