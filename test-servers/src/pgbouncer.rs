//! A connection pooler in front of a Postgres server.

use std::fmt::Write;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::Proxy;
use crate::daemon::Daemon;
use crate::postgres::{Postgres, programs, psql, url};
use crate::programs::{find, report_missing};

/// A running PgBouncer in transaction mode: consecutive transactions of a client may run on
/// different connections to the server.
#[derive(Debug)]
pub struct PgBouncer {
    daemon: Daemon,
    /// The directory of Postgres' programs.
    programs: PathBuf,
}

impl PgBouncer {
    /// Returns whether PgBouncer and Postgres can be started, and prints a notice if not.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be started and `SESSIONS_REQUIRE_POSTGRES` is set.
    #[must_use]
    pub fn is_installed() -> bool {
        let is_installed = find("pgbouncer").is_some();
        if !is_installed {
            report_missing("PgBouncer", "SESSIONS_REQUIRE_POSTGRES", ", or on Debian `apt-get install pgbouncer`");
        }
        is_installed && Postgres::is_installed()
    }

    /// Starts a pooler with default settings.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start(postgres: &Postgres) -> Self {
        Self::start_with(postgres, &[])
    }

    /// Starts a pooler with settings of `pgbouncer.ini`, such as `("default_pool_size", "2")`.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_with(postgres: &Postgres, settings: &[(&str, &str)]) -> Self {
        let programs = programs().expect("Postgres is installed");
        let mut daemon = Daemon::new(find("pgbouncer").expect("PgBouncer is installed"));
        let file = daemon.file("pgbouncer.ini");
        fs::write(&file, configuration(&daemon, postgres.port(), settings)).expect("the directory is ours");
        daemon.arguments = vec![file];
        let mut pooler = Self { daemon, programs };
        pooler.launch();
        pooler
    }

    fn launch(&mut self) {
        self.daemon.launch(|daemon| UnixStream::connect(socket(daemon)).is_ok());
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.daemon.port
    }

    /// Returns the URL of the server's database `postgres` through the pooler.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.daemon.port)
    }

    /// Returns the URL to use the pooler through a proxy.
    #[must_use]
    pub fn url_through(&self, proxy: &Proxy) -> String {
        url(proxy.port())
    }

    /// Runs statements with psql through the pooler and returns what it prints.
    ///
    /// # Panics
    ///
    /// Panics if a statement fails.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        psql(&self.daemon, &self.programs, "postgres", statements)
    }

    /// Runs a command of the pooler itself, such as `SHOW POOLS`, and returns what psql prints.
    ///
    /// # Panics
    ///
    /// Panics if it fails.
    #[must_use]
    pub fn admin(&self, command: &str) -> String {
        psql(&self.daemon, &self.programs, "pgbouncer", command)
    }

    /// Kills the pooler without warning.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Stops the pooler. Clients are disconnected.
    pub fn stop(&mut self) {
        self.daemon.stop("TERM");
    }

    /// Starts the pooler again, with the same port. Kills it first if it runs.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&mut self) {
        self.daemon.kill();
        // A socket that is left over would make it refuse to start.
        let _ = fs::remove_file(socket(&self.daemon));
        self.launch();
    }

    /// Suspends the pooler's process. Its connections stay open and silent.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Resumes a frozen pooler.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }
}

fn socket(daemon: &Daemon) -> PathBuf {
    daemon.folder().join(format!(".s.PGSQL.{}", daemon.port))
}

/// Returns the text of `pgbouncer.ini`. Later settings replace earlier ones.
fn configuration(daemon: &Daemon, server: u16, settings: &[(&str, &str)]) -> String {
    let mut text = format!(
        "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir = {}\n\
         auth_type = any\npool_mode = transaction\nignore_startup_parameters = extra_float_digits\n",
        daemon.port,
        daemon.file(""),
    );
    for (name, value) in settings {
        writeln!(text, "{name} = {value}").expect("a string takes all text");
    }
    text
}
