use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Connection, Framework, PATIENCE, Request, Response, Visitor, demos};

/// How long a demo may take to start.
const START: Duration = Duration::from_secs(30);

/// How the value of the cookie is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The token as it is, the default.
    Plain,
    /// The token with a signature.
    Signed,
    /// The token encrypted.
    Encrypted,
}

/// How a demo is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    framework: Framework,
    cookie_name: &'static str,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Options {
    /// Starts with the demo's defaults.
    #[must_use]
    pub fn new(framework: Framework) -> Self {
        Self { framework, cookie_name: "__Host-id", arguments: Vec::new(), environment: Vec::new() }
    }

    /// Chooses how the cookie's value is protected.
    #[must_use]
    pub fn seal(self, seal: Seal) -> Self {
        match seal {
            Seal::Plain => self,
            Seal::Signed => self.argument("--seal").argument("signed"),
            Seal::Encrypted => self.argument("--seal").argument("encrypted"),
        }
    }

    /// Lets the cookie travel over plain HTTP.
    #[must_use]
    pub fn insecure_http(mut self) -> Self {
        self.cookie_name = "id";
        self.argument("--insecure-http")
    }

    /// Chooses the store by its URL.
    #[must_use]
    pub fn store(self, url: &str) -> Self {
        self.argument("--store").argument(url)
    }

    /// Adds one argument of the command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets one environment variable of the demo.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Starts the demo on a free port of the loopback address.
    ///
    /// # Panics
    ///
    /// Where the demo cannot be built or does not print its address in time.
    #[must_use]
    pub fn start(self) -> Server {
        let mut child = Command::new(demos::binary(self.framework))
            .args(["--port", "0", "--store", "memory:"])
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.framework));
        let output = Output::default();
        let (found, address) = mpsc::channel();
        output.record(child.stdout.take().expect("stdout is piped"), Some(found));
        output.record(child.stderr.take().expect("stderr is piped"), None);
        let process = Process { child, output };
        let Ok(address) = address.recv_timeout(START) else {
            panic!("{} printed no address within {START:?}, but:\n{}", self.framework, process.output.text());
        };
        Server { framework: self.framework, cookie_name: self.cookie_name, address, process }
    }
}

/// A running demo, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    framework: Framework,
    cookie_name: &'static str,
    address: SocketAddr,
    process: Process,
}

impl Server {
    /// Starts the framework's demo with its defaults.
    ///
    /// # Panics
    ///
    /// Where the demo cannot be built or does not print its address in time.
    #[must_use]
    pub fn start(framework: Framework) -> Self {
        Options::new(framework).start()
    }

    /// The framework that runs.
    #[must_use]
    pub const fn framework(&self) -> Framework {
        self.framework
    }

    /// The name of the session cookie.
    #[must_use]
    pub const fn cookie_name(&self) -> &'static str {
        self.cookie_name
    }

    /// The name and the value of a session cookie, as in a Cookie field.
    #[must_use]
    pub fn cookie(&self, value: &str) -> String {
        format!("{}={value}", self.cookie_name)
    }

    /// The port that the demo listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address that the demo listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects to the demo.
    ///
    /// # Panics
    ///
    /// Where the demo does not take the connection.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// A visitor who has not been here yet.
    #[must_use]
    pub fn visitor(&self) -> Visitor<'_> {
        Visitor::new(self)
    }

    /// A visitor who sends this value of the session cookie.
    #[must_use]
    pub fn visitor_with(&self, cookie: &str) -> Visitor<'_> {
        Visitor::with_cookie(self, cookie)
    }

    /// A visitor who has just signed in.
    ///
    /// # Panics
    ///
    /// Where the demo does not let the user in.
    #[must_use]
    #[track_caller]
    pub fn signed_in(&self, user: &str) -> Visitor<'_> {
        let mut visitor = self.visitor();
        visitor.login(user);
        visitor
    }

    /// Sends one request on a connection of its own.
    ///
    /// # Panics
    ///
    /// Where no answer comes.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Response {
        match self.try_ask(request) {
            Ok(response) => response,
            Err(error) => panic!("{request}: no answer: {error}"),
        }
    }

    /// Sends one request on a connection of its own, which the server may refuse to answer.
    ///
    /// # Errors
    ///
    /// Where the server closes the connection or answers something that is not HTTP.
    ///
    /// # Panics
    ///
    /// Where the server neither answers nor closes the connection in time.
    #[track_caller]
    pub fn try_ask(&self, request: &Request) -> io::Result<Response> {
        self.connect().exchange(request)
    }

    /// Everything that the demo has printed so far on its two outputs.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output.text()
    }

    /// The demo's resident memory in KiB, where the system tells it.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Sends the demo a signal, such as `KILL` or `TERM`, whatever is under way.
    ///
    /// # Panics
    ///
    /// Where there is no program that sends signals.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", name, &self.process.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success(), "the demo takes no signal {name}");
    }

    /// Waits until the demo has ended by itself or by a [`signal`](Self::signal).
    ///
    /// # Panics
    ///
    /// Where it does not end in time.
    pub fn wait_until_ended(mut self) {
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.process.child.try_wait(), Ok(None)) {
            assert!(Instant::now() < deadline, "{} does not end", self.framework);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops the demo and returns everything that it printed.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.process.end();
        self.process.output.join();
        self.process.output.text()
    }
}

/// The demo's process, which ends with the test.
#[derive(Debug)]
struct Process {
    child: Child,
    output: Output,
}

impl Process {
    /// Ends the process, if it has not ended by itself.
    fn end(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            let text = self.output.text();
            let tail: Vec<&str> = text.lines().rev().take(20).collect();
            eprintln!("the last lines of the demo:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// What the demo printed, collected by a thread for each of its two outputs.
#[derive(Clone, Default)]
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    readers: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
}

impl Output {
    /// Collects lines from `source` until it ends, and reports the address that the demo announces.
    fn record(&self, source: impl Read + Send + 'static, mut found: Option<Sender<SocketAddr>>) {
        let bytes = Arc::clone(&self.bytes);
        let reader = thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&line);
                if let Some(address) = announced(&line)
                    && let Some(found) = found.take()
                {
                    // Nobody listens any more where the start took too long.
                    let _ = found.send(address);
                }
                line.clear();
            }
        });
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }

    /// Waits until all that the ended process has printed is collected.
    fn join(&self) {
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            reader.join().expect("a reader of output does not panic");
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

/// Reads the address from the line that a demo prints at start, `listening on http://127.0.0.1:PORT`.
fn announced(line: &[u8]) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).ok()?;
    let (_, address) = line.split_once("listening on http://")?;
    address.trim_end().trim_end_matches('/').parse().ok()
}
