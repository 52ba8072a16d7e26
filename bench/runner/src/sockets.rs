//! Requests per second over sockets, and the server's CPU time.

use std::collections::HashMap;
use std::{fs, thread};

use crate::page::{Connection, Jar};
use crate::server::Server;
use crate::spread::Spread;
use crate::subjects::{Subject, Subjects};
use crate::table::{Table, signed};
use crate::wrk::{self, Client};
use crate::{Options, Outcome};

/// Routes in the order of the tables. `/login` comes last, since it fills the stores.
const ROUTES: [&str; 4] = ["/plain", "/read", "/write", "/login"];

const ROUNDS: usize = 5;

/// Seconds that each server is measured per round.
const SECONDS: u64 = 2;

const CONNECTIONS: usize = 32;

const SERVERS_CORE: u32 = 0;
const CLIENTS_CORE: u32 = 1;

#[derive(Default)]
struct Figures {
    /// Requests per second as a share of those without sessions.
    ratio: Spread,
    added_cpu: Spread,
    /// CPU time of a request without sessions as a share of the time with sessions.
    cpu_ratio: Spread,
}

/// Figures of the subjects with sessions, and of the frameworks without.
#[derive(Default)]
struct Measured {
    with: HashMap<(String, &'static str), Figures>,
    without: HashMap<(String, &'static str), (Spread, Spread)>,
}

pub(crate) fn run(options: &Options) -> Outcome<String> {
    if thread::available_parallelism()?.get() < 2 {
        return Err("server and client need a core each".into());
    }
    fs::metadata("/proc/self/schedstat").map_err(|error| format!("/proc/self/schedstat: {error}"))?;
    let subjects = Subjects::build(options, |subject| !subject.is_on_disk() && !subject.is_router_layer())?;
    if let Some(redis) = &subjects.redis {
        redis.pin(CLIENTS_CORE)?;
    }
    let (rounds, seconds) = (options.rounds.unwrap_or(ROUNDS), options.seconds.unwrap_or(SECONDS));
    let mut measured = Measured::default();
    for round in 0..rounds {
        for family in subjects.all.chunk_by(|one, other| one.family() == other.family()) {
            if let Some(redis) = &subjects.redis {
                redis.flush()?;
            }
            measure(&subjects, family, seconds, &mut measured)?;
        }
        println!("round {} of {rounds} is done", round + 1);
    }
    Ok(tables(&subjects, &measured, rounds, seconds))
}

/// Starts a framework's servers, and measures the bare one in turns with each of the others.
fn measure(subjects: &Subjects, family: &[Subject], seconds: u64, measured: &mut Measured) -> Outcome {
    let started = family.iter().map(|subject| Running::start(subjects, subject)).collect::<Outcome<Vec<_>>>()?;
    let (bare, others): (Vec<_>, Vec<_>) = started.iter().partition(|running| running.subject.bare().is_none());
    let bare = bare.first().ok_or("a framework has a server without sessions")?;
    for route in ROUTES {
        for other in &others {
            let [without, with] = take_turns([bare, other], route, seconds)?;
            let ratio = with.per_second / without.per_second;
            let added_cpu = with.cpu - without.cpu;
            let name = &other.subject.name;
            println!("{name} {route} {ratio:.3} {added_cpu:+.2} µs");
            let figures = measured.with.entry((name.clone(), route)).or_default();
            figures.ratio.push(ratio);
            figures.added_cpu.push(added_cpu);
            figures.cpu_ratio.push(without.cpu / with.cpu);
            let (per_second, cpu) = measured.without.entry((bare.subject.name.clone(), route)).or_default();
            per_second.push(without.per_second);
            cpu.push(without.cpu);
        }
    }
    Ok(())
}

/// The work of a server in its turns.
struct Work {
    per_second: f64,
    /// CPU time of a request, in microseconds.
    cpu: f64,
}

fn take_turns(servers: [&Running<'_>; 2], route: &str, seconds: u64) -> Outcome<[Work; 2]> {
    let cpu = || -> Outcome<[u64; 2]> { Ok([servers[0].server.cpu()?, servers[1].server.cpu()?]) };
    let before = cpu()?;
    let loads = wrk::take_turns(servers.map(|running| running.client(route)), seconds)?;
    let after = cpu()?;
    let work = |at: usize| Work {
        per_second: loads[at].per_second(),
        cpu: (after[at] - before[at]) as f64 / 1000.0 / loads[at].requests as f64,
    };
    Ok([work(0), work(1)])
}

struct Running<'a> {
    subject: &'a Subject,
    server: Server,
    jar: Jar,
}

impl<'a> Running<'a> {
    fn start(subjects: &Subjects, subject: &'a Subject) -> Outcome<Self> {
        let server = Server::start(subjects, subject, Some(SERVERS_CORE))?;
        let mut jar = server.sign_in(subject)?;
        if subject.bare().is_none() {
            jar = Jar::without_session();
        }
        let mut connection = Connection::open(server.port)?;
        for route in ["/plain", "/read"] {
            for _ in 0..1000 {
                connection.get(route, &jar)?;
            }
        }
        Ok(Self { subject, server, jar })
    }

    fn client(&self, route: &str) -> Client {
        let nobody = Jar::default();
        let jar = if route == "/login" { &nobody } else { &self.jar };
        Client::new(CONNECTIONS, CLIENTS_CORE, self.server.port, route, jar)
    }
}

fn tables(subjects: &Subjects, measured: &Measured, rounds: usize, seconds: u64) -> String {
    let mut ratio = Table::new("share of the requests per second without sessions", &ROUTES);
    let mut added = Table::new("added CPU of the server, µs per request", &ROUTES);
    let mut cpu_ratio = Table::new("CPU without sessions as a share of that with them", &ROUTES);
    for subject in subjects.with_sessions() {
        let figures = ROUTES.map(|route| measured.with.get(&(subject.name.clone(), route)));
        ratio.row(&subject.name, figures.map(|all| all?.ratio.show(|ratio| format!("{ratio:.2}"))));
        added.row(&subject.name, figures.map(|all| all?.added_cpu.show(|cpu| signed(&format!("{cpu:.2}")))));
        cpu_ratio.row(&subject.name, figures.map(|all| all?.cpu_ratio.show(|ratio| format!("{ratio:.2}"))));
    }
    let mut per_second = Table::new("requests per second without sessions", &ROUTES);
    let mut cpu = Table::new("CPU of the server without sessions, µs per request", &ROUTES);
    for subject in subjects.all.iter().filter(|subject| subject.bare().is_none()) {
        let figures = ROUTES.map(|route| measured.without.get(&(subject.name.clone(), route)));
        per_second.row(&subject.name, figures.map(|all| all?.0.show(|figure| format!("{figure:.0}"))));
        cpu.row(&subject.name, figures.map(|all| all?.1.show(|figure| format!("{figure:.2}"))));
    }
    let turn = wrk::TURN.as_millis();
    format!(
        "{ratio}\nThe server has one worker thread and a core of its own; wrk, with {CONNECTIONS} connections, shares another core with \
         Redis. A framework with sessions and the same framework without take turns of {turn} ms, {seconds} s each per round, so that \
         changes in the machine's speed affect both. The figures are the median of {rounds} rounds, with the minimum and the maximum. Each \
         round starts new servers.\n\n\
         {added}\nCPU time of the server's threads, compared with that without sessions. The share below is what the requests per second \
         would be if only the server's CPU limited them, and is also valid on a busy machine.\n\n\
         {cpu_ratio}\n{per_second}\n{cpu}"
    )
}
