//! A principal with a million sessions, in Redis and Valkey.

mod watch;

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use test_servers::{Options as Redis, Server, valkey_is_installed};

use crate::subjects::output_of;
use crate::table::{Table, plain};
use crate::{Options, Outcome, compile};
use watch::{Held, Watch};

const SESSIONS: u64 = 1_000_000;
/// Number of sessions that the program ends at a login beyond the limit.
const BEYOND: u64 = 10;
/// The list of the principal, under the default prefix.
const LIST: &str = "session:#p:ann";
/// Number of keys when the principal has no sessions: those of the other principal, and their list.
const KEYS_OF_OTHER: &str = "1001";

pub(crate) fn run(_: &Options) -> Outcome<String> {
    let program = compile::program("databases")?;
    let mut text = String::new();
    for server in [Some(Redis::new()), valkey_is_installed().then(|| Redis::new().valkey())].into_iter().flatten() {
        let server = server.start();
        let columns = ["longest command or event, ms", "longest wait of a PING, ms", "s", "MiB of the process"];
        let mut table = Table::new(&version(&server), &columns);
        let bench = Bench { program: &program, server: &server };
        for (name, cells) in bench.rows()? {
            table.row(name, cells);
        }
        text.push_str(&format!("{table}\n"));
    }
    Ok(format!(
        "{text}One principal has {} sessions, another one 1,000. After each row, the program checks that those have ended that have to, and \
         no others. The first column is the longest event of `LATENCY LATEST` and its name; empty if none took a millisecond. The \
         second is the longest of the PINGs that another connection sends meanwhile. Both count the time in which other processes of the \
         machine had the server's core. The servers have no persistence, and otherwise their defaults.\n",
        plain(SESSIONS as f64)
    ))
}

struct Bench<'a> {
    program: &'a Path,
    server: &'a Server,
}

type Row = (&'static str, [Option<String>; 4]);

impl Bench<'_> {
    fn rows(&self) -> Outcome<Vec<Row>> {
        let mut rows = vec![
            self.row("create them, 512 at a time", "fill", SESSIONS)?,
            self.row("a login, below the limit", "login", SESSIONS)?,
            self.row("`sessions_of`", "list", SESSIONS + 1)?,
            self.row("a login that ends ten", "login-beyond", SESSIONS + 1)?,
            self.row("`destroy_others`", "destroy-others", SESSIONS + 2 - BEYOND)?,
        ];
        let _ = self.server.cli(&["FLUSHALL", "SYNC"]);
        self.row("", "fill", SESSIONS)?;
        rows.push(self.row("`destroy_principal`", "destroy-principal", SESSIONS)?);
        if self.server.cli(&["EXISTS", LIST]) != "0" {
            return Err("the list still exists".into());
        }
        rows.push(self.expiry("the list expires, `lazyfree-lazy-expire no`", "no")?);
        rows.push(self.expiry("the list expires, `lazyfree-lazy-expire yes`", "yes")?);
        Ok(rows)
    }

    /// Runs one operation of the program.
    fn row(&self, name: &'static str, what: &str, sessions: u64) -> Outcome<Row> {
        let mut command = Command::new(self.program);
        command.args(["principal", what, &self.server.url(), &sessions.to_string()]);
        let watch = Watch::start(self.server)?;
        let output = output_of(command);
        let held = watch.stop()?;
        let output = output?;
        println!("{what} {} {held}", output.trim());
        let [seconds, mebibytes] = output.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("two numbers, not {output:?}").into());
        };
        Ok((name, cells(held, seconds.parse()?, Some(mebibytes.to_owned()))))
    }

    /// Expires the list, as after the end of its last session.
    fn expiry(&self, name: &'static str, is_lazy: &str) -> Outcome<Row> {
        let _ = self.server.cli(&["CONFIG", "SET", "lazyfree-lazy-expire", is_lazy]);
        let fill = "for at = 1, ARGV[1] do redis.call('ZADD', KEYS[1], at, string.format('%016d', at)) end";
        let _ = self.server.cli(&["EVAL", fill, "1", LIST, &SESSIONS.to_string()]);
        if self.server.cli(&["ZCARD", LIST]) != SESSIONS.to_string() {
            return Err("the list cannot be created".into());
        }
        let watch = Watch::start(self.server)?;
        let begin = Instant::now();
        let _ = self.server.cli(&["PEXPIRE", LIST, "1"]);
        while self.server.cli(&["DBSIZE"]) != KEYS_OF_OTHER {
            thread::sleep(Duration::from_millis(1));
        }
        let held = watch.stop()?;
        println!("expiry {is_lazy} {held}");
        Ok((name, cells(held, begin.elapsed().as_secs_f64(), None)))
    }
}

fn cells(held: Held, seconds: f64, mebibytes: Option<String>) -> [Option<String>; 4] {
    [held.event, Some(format!("{:.1}", held.ping.as_secs_f64() * 1e3)), Some(format!("{seconds:.2}")), mebibytes]
}

fn version(server: &Server) -> String {
    let info = server.cli(&["INFO", "server"]);
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
    match field("valkey_version:") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {}", field("redis_version:").unwrap_or_default()),
    }
}
