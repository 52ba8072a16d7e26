//! The store that `--store` names.

use std::error::Error;
use std::sync::Arc;

use sessions_core::store::{MemoryStore, Store};

use crate::Failure;

type Opened = Result<Arc<dyn Store>, Failure>;

/// The engine of a store, which the scheme of the URL names.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Memory,
    Redb,
    Fjall,
    Redis,
    Postgres,
    MySql,
    Sqlite,
}

/// Opens the store that a URL names, with at most `sessions_max` sessions.
///
/// A failure does not show the URL, which may hold a password.
pub(crate) fn open(url: &str, sessions_max: Option<u64>) -> Opened {
    let (scheme, path) = url.split_once(':').unwrap_or((url, ""));
    match Engine::named(scheme) {
        Some(Engine::Memory) if path.is_empty() => Ok(Arc::new(memory(sessions_max))),
        Some(Engine::Memory) => Err(refusal("memory: takes nothing after the colon")),
        Some(Engine::Redb | Engine::Fjall) if path.is_empty() => {
            Err(refusal(format!("{scheme}: needs a path, {scheme}:PATH")))
        }
        // A file of that name would be made without a word about the option.
        Some(Engine::Redb | Engine::Fjall) if path.contains('?') => {
            Err(refusal(format!("{scheme}: takes no options; leave out what begins with `?`")))
        }
        Some(Engine::Redb) => redb(path, sessions_max),
        Some(Engine::Fjall) => fjall(path, sessions_max),
        Some(Engine::Redis) if sessions_max.is_some() => Err(Failure::new("Redis has no limit on sessions")
            .context("--sessions-max")
            .advice("set maxmemory on the server instead")),
        Some(Engine::Redis) => redis(url),
        Some(Engine::Postgres | Engine::MySql | Engine::Sqlite) if sessions_max.is_some() => {
            Err(Failure::new("SQL databases have no limit on sessions").context("--sessions-max"))
        }
        Some(Engine::Postgres) => postgres(url),
        Some(Engine::MySql) => mysql(url),
        Some(Engine::Sqlite) if path.is_empty() => Err(refusal("sqlite: needs a path, sqlite:PATH")),
        Some(Engine::Sqlite) => sqlite(url),
        None => Err(refusal("no such store").advice("try memory: or redb:PATH or redis://localhost")),
    }
}

impl Engine {
    /// Returns the engine of a scheme. The Redis store itself refuses schemes that it does not
    /// know.
    fn named(scheme: &str) -> Option<Self> {
        match scheme {
            "memory" => Some(Self::Memory),
            "redb" => Some(Self::Redb),
            "fjall" => Some(Self::Fjall),
            "unix" => Some(Self::Redis),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            "sqlite" => Some(Self::Sqlite),
            _ if scheme.starts_with("redis") || scheme.starts_with("valkey") => Some(Self::Redis),
            _ => None,
        }
    }
}

fn memory(sessions_max: Option<u64>) -> MemoryStore {
    let builder = MemoryStore::builder();
    match sessions_max {
        Some(max) => builder.max_sessions(usize::try_from(max).unwrap_or(usize::MAX)).build(),
        None => builder.build(),
    }
}

#[cfg(feature = "redb")]
fn redb(path: &str, sessions_max: Option<u64>) -> Opened {
    let builder = sessions_redb::RedbBuilder::new(path);
    let builder = match sessions_max {
        Some(max) => builder.max_sessions(max),
        None => builder,
    };
    Ok(Arc::new(builder.open().map_err(refusal)?))
}

#[cfg(feature = "fjall")]
fn fjall(path: &str, sessions_max: Option<u64>) -> Opened {
    let builder = sessions_fjall::FjallBuilder::new(path);
    let builder = match sessions_max {
        Some(max) => builder.max_sessions(max),
        None => builder,
    };
    Ok(Arc::new(builder.open().map_err(refusal)?))
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Opened {
    Ok(Arc::new(sessions_redis::RedisStore::open(url).map_err(refusal)?))
}

/// Opens a store in an SQL database and creates its table.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
fn sql<D: sessions_sql::Database>(url: &str) -> Opened {
    use sessions_sql::SqlStore;

    let store = sessions_sql::SqlBuilder::<D>::default().open(url).map_err(refusal)?;
    pollster::block_on(store.migrate()).map_err(refusal)?;
    Ok(Arc::new(store))
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> Opened {
    sql::<sessions_sql::Postgres>(url)
}

#[cfg(feature = "mysql")]
fn mysql(url: &str) -> Opened {
    sql::<sessions_sql::MySql>(url)
}

#[cfg(feature = "sqlite")]
fn sqlite(url: &str) -> Opened {
    sql::<sessions_sql::Sqlite>(url)
}

#[cfg(not(feature = "redb"))]
fn redb(_path: &str, _sessions_max: Option<u64>) -> Opened {
    Err(not_built_in("redb"))
}

#[cfg(not(feature = "fjall"))]
fn fjall(_path: &str, _sessions_max: Option<u64>) -> Opened {
    Err(not_built_in("fjall"))
}

#[cfg(not(feature = "redis"))]
fn redis(_url: &str) -> Opened {
    Err(not_built_in("redis"))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_url: &str) -> Opened {
    Err(not_built_in("postgres"))
}

#[cfg(not(feature = "mysql"))]
fn mysql(_url: &str) -> Opened {
    Err(not_built_in("mysql"))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_url: &str) -> Opened {
    Err(not_built_in("sqlite"))
}

#[cfg_attr(
    all(
        feature = "redb",
        feature = "fjall",
        feature = "redis",
        feature = "postgres",
        feature = "mysql",
        feature = "sqlite",
        not(test)
    ),
    expect(dead_code, reason = "every store is built in")
)]
fn not_built_in(feature: &str) -> Failure {
    let advice = format!("add `--features {feature}` to the cargo command");
    refusal(format!("the {feature} store is not built in")).advice(advice)
}

fn refusal(error: impl Into<Box<dyn Error>>) -> Failure {
    Failure::new(error).context("--store")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str) -> Option<&'static str> {
        open(url, None).ok().map(|store| store.name())
    }

    fn failure(url: &str, sessions_max: Option<u64>) -> String {
        format!("{:?}", open(url, sessions_max).unwrap_err())
    }

    #[test]
    fn a_url_names_its_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        assert_eq!(name("memory:"), Some("memory"));
        assert_eq!(name(&format!("redb:{path}/sessions.redb")), cfg!(feature = "redb").then_some("redb"));
        assert_eq!(name(&format!("fjall:{path}/sessions")), cfg!(feature = "fjall").then_some("fjall"));
        let sqlite = format!("sqlite:{path}/sessions.sqlite");
        assert_eq!(name(&sqlite), cfg!(feature = "sqlite").then_some("sqlite"));
        assert_eq!(name("nowhere:"), None);
        assert_eq!(name("redb:"), None);
        assert_eq!(name("memory:sessions"), None);
    }

    #[test]
    fn every_scheme_of_redis_is_passed_on() {
        for scheme in [
            "redis",
            "rediss",
            "redis+unix",
            "redis-cluster",
            "rediss-cluster",
            "unix",
            "valkey",
            "valkeys",
            "valkey+unix",
            "valkey-cluster",
            "valkeys-cluster",
        ] {
            assert_eq!(Engine::named(scheme), Some(Engine::Redis), "{scheme}");
            let is_unix = scheme.ends_with("unix");
            let url = format!("{scheme}://{}", if is_unix { "/run/redis.sock" } else { "localhost" });
            assert_eq!(name(&url), cfg!(feature = "redis").then_some("redis"), "{url}");
        }
    }

    #[test]
    fn a_failure_shows_the_reason_and_no_password() {
        for (url, line) in [
            ("nowhere:", "--store: no such store; try memory: or redb:PATH or redis://localhost"),
            ("redb:", "--store: redb: needs a path, redb:PATH"),
            ("sqlite:", "--store: sqlite: needs a path, sqlite:PATH"),
            ("memory:sessions", "--store: memory: takes nothing after the colon"),
        ] {
            assert_eq!(failure(url, None), line);
        }
        let line = failure("redis://:hunter2@localhost:port", None);
        assert!(line.starts_with("--store: ") && !line.contains("hunter2"), "{line}");
    }

    #[test]
    fn an_option_of_a_store_on_the_disk_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for scheme in ["redb", "fjall"] {
            let url = format!("{scheme}:{}/x?foo=1", folder.path().display());
            assert_eq!(
                failure(&url, None),
                format!("--store: {scheme}: takes no options; leave out what begins with `?`")
            );
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn every_scheme_of_an_sql_database_has_its_store() {
        for (scheme, engine, feature, is_built_in) in [
            ("postgres", Engine::Postgres, "postgres", cfg!(feature = "postgres")),
            ("postgresql", Engine::Postgres, "postgres", cfg!(feature = "postgres")),
            ("mysql", Engine::MySql, "mysql", cfg!(feature = "mysql")),
            ("mariadb", Engine::MySql, "mysql", cfg!(feature = "mysql")),
            ("sqlite", Engine::Sqlite, "sqlite", cfg!(feature = "sqlite")),
        ] {
            assert_eq!(Engine::named(scheme), Some(engine));
            // An option that none of them has: nothing is opened.
            let line = failure(&format!("{scheme}://:hunter2@localhost/x?colour=blue"), None);
            let part = if is_built_in { "`colour` of the URL is unknown" } else { &format!("--features {feature}") };
            assert!(line.contains(part) && !line.contains("hunter2"), "{line}");
        }
        let line = "--sessions-max: SQL databases have no limit on sessions";
        assert_eq!(failure("postgres://localhost", Some(5)), line);
    }

    #[test]
    fn a_missing_store_names_its_feature() {
        let line = "--store: the redis store is not built in; add `--features redis` to the cargo command";
        assert_eq!(format!("{:?}", not_built_in("redis")), line);
    }

    #[test]
    fn redis_takes_no_limit_on_sessions() {
        let line = "--sessions-max: Redis has no limit on sessions; set maxmemory on the server instead";
        assert_eq!(failure("redis://localhost", Some(5)), line);
    }
}
