//! A single server.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificate::Certificate;
use crate::guard::Guard;
use crate::options::Options;
use crate::port::free_port;

/// Time for a server to start, on a machine that is busy with other tests.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running redis-server or valkey-server.
#[derive(Debug)]
pub struct Server {
    guard: Option<Guard>,
    port: u16,
    options: Options,
    certificate: Option<Certificate>,
    /// Declared last, so that the server stops before its directory is removed.
    folder: TempDir,
}

impl Server {
    /// Starts a server with default options.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Options::new())
    }

    pub(crate) fn with(options: Options) -> Self {
        let folder = TempDir::with_prefix("redis-").expect("there is a directory for temporary files");
        let certificate = options.tls.then(|| Certificate::new_in(folder.path()));
        let mut server = Self { guard: None, port: free_port(), options, certificate, folder };
        server.launch();
        server
    }

    fn launch(&mut self) {
        let program = if self.options.valkey { crate::valkey::program() } else { crate::program() };
        self.guard = Some(Guard::start(self.folder.path(), &program, &self.arguments(), None));
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.answers() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the server did not start:\n{}", log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        let answer = self.cli(&["PING"]);
        answer == "PONG"
    }

    fn arguments(&self) -> Vec<String> {
        let port = self.port.to_string();
        let folder = self.folder.path().to_string_lossy().into_owned();
        let socket = self.socket();
        let (plain, tls) = if self.options.tls { ("0", port.as_str()) } else { (port.as_str(), "0") };
        let mut arguments: Vec<String> =
            ["--bind", "127.0.0.1", "--port", plain, "--dir", &folder, "--unixsocket", &socket, "--save", ""]
                .map(str::to_owned)
                .into();
        // A primary does not wait for further replicas before it sends a copy.
        arguments.extend(["--repl-diskless-sync-delay", "0"].map(str::to_owned));
        if self.options.tls {
            let file = |name: &str| format!("{folder}/{name}");
            let tls = ["--tls-port", tls, "--tls-cert-file", &file("cert.pem"), "--tls-key-file", &file("key.pem")];
            arguments.extend(tls.map(str::to_owned));
            let ca = ["--tls-ca-cert-file", &file("cert.pem"), "--tls-auth-clients", "no", "--tls-cluster", "yes"];
            arguments.extend(ca.map(str::to_owned));
        }
        arguments.extend(self.options.arguments.iter().cloned());
        arguments
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL: `redis://…`, or `rediss://…` for a server with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.options.password.as_ref().map(|password| format!(":{password}@"));
        let password = password.unwrap_or_default();
        if self.options.tls {
            format!("rediss://{password}localhost:{}", self.port)
        } else {
            format!("redis://{password}127.0.0.1:{}", self.port)
        }
    }

    /// Returns the path of the Unix socket.
    #[must_use]
    pub fn socket(&self) -> String {
        self.folder.path().join("redis.sock").to_string_lossy().into_owned()
    }

    /// Returns the server's certificate, if it uses TLS.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Runs a command with redis-cli over the Unix socket and returns what it prints.
    ///
    /// # Panics
    ///
    /// Panics if redis-cli cannot be run.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-s", &self.socket()]);
        if let Some(password) = &self.options.password {
            command.args(["--no-auth-warning", "-a", password]);
        }
        let output = command.args(arguments).stdin(Stdio::null()).output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Kills the server without warning.
    pub fn kill(&mut self) {
        self.guard = None;
    }

    /// Restarts a killed server with the same port and directory.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&mut self) {
        self.guard = None;
        let _ = fs::remove_file(self.socket());
        self.launch();
    }

    /// Suspends the server's process. Its connections stay open and silent.
    pub fn freeze(&self) {
        self.guard.iter().for_each(|guard| guard.signal("STOP"));
    }

    /// Resumes a frozen server.
    pub fn thaw(&self) {
        self.guard.iter().for_each(|guard| guard.signal("CONT"));
    }
}
