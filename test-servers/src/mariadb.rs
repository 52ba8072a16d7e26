//! A MariaDB server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Daemon, read};
use crate::programs::{find, report_missing, version};
use crate::template;
use crate::{Certificate, Proxy};

/// The server, the program that initializes its data, and its client.
const PROGRAMS: [&str; 3] = ["mariadbd", "mariadb-install-db", "mariadb"];

/// Options of mariadb-install-db. `root` needs no password.
const INSTALL: [&str; 5] =
    ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", LOG_SIZE];

/// Size of the log, 96 MB by default, which is copied for every server.
const LOG_SIZE: &str = "--innodb-log-file-size=8M";

/// A running MariaDB server.
///
/// By default a commit survives a crash of the server, but not of the machine: see
/// [`DURABLE`](Self::DURABLE).
#[derive(Debug)]
pub struct MariaDb {
    daemon: Daemon,
    certificate: Option<Certificate>,
}

impl MariaDb {
    /// Settings for a server that waits for the disk before it acknowledges a commit.
    pub const DURABLE: &[(&str, &str)] = &[("innodb-flush-log-at-trx-commit", "1"), ("innodb-flush-method", "fsync")];

    /// Returns whether MariaDB can be started, and prints a notice if not.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be started and `SESSIONS_REQUIRE_MARIADB` is set.
    #[must_use]
    pub fn is_installed() -> bool {
        let is_installed = PROGRAMS.iter().all(|name| find(name).is_some());
        if !is_installed {
            report_missing("MariaDB", "SESSIONS_REQUIRE_MARIADB", ", or on Debian `apt-get install mariadb-server`");
        }
        is_installed
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

    /// Starts a server with settings, such as `("max-connections", "20")`.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::new().fill_and_launch(settings)
    }

    /// Starts a server whose port accepts TLS only, with a new certificate for `localhost`.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start_with_tls() -> Self {
        let mut server = Self::new();
        let certificate = server.daemon.certificate();
        let [path, key] = [certificate.path(), certificate.key()].map(|path| path.to_string_lossy().into_owned());
        server.certificate = Some(certificate);
        server.fill_and_launch(&[("ssl-cert", &path), ("ssl-key", &key), ("require-secure-transport", "on")])
    }

    fn new() -> Self {
        Self { daemon: Daemon::new(find(PROGRAMS[0]).expect("MariaDB is installed")), certificate: None }
    }

    fn fill_and_launch(mut self, settings: &[(&str, &str)]) -> Self {
        let [server, install, _] = PROGRAMS.map(|name| find(name).expect("MariaDB is installed"));
        let version = version(&server).expect("mariadbd runs");
        let daemon = &mut self.daemon;
        template::fill(daemon, &[&version, &INSTALL.join(" ")], || {
            let mut command = daemon.command(&install);
            read(command.args(INSTALL).arg(format!("--datadir={}", daemon.file("data"))));
            // A directory is a database. The one that the program would create uses latin1.
            read(daemon.command("mkdir").arg("data/test"));
        });
        daemon.arguments = arguments(daemon, settings);
        self.launch();
        self
    }

    fn launch(&mut self) {
        self.daemon.launch(|daemon| {
            let answer = client(daemon).args(["-e", "SELECT 1"]).output();
            answer.is_ok_and(|answer| answer.status.success())
        });
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.daemon.port
    }

    /// Returns the URL of the database `test`, as a user with all privileges.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.daemon.port)
    }

    /// Returns the path of the Unix socket.
    #[must_use]
    pub fn socket(&self) -> String {
        socket(&self.daemon)
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

    /// Runs statements with the client over the Unix socket and returns what it prints.
    ///
    /// # Panics
    ///
    /// Panics if a statement fails.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        read(client(&self.daemon).args(["-e", statements]))
    }

    /// Returns the directory of the server's data, logs and sockets.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.daemon.folder()
    }

    /// Kills the server without warning.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Shuts the server down cleanly. Clients are disconnected.
    pub fn stop(&mut self) {
        self.daemon.stop("TERM");
    }

    /// Starts the server again, with the same port and data. Kills it first if it runs.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&mut self) {
        self.launch();
    }

    /// Suspends the server's process. Its connections stay open and silent.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Resumes a frozen server.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }
}

/// Returns the arguments of `mariadbd`. Later settings replace earlier ones.
fn arguments(daemon: &Daemon, settings: &[(&str, &str)]) -> Vec<String> {
    let port = daemon.port.to_string();
    let (data, socket, pid, folder) = (daemon.file("data"), socket(daemon), daemon.file("pid"), daemon.file(""));
    let ours = [
        ("datadir", data.as_str()),
        ("port", &port),
        ("bind-address", "127.0.0.1"),
        ("socket", &socket),
        ("pid-file", &pid),
        ("tmpdir", &folder),
        // As Debian configures it; the default would be latin1.
        ("character-set-server", "utf8mb4"),
        ("innodb-flush-log-at-trx-commit", "2"),
        ("innodb-flush-method", "nosync"),
        ("innodb-buffer-pool-size", "32M"),
    ];
    let first = ["--no-defaults", "--skip-name-resolve", LOG_SIZE].map(str::to_owned);
    let settings = ours.iter().chain(settings).map(|(name, value)| format!("--{name}={value}"));
    first.into_iter().chain(settings).collect()
}

fn url(port: u16) -> String {
    format!("mysql://root@127.0.0.1:{port}/test")
}

fn socket(daemon: &Daemon) -> String {
    daemon.file("mariadb.sock")
}

fn client(daemon: &Daemon) -> Command {
    let program = find("mariadb").unwrap_or_else(|| PathBuf::from("mariadb"));
    let mut command = daemon.command(program);
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--user=root", "--database=test"]);
    command.arg(format!("--socket={}", socket(daemon)));
    command
}
