//! The command line of programs that contain subjects.

use std::env;
use std::fs;
use std::str::FromStr;

use rustix::time::{ClockId, clock_gettime};
use tokio::task::{LocalSet, unconstrained};

use crate::allocations;
use crate::route::Route;
use crate::subject::{Subject, Visitor, sign_in};

const USAGE: &str = "\
usage: list                       the names of the subjects
       run SUBJECT ROUTE TIMES    for valgrind: what 2N requests take more than N
       allocations SUBJECT TIMES  allocations and bytes of a request to each route
       time SUBJECT TIMES         nanoseconds of CPU of a request to each route
       memory SUBJECT SESSIONS    resident bytes of a session
       serve SUBJECT PORT         answers on one worker thread";

/// A set of subjects.
#[expect(async_fn_in_trait, reason = "nobody needs the future to be Send")]
pub trait Subjects {
    /// Returns the names of the subjects.
    fn names(&self) -> Vec<String>;

    /// Creates a subject and passes it to the visitor.
    async fn with<V: Visitor>(&self, name: &str, visitor: V);

    /// Serves a subject, and does not return.
    fn serve(&self, name: &str, port: u16);
}

/// Runs the command line.
pub fn main(subjects: &impl Subjects) {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => subjects.names().iter().for_each(|name| println!("{name}")),
        ["run", name, route, times] => visit(subjects, name, Run { route: number(route), times: number(times) }),
        ["allocations", name, times] => visit(subjects, name, Allocations { times: number(times) }),
        ["time", name, times] => visit(subjects, name, Time { times: number(times) }),
        ["memory", name, sessions] => visit(subjects, name, Memory { sessions: number(sessions) }),
        ["serve", name, port] => subjects.serve(name, number(port)),
        _ => panic!("{USAGE}"),
    }
}

fn number<T: FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?}?\n{USAGE}"))
}

fn visit(subjects: &impl Subjects, name: &str, visitor: impl Visitor) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime can be created");
    // Unconstrained, so that a long task is not forced to yield.
    LocalSet::new().block_on(&runtime, unconstrained(subjects.with(name, visitor)));
}

struct Run {
    route: Route,
    times: u64,
}

impl Visitor for Run {
    async fn visit<S: Subject>(self, name: &str, mut subject: S) {
        let cookie = sign_in(name, &mut subject).await;
        let Self { route, times } = self;
        subject.burst(route.path(), route.cookie(&cookie), times).await;
    }
}

struct Allocations {
    times: u64,
}

impl Visitor for Allocations {
    async fn visit<S: Subject>(self, name: &str, mut subject: S) {
        let cookie = sign_in(name, &mut subject).await;
        for route in Route::ALL {
            let (path, cookie) = (route.path(), route.cookie(&cookie));
            subject.burst(path, cookie, self.times / 10).await;
            let before = allocations::so_far();
            subject.burst(path, cookie, self.times).await;
            let after = allocations::so_far();
            let calls = (after.0 - before.0) as f64 / self.times as f64;
            let bytes = (after.1 - before.1) as f64 / self.times as f64;
            println!("{} {calls:.2} {bytes:.0}", route.name());
        }
    }
}

struct Time {
    times: u64,
}

impl Visitor for Time {
    async fn visit<S: Subject>(self, name: &str, mut subject: S) {
        let cookie = sign_in(name, &mut subject).await;
        // Sign-ins come last, so that the other routes are measured with a small store.
        for route in [Route::Plain, Route::PlainNoCookie, Route::Read, Route::Write, Route::Login] {
            let (path, cookie) = (route.path(), route.cookie(&cookie));
            subject.burst(path, cookie, self.times / 20 + 1).await;
            let before = cpu_nanoseconds();
            subject.burst(path, cookie, self.times).await;
            let spent = cpu_nanoseconds() - before;
            println!("{} {:.0}", route.name(), spent as f64 / self.times as f64);
        }
    }
}

/// Returns the CPU time of this process, without waiting for a processor.
fn cpu_nanoseconds() -> i64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec * 1_000_000_000 + spent.tv_nsec
}

struct Memory {
    sessions: u64,
}

impl Visitor for Memory {
    async fn visit<S: Subject>(self, name: &str, mut subject: S) {
        let login = Route::Login.path();
        sign_in(name, &mut subject).await;
        subject.burst(login, None, 100).await;
        let before = resident_bytes();
        subject.burst(login, None, self.sessions).await;
        println!("{:.0}", (resident_bytes() - before) as f64 / self.sessions as f64);
    }
}

/// Returns the resident memory of this process.
pub fn resident_bytes() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux tells");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("the kernel reports it");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kibibytes * 1024
}
