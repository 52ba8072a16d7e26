//! The store contract, on each database.

use crate::support::{patient, table};
use pollster::block_on;
use sessions_conformance::{Damage, Setup};
use sessions_sql::{Database, SqlBuilder, SqlStore};
use sessions_store::SessionId;

/// Sets a test up on a table of its own, which `sql` can change.
fn setup<D: Database>(
    url: &str,
    configure: fn(SqlBuilder<D>) -> SqlBuilder<D>,
    literal: fn(&str) -> String,
    sql: impl Fn(&str) + Send + Sync + 'static,
) -> Setup {
    let table = table();
    let open = || configure(patient(&table)).open(url).unwrap();
    let (store, other) = (open(), open());
    block_on(store.migrate()).unwrap();
    let spoil = move |id: SessionId, damage| {
        let hex: String = id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let id = literal(&hex);
        sql(&match damage {
            Damage::NewerFormat => {
                format!("UPDATE {table} SET head = {} || substring(head, 2) WHERE id = {id}", literal("02"))
            }
            _ => format!("UPDATE {table} SET body = substring(body, 2) WHERE id = {id}"),
        });
    };
    Setup::new(store).with_second_handle(other).damaged_by(spoil)
}

/// Returns a setup that skips the test, with a notice.
fn missing() -> Setup {
    Setup::missing("the server")
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use super::*;
    use crate::support::postgres;

    fn setup(
        url: &str,
        configure: fn(SqlBuilder<sessions_sql::Postgres>) -> SqlBuilder<sessions_sql::Postgres>,
    ) -> Setup {
        let literal = |hex: &str| format!(r"'\x{hex}'::bytea");
        super::setup(url, configure, literal, |sql| drop(postgres().sql(sql)))
    }

    mod directly {
        use super::*;

        fn setup() -> Setup {
            if !test_servers::Postgres::is_installed() {
                return missing();
            }
            super::setup(&postgres().url(), |builder| builder)
        }

        sessions_conformance::store_conformance!(pollster::block_on, setup());
        sessions_conformance::damage_conformance!(pollster::block_on, setup());
    }

    mod through_pgbouncer {
        use std::sync::OnceLock;

        use test_servers::PgBouncer;

        use super::*;

        fn setup() -> Setup {
            static POOLER: OnceLock<PgBouncer> = OnceLock::new();
            if !PgBouncer::is_installed() {
                return missing();
            }
            let settings = [("max_client_conn", "900"), ("default_pool_size", "8")];
            let pooler = POOLER.get_or_init(|| PgBouncer::start_with(postgres(), &settings));
            super::setup(&pooler.url(), |builder| builder.pgbouncer(true))
        }

        sessions_conformance::store_conformance!(pollster::block_on, setup());
        sessions_conformance::damage_conformance!(pollster::block_on, setup());
    }
}

#[cfg(feature = "mysql")]
mod on_mariadb {
    use super::*;
    use crate::support::mariadb;

    fn setup() -> Setup {
        if !test_servers::MariaDb::is_installed() {
            return missing();
        }
        let literal = |hex: &str| format!("x'{hex}'");
        let sql = |sql: &str| {
            let sql = sql.replace("x'02' || substring(head, 2)", "concat(x'02', substring(head, 2))");
            drop(mariadb().sql(&sql));
        };
        super::setup::<sessions_sql::MySql>(&mariadb().url(), |builder| builder, literal, sql)
    }

    sessions_conformance::store_conformance!(pollster::block_on, setup());
    sessions_conformance::damage_conformance!(pollster::block_on, setup());
}

#[cfg(feature = "sqlite")]
mod on_sqlite {
    use sqlx::Connection;

    use super::*;

    fn setup() -> Setup {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.sqlite").display().to_string();
        let url = format!("sqlite:{file}");
        let sql = move |sql: &str| {
            // A text and a blob are joined to a text, which is stored as it is: a blob again.
            let sql = sql.replace("x'02' || substring(head, 2)", "CAST(x'02' || substring(head, 2) AS BLOB)");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = sqlx::SqliteConnection::connect(&file).await.unwrap();
                sqlx::raw_sql(&sql).execute(&mut connection).await.unwrap();
            });
        };
        let literal = |hex: &str| format!("x'{hex}'");
        super::setup::<sessions_sql::Sqlite>(&url, |builder| builder, literal, sql).keeping(folder)
    }

    sessions_conformance::store_conformance!(pollster::block_on, setup());
    sessions_conformance::damage_conformance!(pollster::block_on, setup());
}
