//! The common part of database servers: a process, its port and its directory.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::account::Account;
use crate::certificate::Certificate;
use crate::guard::Guard;
use crate::port::free_port;

/// Time for a server to start, stop or answer, on a machine that is busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server that can be stopped and started again with the same arguments, port and directory.
#[derive(Debug)]
pub(crate) struct Daemon {
    guard: Option<Guard>,
    program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) port: u16,
    pub(crate) account: Option<Account>,
    /// Declared last, so that the server stops before its directory is removed.
    folder: TempDir,
}

impl Daemon {
    /// Makes the directory of a server and chooses its port.
    pub(crate) fn new(program: PathBuf) -> Self {
        let name = program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let folder = TempDir::with_prefix(name + "-").expect("there is a directory for temporary files");
        let account = Account::instead_of_owner(folder.path());
        if let Some(account) = account {
            account.own(folder.path()).expect("root may give a directory away");
        }
        Self { guard: None, program, arguments: Vec::new(), port: free_port(), account, folder }
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn launch(&mut self, answers: impl Fn(&Self) -> bool) {
        self.guard = None;
        self.guard = Some(Guard::start(self.folder.path(), &self.program, &self.arguments, self.account));
        self.wait_until("the server answers", || answers(self));
    }

    /// Waits until a condition holds.
    pub(crate) fn wait_until(&self, condition: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !holds() {
            assert!(Instant::now() < deadline, "timed out waiting until {condition}:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes a certificate that the server can read, with its key.
    pub(crate) fn certificate(&self) -> Certificate {
        let certificate = Certificate::new_in(self.folder.path());
        for path in [certificate.path(), certificate.key()] {
            // Postgres refuses a key that others can read.
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("the file is ours");
            self.account.map_or(Ok(()), |account| account.own(&path)).expect("root may give a file away");
        }
        certificate
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Returns the directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of a file in the directory.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// Returns a command that runs in the directory, as the server's user and without its settings.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("LC_ALL", "C").current_dir(self.folder.path());
        command.stdin(Stdio::null());
        if let Some(account) = self.account {
            account.run(&mut command);
        }
        command
    }

    pub(crate) fn kill(&mut self) {
        self.guard = None;
    }

    /// Sends a signal and waits for the server's end.
    pub(crate) fn stop(&mut self, signal: &str) {
        if let Some(guard) = self.guard.take() {
            guard.end(signal);
        }
    }

    pub(crate) fn freeze(&self) {
        self.guard.iter().for_each(|guard| guard.signal("STOP"));
    }

    pub(crate) fn thaw(&self) {
        self.guard.iter().for_each(|guard| guard.signal("CONT"));
    }
}

/// Runs a command and returns what it prints.
pub(crate) fn read(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
