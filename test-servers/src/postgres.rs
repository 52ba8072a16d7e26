//! A Postgres server, and its standby.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Daemon, read};
use crate::programs::{find, report_missing, version};
use crate::template;
use crate::{Certificate, Proxy};

/// Directory where Debian keeps each version of Postgres, none of them on the `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A role with all privileges, without a password.
const ROLE: &str = "postgres";

/// Options of initdb.
const INITDB: [&str; 5] = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"];

/// The clients that may connect to a server with TLS.
const TLS_ONLY: &str = "local all all trust\nhostssl all all all trust\n";

/// A setting that concerns a primary only.
const STANDBY_NAMES: &str = "synchronous_standby_names";

/// A running Postgres server.
///
/// By default a commit survives a crash of the server, but not of the machine: see
/// [`DURABLE`](Self::DURABLE).
#[derive(Debug)]
pub struct Postgres {
    daemon: Daemon,
    /// The directory of Postgres' programs.
    programs: PathBuf,
    settings: Vec<(String, String)>,
    certificate: Option<Certificate>,
}

impl Postgres {
    /// Settings for a server that waits for the disk before it acknowledges a commit.
    pub const DURABLE: &[(&str, &str)] = &[("fsync", "on"), ("full_page_writes", "on")];

    /// Returns whether Postgres can be started, and prints a notice if not.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be started and `SESSIONS_REQUIRE_POSTGRES` is set.
    #[must_use]
    pub fn is_installed() -> bool {
        let is_installed = Self::can_start();
        if !is_installed {
            report_missing("Postgres", "SESSIONS_REQUIRE_POSTGRES", ", or on Debian `apt-get install postgresql`");
        }
        is_installed
    }

    /// Returns whether Postgres can be started, for programs that are not tests.
    #[must_use]
    pub fn can_start() -> bool {
        programs().is_some()
    }

    /// Starts a server with default settings.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with settings of `postgresql.conf`, such as `("max_connections", "20")`.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::new(owned(settings)).fill_and_launch()
    }

    /// Starts a server whose port accepts TLS only, with a new certificate for `localhost`.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_with_tls() -> Self {
        let mut server = Self::new(Vec::new());
        let certificate = server.daemon.certificate();
        let rules = server.daemon.folder().join("pg_hba.conf");
        fs::write(&rules, TLS_ONLY).expect("the directory is ours");
        let files = [("ssl_cert_file", certificate.path()), ("ssl_key_file", certificate.key()), ("hba_file", rules)];
        let files = files.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
        server.settings = owned(&[("ssl", "on")]).into_iter().chain(files).collect();
        server.daemon.arguments = arguments(&server.daemon, &server.settings);
        server.certificate = Some(certificate);
        server.fill_and_launch()
    }

    fn fill_and_launch(mut self) -> Self {
        let version = version(self.program("postgres")).expect("postgres runs");
        template::fill(&self.daemon, &[&version, &INITDB.join(" ")], || {
            read(self.command("initdb").args(INITDB).args(["-D", "data"]));
        });
        self.launch();
        self
    }

    /// Starts a standby that streams the changes of a primary, with the same settings.
    ///
    /// It answers reads. The primary does not wait for it, unless its setting
    /// `synchronous_standby_names` is `*`.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_standby(primary: &Self) -> Self {
        Self::start_standby_at(primary, &primary.url())
    }

    /// Starts a standby that reaches its primary through a proxy, which can cut it off.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_standby_through(primary: &Self, proxy: &Proxy) -> Self {
        Self::start_standby_at(primary, &primary.url_through(proxy))
    }

    fn start_standby_at(primary: &Self, url: &str) -> Self {
        let settings = primary.settings.iter().filter(|(name, _)| name != STANDBY_NAMES);
        let mut standby = Self::new(settings.cloned().collect());
        let options = ["--pgdata=data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        read(standby.command("pg_basebackup").args(options).arg(format!("--dbname={url}")));
        standby.launch();
        standby
    }

    fn new(settings: Vec<(String, String)>) -> Self {
        let programs = programs().expect("Postgres is installed");
        let mut daemon = Daemon::new(programs.join("postgres"));
        daemon.arguments = arguments(&daemon, &settings);
        Self { daemon, programs, settings, certificate: None }
    }

    fn launch(&mut self) {
        let programs = &self.programs;
        self.daemon.launch(|daemon| {
            let mut command = daemon.command(programs.join("pg_isready"));
            command.args(["-q", "-h", &daemon.file(""), "-p", &daemon.port.to_string()]);
            command.status().is_ok_and(|status| status.success())
        });
    }

    /// Makes a standby a primary and waits until it accepts writes.
    ///
    /// # Panics
    ///
    /// Panics if it is not a standby.
    pub fn promote(&self) {
        assert_eq!(self.sql("SELECT pg_promote()"), "t", "the standby is promoted");
    }

    /// Makes commits wait until a standby has them too.
    ///
    /// A standby that is started later inherits this: once promoted, it waits for its own standby.
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    pub fn require_standby(&self) {
        // Not in the arguments: this is written to a file that a standby copies.
        let _ = self.sql(&format!("ALTER SYSTEM SET {STANDBY_NAMES} = '*'"));
        assert_eq!(self.sql("SELECT pg_reload_conf()"), "t", "the setting is read");
    }

    /// Waits until every standby shows all commits so far.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or if it takes too long.
    pub fn wait_for_standby(&self) {
        let position = self.sql("SELECT pg_current_wal_flush_lsn()");
        let query = format!("SELECT bool_and(replay_lsn >= '{position}') FROM pg_stat_replication");
        self.daemon.wait_until("the standby has caught up", || self.sql(&query) == "t");
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.daemon.port
    }

    /// Returns the URL of the database `postgres`, as a user with all privileges.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.daemon.port)
    }

    /// Returns the server's certificate, if it uses TLS.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Returns the URL to use the server through a proxy.
    #[must_use]
    pub fn url_through(&self, proxy: &Proxy) -> String {
        url(proxy.port())
    }

    /// Runs statements with psql over the Unix socket and returns what it prints.
    ///
    /// # Panics
    ///
    /// Panics if a statement fails.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        psql(&self.daemon, &self.programs, ROLE, statements)
    }

    /// Returns the directory of the server's data, logs and sockets.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.daemon.folder()
    }

    /// Kills the server and its connections without warning.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Shuts the server down cleanly. Clients are disconnected.
    pub fn stop(&mut self) {
        self.daemon.stop("INT");
    }

    /// Starts the server again, with the same port and data. Kills it first if it runs.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&mut self) {
        self.daemon.kill();
        // Another process may have the id of the killed one by now, and Postgres would refuse to
        // start.
        for file in ["data/postmaster.pid", &format!(".s.PGSQL.{}.lock", self.daemon.port)] {
            let _ = fs::remove_file(self.daemon.folder().join(file));
        }
        self.launch();
    }

    /// Suspends the server's processes. Its connections stay open and silent.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Resumes a frozen server.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    fn command(&self, program: &str) -> Command {
        self.daemon.command(self.program(program))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Postgres ends its own processes more cleanly than the guard could: in a container without
        // an init process, the processes of a killed server become zombies.
        self.daemon.thaw();
        self.daemon.stop("QUIT");
    }
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Returns the directory of Postgres' programs: on the `PATH`, or else Debian's newest.
pub(crate) fn programs() -> Option<PathBuf> {
    if let Some(postgres) = find("postgres").and_then(|postgres| postgres.canonicalize().ok()) {
        return postgres.parent().map(Path::to_owned);
    }
    let folders = fs::read_dir(VERSIONS).ok()?.flatten().map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("postgres").is_file()).max_by_key(|folder| major(folder))
}

/// Returns the version in `/usr/lib/postgresql/15/bin`.
fn major(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// Returns the arguments of `postgres`. Later settings replace earlier ones.
fn arguments(daemon: &Daemon, settings: &[(String, String)]) -> Vec<String> {
    let port = daemon.port.to_string();
    let sockets = daemon.file("");
    let ours = [
        ("port", port.as_str()),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", &sockets),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("shared_buffers", "16MB"),
        // Within the data directory, so that a killed server leaves nothing in /dev/shm.
        ("dynamic_shared_memory_type", "mmap"),
        ("hot_standby", "on"),
    ];
    let theirs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let settings = ours.into_iter().chain(theirs).flat_map(|(name, value)| ["-c".into(), format!("{name}={value}")]);
    ["-D".to_owned(), daemon.file("data")].into_iter().chain(settings).collect()
}

pub(crate) fn url(port: u16) -> String {
    format!("postgres://{ROLE}@127.0.0.1:{port}/postgres")
}

/// Runs statements on the Unix socket in the directory of a server.
pub(crate) fn psql(daemon: &Daemon, programs: &Path, database: &str, statements: &str) -> String {
    let mut command = daemon.command(programs.join("psql"));
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", &daemon.file(""), "-p", &daemon.port.to_string()]);
    read(command.args(["-U", ROLE, "-d", database, "-c", statements]))
}
