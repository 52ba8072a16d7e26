//! Servers leave nothing behind, even if the test process is killed.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use test_servers::{MariaDb, Postgres};

/// Environment variable of a process that the test kills.
const DOOMED: &str = "SESSIONS_DOOMED_TEST";

/// Time for servers to end on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The kernel's list of shared memory segments.
const SEGMENTS: &str = "/proc/sysvipc/shm";

/// The traces of a server on this machine.
#[derive(Debug)]
struct Traces {
    port: u16,
    folder: String,
    /// The id of a shared memory segment.
    segment: Option<String>,
}

impl Traces {
    fn of_postgres(server: &Postgres) -> Self {
        let segment = server.sql("SELECT pg_read_file('postmaster.pid')");
        let segment = segment.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        let segment = segment.filter(|_| Path::new(SEGMENTS).exists());
        Self {
            port: server.port(),
            folder: server.sql("SHOW unix_socket_directories"),
            segment: segment.map(str::to_owned),
        }
    }

    fn of_mariadb(server: &MariaDb) -> Self {
        Self { port: server.port(), folder: server.sql("SELECT @@tmpdir"), segment: None }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("server\t")?.split('\t');
        let (port, folder) = (words.next()?.parse().ok()?, words.next()?.to_owned());
        Some(Self { port, folder, segment: words.next().map(str::to_owned) })
    }

    #[expect(clippy::print_stdout, reason = "another test process reads it")]
    fn print(&self) {
        let Self { port, folder, segment } = self;
        let segment = segment.iter().map(|segment| format!("\t{segment}")).collect::<String>();
        println!("\nserver\t{port}\t{folder}{segment}");
    }

    /// Returns whether the port, the directory and the segment still exist.
    fn are_there(&self) -> Vec<bool> {
        let is_taken = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).is_err();
        let segments = || fs::read_to_string(SEGMENTS).unwrap();
        let has = |id: &String| segments().lines().any(|line| line.split_whitespace().nth(1) == Some(id));
        [is_taken, Path::new(&self.folder).exists()].into_iter().chain(self.segment.iter().map(has)).collect()
    }
}

/// Runs the current test in another process until it has started a server, and ends the process.
fn end_test(end: fn(&mut Child)) {
    let thread = thread::current();
    let name = thread.name().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(DOOMED, "1").process_group(0);
    let mut doomed = command.stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(doomed.stdout.take().unwrap()).lines().map(Result::unwrap);
    let traces = lines.filter_map(|line| Traces::parse(&line)).next().unwrap();
    assert!(traces.are_there().iter().all(|is_there| *is_there), "{traces:?}");
    end(&mut doomed);
    doomed.wait().unwrap();
    wait_until_gone(&traces);
}

fn wait_until_gone(traces: &Traces) {
    let deadline = Instant::now() + TIMEOUT;
    while traces.are_there().contains(&true) {
        assert!(Instant::now() < deadline, "{:?} of {traces:?}", traces.are_there());
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_doomed() -> bool {
    env::var_os(DOOMED).is_some()
}

/// Waits to be killed, or until the test process has ended.
fn wait_to_be_killed() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn kill(doomed: &mut Child) {
    doomed.kill().unwrap();
}

/// Sends the signal of Ctrl-C to the process group, as a terminal does.
fn interrupt(doomed: &mut Child) {
    signal_group(doomed, "INT");
}

fn terminate(doomed: &mut Child) {
    signal_group(doomed, "TERM");
}

fn signal_group(doomed: &Child, signal: &str) {
    let group = format!("-{}", doomed.id());
    assert!(Command::new("kill").args(["-s", signal, "--", &group]).status().unwrap().success());
}

fn check_postgres(end: fn(&mut Child)) {
    if !Postgres::is_installed() {
        return;
    }
    if is_doomed() {
        let server = Postgres::start();
        Traces::of_postgres(&server).print();
        return wait_to_be_killed();
    }
    end_test(end);
}

fn check_mariadb(end: fn(&mut Child)) {
    if !MariaDb::is_installed() {
        return;
    }
    if is_doomed() {
        let server = MariaDb::start();
        Traces::of_mariadb(&server).print();
        return wait_to_be_killed();
    }
    end_test(end);
}

#[test]
fn postgres_ends_with_a_killed_test() {
    check_postgres(kill);
}

#[test]
fn postgres_ends_with_an_interrupted_test() {
    check_postgres(interrupt);
}

#[test]
fn postgres_ends_with_a_terminated_test() {
    check_postgres(terminate);
}

#[test]
fn mariadb_ends_with_a_killed_test() {
    check_mariadb(kill);
}

#[test]
fn mariadb_ends_with_an_interrupted_test() {
    check_mariadb(interrupt);
}

#[test]
fn mariadb_ends_with_a_terminated_test() {
    check_mariadb(terminate);
}

#[test]
fn dropped_servers_leave_nothing_behind() {
    if !(Postgres::is_installed() && MariaDb::is_installed()) {
        return;
    }
    let (mut killed, frozen, mariadb) = (Postgres::start(), Postgres::start(), MariaDb::start());
    let traces = [Traces::of_postgres(&killed), Traces::of_postgres(&frozen), Traces::of_mariadb(&mariadb)];
    killed.kill();
    frozen.freeze();
    drop((killed, frozen, mariadb));
    traces.iter().for_each(wait_until_gone);
}
