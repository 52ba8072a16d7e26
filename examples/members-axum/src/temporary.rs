//! A database to try the application with. Leave this file out of your own.

use test_servers::Postgres;

/// Starts a database that is gone when the program ends.
pub(crate) fn start() -> Result<Postgres, &'static str> {
    if !Postgres::can_start() {
        return Err(MISSING);
    }
    tracing::warn!("no --database: using a temporary PostgreSQL, whose users are gone when this program ends");
    Ok(Postgres::start())
}

const MISSING: &str = "there is no PostgreSQL to start: install it (on Debian `apt-get install postgresql`), or name \
     a running one with --database postgres://USER:PASSWORD@HOST/NAME";
