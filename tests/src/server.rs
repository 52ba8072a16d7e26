use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitStatus};

use crate::process::Process;
use crate::{Connection, Framework, Request, Response, Visitor, demos};

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
    on_one_core: bool,
}

impl Options {
    /// Starts with the demo's defaults.
    #[must_use]
    pub fn new(framework: Framework) -> Self {
        Self { framework, cookie_name: "__Host-id", arguments: Vec::new(), environment: Vec::new(), on_one_core: false }
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

    /// Lets the demo have one core, and so one thread that answers, where the system can bind it to
    /// one.
    #[must_use]
    pub const fn on_one_core(mut self) -> Self {
        self.on_one_core = true;
        self
    }

    /// Starts the demo on a free port of the loopback address.
    ///
    /// # Panics
    ///
    /// Where the demo cannot be built or does not print its address in time.
    #[must_use]
    pub fn start(self) -> Server {
        let (process, address) = Process::start(&mut self.command(), self.framework);
        Server { framework: self.framework, cookie_name: self.cookie_name, address, process }
    }

    /// Starts the demo where it has to fail, and returns how it ended and everything that it
    /// printed.
    ///
    /// # Panics
    ///
    /// Where the demo does not end in time.
    #[must_use]
    pub fn start_in_vain(self) -> (ExitStatus, String) {
        let (mut process, _) = Process::spawn(&mut self.command(), self.framework);
        (process.exit_status(), process.whole_output())
    }

    fn command(&self) -> Command {
        let binary = demos::binary(self.framework);
        let mut command = match first_core().filter(|_| self.on_one_core) {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", &core]).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.args(["--port", "0", "--store", "memory:"]).args(&self.arguments);
        command.env_remove("RUST_LOG").envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The first of the cores that this process may use, where the system tells it.
fn first_core() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().split([',', '-']).next().map(str::to_owned)
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
        self.process.output()
    }

    /// The demo's resident memory in KiB, where the system tells it.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
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
        let sent = kill.args(["-s", name, &self.process.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success(), "the demo takes no signal {name}");
    }

    /// Waits until the demo has ended by itself or by a [`signal`](Self::signal).
    ///
    /// # Panics
    ///
    /// Where it does not end in time.
    pub fn wait_until_ended(self) {
        let _ = self.exit_status();
    }

    /// Waits until the demo has ended, and returns how.
    ///
    /// # Panics
    ///
    /// Where it does not end in time.
    #[must_use]
    pub fn exit_status(mut self) -> ExitStatus {
        self.process.exit_status()
    }

    /// Stops the demo and returns everything that it printed.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.process.end();
        self.process.whole_output()
    }
}
