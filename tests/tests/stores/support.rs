//! Stores for tests, one for each test.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sessions_tests::{Framework, Options, Server};
use tempfile::TempDir;
use test_servers::{Cluster, MariaDb, Postgres};

/// All frameworks, for tests that alternate between them.
pub(crate) const FRAMEWORKS: [Framework; 4] =
    [Framework::Axum, Framework::Actix, Framework::Hyper, Framework::Minihttp];

/// Longer deadlines for SQL stores, since many writes of one row wait for each other. On a busy
/// machine, the default of half a second is too short.
const UNHURRIED: &str = "load_deadline_ms=10000&commit_deadline_ms=20000";

/// The kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Redb,
    Fjall,
    Sqlite,
    Redis,
    RedisCluster,
    Postgres,
    MariaDb,
}

impl Engine {
    fn url_in(self, folder: &Path) -> String {
        let path = folder.join("sessions");
        match self {
            Self::Redb => format!("redb:{}", path.display()),
            Self::Fjall => format!("fjall:{}", path.display()),
            Self::Sqlite => format!("sqlite:{}?{UNHURRIED}", path.display()),
            Self::Redis | Self::RedisCluster | Self::Postgres | Self::MariaDb => {
                panic!("{self:?} has no directory")
            }
        }
    }
}

/// A store for one test.
#[derive(Debug)]
pub(crate) struct Place {
    url: String,
    /// Directory of a store on the local disk.
    _folder: Option<TempDir>,
}

impl Place {
    /// Creates an empty store.
    ///
    /// If a program is missing, reports the test as skipped and returns `None`.
    pub(crate) fn new(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Redb | Engine::Fjall | Engine::Sqlite => {
                let folder = TempDir::with_prefix("sessions-").expect("there is a directory for temporary files");
                Some(Self { url: engine.url_in(folder.path()), _folder: Some(folder) })
            }
            Engine::Redis => test_servers::installed().then(|| Self::with_prefix(&redis().url())),
            Engine::RedisCluster => test_servers::installed().then(|| Self::with_prefix(&cluster().url())),
            Engine::Postgres => Postgres::is_installed()
                .then(|| Self::with_database(&postgres().url(), |statement| postgres().sql(statement))),
            Engine::MariaDb => MariaDb::is_installed()
                .then(|| Self::with_database(&mariadb().url(), |statement| mariadb().sql(statement))),
        }
    }

    /// Creates an empty store in an existing directory.
    pub(crate) fn within(engine: Engine, folder: &Path) -> Self {
        Self { url: engine.url_in(folder), _folder: None }
    }

    /// Returns a store with its own prefix on a shared server.
    fn with_prefix(server: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { url: format!("{server}?prefix=test-{number}%3A"), _folder: None }
    }

    /// Returns a store with its own database on a shared server.
    fn with_database(server: &str, run: impl Fn(&str) -> String) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        drop(run(&format!("CREATE DATABASE {name}")));
        let (server, _) = server.rsplit_once('/').expect("the URL ends with a database");
        Self { url: format!("{server}/{name}?{UNHURRIED}"), _folder: None }
    }

    /// Returns the URL of the store.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts a demo with this store.
    pub(crate) fn start(&self, framework: Framework) -> Server {
        Options::new(framework).store(&self.url).start()
    }

    /// Starts a demo with this store and more arguments.
    pub(crate) fn start_with(&self, framework: Framework, arguments: &[&str]) -> Server {
        let options = Options::new(framework).store(&self.url);
        arguments.iter().fold(options, |options, argument| options.argument(argument)).start()
    }

    /// Starts all four demos with this store.
    pub(crate) fn start_four(&self) -> [Server; 4] {
        self.start_four_with(&[])
    }

    /// Starts all four demos with this store and more arguments.
    pub(crate) fn start_four_with(&self, arguments: &[&str]) -> [Server; 4] {
        FRAMEWORKS.map(|framework| self.start_with(framework, arguments))
    }
}

/// Returns the server that tests share. It ends with the process.
fn redis() -> &'static test_servers::Server {
    static REDIS: OnceLock<test_servers::Server> = OnceLock::new();
    REDIS.get_or_init(test_servers::Server::start)
}

/// Returns the database that tests share. It ends with the process.
fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(Postgres::start)
}

/// Returns the database that tests share. It ends with the process.
fn mariadb() -> &'static MariaDb {
    static MARIADB: OnceLock<MariaDb> = OnceLock::new();
    MARIADB.get_or_init(MariaDb::start)
}

/// Returns the cluster that tests share. It ends with the process.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// Makes one test per engine of each scenario, a function that takes an [`Engine`].
macro_rules! on_engines {
    ([$($test:ident $engine:ident),*] $scenarios:tt) => {$(
        mod $test {
            $crate::support::on_engines! { @each $engine $scenarios }
        }
    )*};
    (@each $engine:ident [$($scenario:ident),* $(,)?]) => {$(
        #[test]
        fn $scenario() {
            super::$scenario($crate::support::Engine::$engine);
        }
    )*};
}

/// Makes one test per store and framework of each scenario, a function that takes a [`Framework`]
/// and an [`Engine`].
macro_rules! on_every_store_in_every_framework {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            mod redb {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::Redb }
            }

            mod fjall {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::Fjall }
            }

            mod sqlite {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::Sqlite }
            }

            mod redis {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::Redis }
            }

            mod redis_cluster {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::RedisCluster }
            }

            mod postgres {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::Postgres }
            }

            mod mariadb {
                sessions_tests::in_every_framework! { @tests super::super::$scenario, $crate::support::Engine::MariaDb }
            }
        }
    )*};
}

pub(crate) use {on_engines, on_every_store_in_every_framework};
