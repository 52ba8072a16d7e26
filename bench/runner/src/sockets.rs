//! Requests per second over sockets, and the server's CPU time.

use std::collections::HashMap;
use std::{fs, thread};

use crate::page::{Connection, Jar};
use crate::server::Server;
use crate::spread::Spread;
use crate::subjects::{Subject, Subjects};
use crate::table::{Table, signed};
use crate::{Options, Outcome, wrk};

/// Is in the order of the tables; `/login`, which fills the stores, is asked last.
const ROUTES: [&str; 4] = ["/plain", "/read", "/write", "/login"];

const ROUNDS: usize = 5;

/// Is by how much the framework without sessions may have become faster or slower around a turn that counts, as a share.
const STEADY: f64 = 0.03;

/// Is how often a turn is tried on a machine that does not stay as fast as it was. The last one counts in any case.
const TRIES: usize = 6;

const SERVERS_CORE: u32 = 0;
const CLIENTS_CORE: u32 = 1;

/// Is what the slices of time gave that a server had in one round.
#[derive(Default)]
struct Turn {
    requests: u64,
    seconds: f64,
    /// Is how long the server's threads had a processor, in nanoseconds.
    cpu: u64,
}

impl Turn {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.seconds += other.seconds;
        self.cpu += other.cpu;
    }

    /// Says whether the machine was as fast in another turn of the same server.
    fn is_as_fast_as(&self, other: &Self) -> bool {
        (self.per_second() / other.per_second() - 1.0).abs() <= STEADY
    }

    fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Returns the microseconds on a processor of one request.
    fn cpu(&self) -> f64 {
        self.cpu as f64 / 1000.0 / self.requests as f64
    }
}

#[derive(Default)]
struct Figures {
    /// Is the share of the requests per second of the framework without sessions.
    ratio: Spread,
    added_cpu: Spread,
    /// Is the CPU of a request without sessions as a share of that with them.
    cpu_ratio: Spread,
}

/// Holds the figures of those with sessions, and of the frameworks without.
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
    let subjects = Subjects::build(options, |subject| !subject.is_embedded() && !subject.is_router_layer())?;
    if let Some(redis) = &subjects.redis {
        redis.pin(CLIENTS_CORE)?;
    }
    let (rounds, seconds) = (options.rounds.unwrap_or(ROUNDS), options.seconds.unwrap_or(1));
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

/// Starts the servers of a framework anew, and has the one without sessions take turns with each of the others, route by route.
fn measure(subjects: &Subjects, family: &[Subject], seconds: u64, measured: &mut Measured) -> Outcome {
    let started = family.iter().map(|subject| Running::start(subjects, subject)).collect::<Outcome<Vec<_>>>()?;
    let (bare, others): (Vec<_>, Vec<_>) = started.iter().partition(|running| running.subject.bare().is_none());
    let bare = bare.first().ok_or("a framework has a server without sessions")?;
    for route in ROUTES {
        for other in &others {
            let (mut without, mut with) = (Turn::default(), Turn::default());
            for _ in 0..seconds {
                take_turns(bare, other, route, &mut without, &mut with)?;
            }
            let ratio = with.per_second() / without.per_second();
            let added_cpu = with.cpu() - without.cpu();
            let name = &other.subject.name;
            println!("{name} {route} {ratio:.3} {added_cpu:+.2} µs");
            let figures = measured.with.entry((name.clone(), route)).or_default();
            figures.ratio.push(ratio);
            figures.added_cpu.push(added_cpu);
            figures.cpu_ratio.push(without.cpu() / with.cpu());
            let (per_second, cpu) = measured.without.entry((bare.subject.name.clone(), route)).or_default();
            per_second.push(without.per_second());
            cpu.push(without.cpu());
        }
    }
    Ok(())
}

/// Has a server answer between two turns of the one without sessions. If these tell that the machine became faster or slower in
/// between, it is done again.
fn take_turns(bare: &Running<'_>, other: &Running<'_>, route: &str, without: &mut Turn, with: &mut Turn) -> Outcome {
    let mut before = bare.ask(route)?;
    for left in (0..TRIES).rev() {
        let turn = other.ask(route)?;
        let after = bare.ask(route)?;
        if after.is_as_fast_as(&before) || left == 0 {
            without.add(&before);
            without.add(&after);
            with.add(&turn);
            break;
        }
        before = after;
    }
    Ok(())
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

    /// Has the server answer for a second.
    fn ask(&self, route: &str) -> Outcome<Turn> {
        let nobody = Jar::default();
        let jar = if route == "/login" { &nobody } else { &self.jar };
        let before = self.server.cpu()?;
        let load = wrk::ask(CLIENTS_CORE, self.server.port, route, jar)
            .map_err(|error| format!("{}: {error}", self.subject.name))?;
        let cpu = self.server.cpu()? - before;
        Ok(Turn { requests: load.requests, seconds: load.requests as f64 / load.per_second, cpu })
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
    let (steady, repeats) = (100.0 * STEADY, TRIES - 1);
    format!(
        "{ratio}\nThe server has one worker thread and a core for itself; wrk, with 32 connections, and Redis share another. A framework \
         with sessions answers for a second between two seconds of the same without, {seconds} times in a round; where the \
         latter two differ by more than {steady} %, the machine was not steady, and the turn is repeated, {repeats} times at most. \
         The median of {rounds} rounds, the least and the most. Servers are started anew for each round.\n\n\
         {added}\nTime that the server's threads had a processor, over that without sessions in the turns around it. As \
         a share it is what the requests per second would be if nothing but the server's CPU bounded them, and holds on a busier machine.\n\n\
         {cpu_ratio}\n{per_second}\n{cpu}"
    )
}
