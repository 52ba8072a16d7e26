//! The store contract, on each database.

use crate::support::{mariadb, migrated, postgres, table};
use sessions_conformance::{Damage, Setup};
use sessions_core::SessionId;
use sessions_core::store::MemoryStore;
use sessions_sql::Database;

/// Sets a test up on a table of its own, which `sql` can change.
fn setup<D: Database>(url: &str, literal: fn(&str) -> String, sql: impl Fn(&str) + Send + Sync + 'static) -> Setup {
    let table = table();
    let (store, other) = (migrated::<D>(url, &table), migrated::<D>(url, &table));
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

/// Returns a setup that tests nothing, after a notice that the server is not installed.
fn missing() -> Setup {
    Setup::new(MemoryStore::default()).damaged_by(|_, _| {})
}

mod on_postgres {
    use super::*;

    fn setup() -> Setup {
        if !test_servers::Postgres::is_installed() {
            return missing();
        }
        let literal = |hex: &str| format!(r"'\x{hex}'::bytea");
        super::setup::<sessions_sql::Postgres>(&postgres().url(), literal, |sql| drop(postgres().sql(sql)))
    }

    sessions_conformance::store_conformance!(pollster::block_on, setup());
    sessions_conformance::damage_conformance!(pollster::block_on, setup());
}

mod on_mariadb {
    use super::*;

    fn setup() -> Setup {
        if !test_servers::MariaDb::is_installed() {
            return missing();
        }
        let literal = |hex: &str| format!("x'{hex}'");
        let sql = |sql: &str| {
            let sql = sql.replace("x'02' || substring(head, 2)", "concat(x'02', substring(head, 2))");
            drop(mariadb().sql(&sql));
        };
        super::setup::<sessions_sql::MySql>(&mariadb().url(), literal, sql)
    }

    sessions_conformance::store_conformance!(pollster::block_on, setup());
    sessions_conformance::damage_conformance!(pollster::block_on, setup());
}

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
        super::setup::<sessions_sql::Sqlite>(&url, literal, sql).keeping(folder)
    }

    sessions_conformance::store_conformance!(pollster::block_on, setup());
    sessions_conformance::damage_conformance!(pollster::block_on, setup());
}
