//! Our stores behind a network, compared with those of tower-sessions on the same server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use test_servers::{Options as Redis, Postgres, Server, valkey_is_installed};

use crate::spread::Spread;
use crate::table::{Table, plain};
use crate::{Options, Outcome, compile};

const CLIENTS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 3;
const SECONDS: u64 = 2;

/// Number of processes with clients of one session, and number of clients in each.
const PROCESSES: usize = 4;
const CLIENTS_OF_A_PROCESS: usize = 16;

/// Sessions that are created to measure their size in Redis.
const SESSIONS: u64 = 20_000;

/// A database, and the stores that are measured on it.
struct Database {
    name: &'static str,
    url: String,
    /// Name of the server's processes. `None` for one that runs in the client.
    process: Option<&'static str>,
    stores: &'static [&'static str],
}

/// The servers, which stop when they are dropped.
struct Servers {
    redis: Server,
    valkey: Option<Server>,
    postgres: Option<[Postgres; 2]>,
    folder: tempfile::TempDir,
}

impl Servers {
    fn start() -> Outcome<Self> {
        let has_postgres = Postgres::is_installed();
        Ok(Self {
            redis: Redis::new().start(),
            valkey: valkey_is_installed().then(|| Redis::new().valkey().start()),
            postgres: has_postgres.then(|| {
                let durable = Postgres::start_with(&[Postgres::DURABLE, &[("synchronous_commit", "on")]].concat());
                [durable, Postgres::start_with(&[Postgres::DURABLE, &[("synchronous_commit", "off")]].concat())]
            }),
            folder: tempfile::tempdir()?,
        })
    }

    fn databases(&self) -> Vec<Database> {
        let mut all = vec![Database {
            name: "Redis",
            url: self.redis.url(),
            process: Some("redis-server"),
            stores: &["ours", "tower-redis"],
        }];
        if let Some(valkey) = &self.valkey {
            let url = valkey.url();
            all.push(Database {
                name: "Valkey",
                url,
                process: Some("valkey-server"),
                stores: &["ours", "tower-redis"],
            });
        }
        for (postgres, name) in self.postgres.iter().flatten().zip(["PostgreSQL", "PostgreSQL, asynchronous"]) {
            let url = postgres.url();
            all.push(Database { name, url, process: Some("postgres"), stores: &["ours", "tower-postgres"] });
        }
        let url = format!("sqlite:{}", self.folder.path().join("sessions.sqlite").display());
        all.push(Database { name: "SQLite", url, process: None, stores: &["ours", "tower-sqlite"] });
        all
    }
}

/// Rates of one store with one number of clients, and the server's CPU time per call in µs.
#[derive(Default)]
struct Figures {
    commits: Spread,
    loads: Spread,
    commit_cpu: Spread,
    load_cpu: Spread,
}

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let program = compile::program("databases")?;
    let servers = Servers::start()?;
    let (rounds, seconds) = (options.rounds.unwrap_or(ROUNDS), options.seconds.unwrap_or(SECONDS));
    let columns = CLIENTS.map(|clients| if clients == 1 { "1 client".into() } else { format!("{clients} clients") });
    let columns = columns.each_ref().map(String::as_str);
    let mut commits = Table::new("commits/s (µs of the server)", &columns);
    let mut loads = Table::new("loads/s (µs of the server)", &columns);
    let mut hot = Table::new("commits/s on one session", &["4 processes of 16 clients"]);
    for database in servers.databases() {
        for store in database.stores {
            let mut of = CLIENTS.map(|_| Figures::default());
            for _ in 0..rounds {
                for (figures, clients) in of.iter_mut().zip(CLIENTS) {
                    measure(&program, &database, store, clients, seconds, figures)?;
                }
            }
            let name = format!("{}: {store}", database.name);
            commits.row(&name, of.each_ref().map(|figures| rate(&figures.commits, &figures.commit_cpu)));
            loads.row(&name, of.each_ref().map(|figures| rate(&figures.loads, &figures.load_cpu)));
            let rate = hot_rate(&program, &database, store, seconds)?;
            println!("{name}: {rate:.0} on one session");
            hot.row(&name, [Some(plain(rate))]);
        }
    }
    let sizes = sizes(&program, &servers)?;
    Ok(format!(
        "{commits}\n{loads}\nEach client has its own session of three small keys, and holds what it has loaded. A commit adds one to a number; \
         that of tower-sessions saves the whole session. All clients run in one process, on the machine of the server; median of {rounds} runs \
         of {seconds} s. The server's CPU time is that of all its processes. Redis and Valkey run without persistence, PostgreSQL with `fsync`.\n\n\
         {hot}\nOurs add up exactly. Those of tower-sessions overwrite each other.\n\n{sizes}"
    ))
}

/// Runs the clients of one store, and adds its figures.
fn measure(
    program: &PathBuf,
    database: &Database,
    store: &str,
    clients: usize,
    seconds: u64,
    figures: &mut Figures,
) -> Outcome {
    let mut child = start(program, &["rates", store, &database.url, &clients.to_string(), &seconds.to_string()])?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("the output is already read")?).lines();
    for (rates, cpus) in [(&mut figures.commits, &mut figures.commit_cpu), (&mut figures.loads, &mut figures.load_cpu)]
    {
        if lines.next().ok_or("the program has ended")?? != "begin" {
            return Err("the program did not print `begin`".into());
        }
        let before = cpu_of(database)?;
        let rate: f64 = lines.next().ok_or("the program has ended")??.parse()?;
        let spent = cpu_of(database)? - before;
        println!("{}: {store}, {clients} clients: {rate:.0}/s", database.name);
        rates.push(rate);
        cpus.push(spent * 1e6 / (rate * seconds as f64));
    }
    finish(child)
}

/// Returns the commits per second of several processes on one session.
fn hot_rate(program: &PathBuf, database: &Database, store: &str, seconds: u64) -> Outcome<f64> {
    let words = ["hot", store, &database.url, &CLIENTS_OF_A_PROCESS.to_string(), &seconds.to_string()];
    let children = (0..PROCESSES).map(|_| start(program, &words)).collect::<Outcome<Vec<_>>>()?;
    let mut sum = 0.0;
    for mut child in children {
        let output = BufReader::new(child.stdout.take().ok_or("the output is already read")?);
        let last = output.lines().last().ok_or("the program printed no rate")??;
        sum += last.parse::<f64>()?;
        finish(child)?;
    }
    Ok(sum)
}

/// Returns the bytes of a session in Redis.
fn sizes(program: &PathBuf, servers: &Servers) -> Outcome<String> {
    let mut table = Table::new("Redis", &["bytes per anonymous session"]);
    for store in ["ours", "tower-redis"] {
        let _ = servers.redis.cli(&["FLUSHALL"]);
        let before = used_memory(&servers.redis)?;
        finish(start(program, &["fill", store, &servers.redis.url(), &SESSIONS.to_string()])?)?;
        let bytes = used_memory(&servers.redis)?.saturating_sub(before) / SESSIONS;
        table.row(store, [Some(plain(bytes as f64))]);
    }
    Ok(format!("{table}\nGrowth of `used_memory` with {} sessions of three small keys.\n", plain(SESSIONS as f64)))
}

fn used_memory(redis: &Server) -> Outcome<u64> {
    let info = redis.cli(&["INFO", "memory"]);
    let bytes = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(bytes.ok_or("Redis did not report its memory")?.trim().parse()?)
}

fn start(program: &PathBuf, words: &[&str]) -> Outcome<Child> {
    Ok(Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn finish(mut child: Child) -> Outcome {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the program ended with {status}").into()) }
}

/// Returns the CPU time of all processes of a database in seconds.
fn cpu_of(database: &Database) -> Outcome<f64> {
    let Some(name) = database.process else { return Ok(0.0) };
    let name = format!("({name})");
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
        if format!("{head})").contains(&name) {
            let fields: Vec<&str> = rest.split(' ').collect();
            ticks +=
                fields.get(11..13).into_iter().flatten().filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
    }
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Formats a rate, with the CPU time of one call where there is a server.
fn rate(rates: &Spread, cpu: &Spread) -> Option<String> {
    let rate = plain(rates.median()?);
    Some(match cpu.median().filter(|cpu| *cpu > 0.0) {
        Some(cpu) => format!("{rate} ({cpu:.1})"),
        None => rate,
    })
}
