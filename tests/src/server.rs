use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::Process;
use crate::{Connection, Framework, Request, Response, Visitor, demos, query};

/// Protection of the cookie's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The bare token, the default.
    Plain,
    /// The signed token.
    Signed,
    /// The encrypted token.
    Encrypted,
}

/// Options for starting a demo.
#[derive(Clone, Debug)]
pub struct Options {
    framework: Framework,
    cookie_name: &'static str,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    on_one_core: bool,
    by_bearer: bool,
}

impl Options {
    /// Returns the demo's default options.
    #[must_use]
    pub fn new(framework: Framework) -> Self {
        Self {
            framework,
            cookie_name: "__Host-id",
            arguments: Vec::new(),
            environment: Vec::new(),
            on_one_core: false,
            by_bearer: false,
        }
    }

    /// Selects the protection of the cookie's value.
    #[must_use]
    pub fn seal(self, seal: Seal) -> Self {
        match seal {
            Seal::Plain => self,
            Seal::Signed => self.argument("--seal").argument("signed"),
            Seal::Encrypted => self.argument("--seal").argument("encrypted"),
        }
    }

    /// Allows the cookie over plain HTTP.
    #[must_use]
    pub fn insecure_http(mut self) -> Self {
        self.cookie_name = "id";
        self.argument("--insecure-http")
    }

    /// Selects the store by its URL.
    #[must_use]
    pub fn store(self, url: &str) -> Self {
        self.argument("--store").argument(url)
    }

    /// Adds a command-line argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Makes visitors send their token in an `Authorization` header and keep no cookie.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.by_bearer = true;
        self.argument("--bearer")
    }

    /// Sets an environment variable of the demo.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Limits the demo to one core, and so to one worker thread, where the system supports it.
    #[must_use]
    pub const fn on_one_core(mut self) -> Self {
        self.on_one_core = true;
        self
    }

    /// Starts the demo on a free port of the loopback address.
    ///
    /// # Panics
    ///
    /// Panics if the demo cannot be built or does not print its address in time.
    #[must_use]
    pub fn start(self) -> Server {
        let (process, address) = Process::start(&mut self.command(), self.framework);
        let Self { framework, cookie_name, by_bearer, .. } = self;
        Server { framework, cookie_name, by_bearer, address, process }
    }

    /// Starts a demo that must fail, and returns its exit status and all output.
    ///
    /// # Panics
    ///
    /// Panics if the demo does not end in time.
    #[must_use]
    pub fn start_expecting_failure(self) -> (ExitStatus, String) {
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

/// Returns the first core that this process may use, if the system provides it.
fn first_core() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().split([',', '-']).next().map(str::to_owned)
}

/// A running demo. It stops when dropped.
#[derive(Debug)]
pub struct Server {
    framework: Framework,
    cookie_name: &'static str,
    by_bearer: bool,
    address: SocketAddr,
    process: Process,
}

impl Server {
    /// Starts the framework's demo with default options.
    ///
    /// # Panics
    ///
    /// Panics if the demo cannot be built or does not print its address in time.
    #[must_use]
    pub fn start(framework: Framework) -> Self {
        Options::new(framework).start()
    }

    /// Returns the framework of the demo.
    #[must_use]
    pub const fn framework(&self) -> Framework {
        self.framework
    }

    /// Returns the name of the session cookie.
    #[must_use]
    pub const fn cookie_name(&self) -> &'static str {
        self.cookie_name
    }

    /// Returns a Cookie header with this session cookie.
    #[must_use]
    pub fn cookie(&self, value: &str) -> String {
        format!("{}={value}", self.cookie_name)
    }

    /// Adds a session's token to a request, as a visitor of this server does.
    #[must_use]
    pub fn authorize(&self, request: Request, token: &str) -> Request {
        if self.by_bearer {
            request.field("Authorization", format!("Bearer {token}"))
        } else {
            request.cookie(self.cookie(token))
        }
    }

    /// Returns the port that the demo listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the address that the demo listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects to the demo.
    ///
    /// # Panics
    ///
    /// Panics if the demo does not accept the connection.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Returns a visitor without a session. With bearer tokens, the visitor has just signed in
    /// under a unique name.
    ///
    /// # Panics
    ///
    /// Panics if the demo refuses the login.
    #[must_use]
    #[track_caller]
    pub fn visitor(&self) -> Visitor<'_> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        if self.by_bearer {
            self.signed_in(&format!("visitor-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
        } else {
            Visitor::new(self)
        }
    }

    /// Returns a visitor with this session token.
    #[must_use]
    pub fn visitor_with(&self, token: &str) -> Visitor<'_> {
        Visitor::with_token(self, token)
    }

    /// Returns a visitor who has just signed in.
    ///
    /// # Panics
    ///
    /// Panics if the demo refuses the login.
    #[must_use]
    #[track_caller]
    pub fn signed_in(&self, user: &str) -> Visitor<'_> {
        if self.by_bearer {
            let answer = self.ask(&Request::get(&query("/api/login", &[("user", user)])));
            let token = answer.expect_ok().expect_no_cookie().json();
            return self.visitor_with(token["token"].as_str().expect("the response has a token"));
        }
        let mut visitor = self.visitor();
        visitor.login(user);
        visitor
    }

    /// Sends a request on a new connection.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Response {
        match self.try_ask(request) {
            Ok(response) => response,
            Err(error) => panic!("{request}: no response: {error}"),
        }
    }

    /// Sends a request on a new connection, which the server may close without a response.
    ///
    /// # Errors
    ///
    /// Fails if the server closes the connection or sends something that is not HTTP.
    ///
    /// # Panics
    ///
    /// Panics if the server does neither in time.
    #[track_caller]
    pub fn try_ask(&self, request: &Request) -> io::Result<Response> {
        self.connect().exchange(request)
    }

    /// Returns all that the demo has printed so far to stdout and stderr.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Returns the demo's resident memory in KiB, if the system provides it.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Sends the demo a signal, such as `KILL` or `TERM`.
    ///
    /// # Panics
    ///
    /// Panics if the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", name, &self.process.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success(), "cannot send the signal {name} to the demo");
    }

    /// Limits the number of files and sockets that the demo may open, those that are open included.
    /// Returns whether the system supports that.
    #[must_use]
    pub fn limit_open_files(&self, limit: u32) -> bool {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &self.process.id().to_string(), &format!("--nofile={limit}:")]);
        prlimit.status().is_ok_and(|status| status.success())
    }

    /// Waits until the demo has ended, by itself or by a [`signal`](Self::signal).
    ///
    /// # Panics
    ///
    /// Panics if it does not end in time.
    pub fn wait_until_ended(self) {
        let _ = self.exit_status();
    }

    /// Waits until the demo has ended, and returns its exit status.
    ///
    /// # Panics
    ///
    /// Panics if it does not end in time.
    #[must_use]
    pub fn exit_status(mut self) -> ExitStatus {
        self.process.exit_status()
    }

    /// Stops the demo and returns all that it printed.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.process.end();
        self.process.whole_output()
    }
}
