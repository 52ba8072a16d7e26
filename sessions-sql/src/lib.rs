#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![expect(unnameable_types, reason = "`Database` is sealed, and its private half names them")]
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, unused_imports, unused_macros, reason = "without a database there is nothing to open")
)]

mod builder;
mod connections;
mod driver;
mod engine;
mod failure;

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod room;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
mod table;

pub use builder::{SqlBuilder, SqlStore};
pub use driver::Database;
pub use engine::Sql;
#[cfg(feature = "mysql")]
pub use mysql::{MySql, MySqlStore};
#[cfg(feature = "postgres")]
pub use postgres::{Postgres, PostgresStore};
pub use sessions_remote::{OpenError, OpenErrorKind};
#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, SqliteStore};
/// The version whose pools a builder takes.
pub use sqlx;
