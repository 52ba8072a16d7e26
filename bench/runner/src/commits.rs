//! The throughput of stores for many clients at once.

mod folder;

use std::process::Command;

use crate::redis::Redis;
use crate::spread::Spread;
use crate::subjects::output_of;
use crate::table::{Table, plain};
use crate::{Options, Outcome, compile};
use folder::Folder;

const STORES: [&str; 4] = ["memory", "redb", "fjall", "redis"];
const DISK_STORES: [&str; 2] = ["redb", "fjall"];
const CLIENTS: [usize; 3] = [1, 8, 64];

const ROUNDS: usize = 3;
const SECONDS: u64 = 2;
/// Number of sessions that are created to measure their size.
const SESSIONS: u64 = 20_000;
/// Number of expired sessions before sweeping begins.
const EXPIRED: u64 = 100_000;
const TURNS: usize = 12;

/// The measured program, and the directory of its stores.
struct Bench {
    program: std::path::PathBuf,
    folder: Folder,
    redis: Redis,
}

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let bench = Bench { program: compile::program("stores")?, folder: Folder::make()?, redis: Redis::start()? };
    let (rounds, seconds) = (options.rounds.unwrap_or(ROUNDS), options.seconds.unwrap_or(SECONDS));
    let rates = bench.rates(rounds, seconds)?;
    let sizes = bench.sizes()?;
    let sweeps = bench.sweeps(options.rounds.unwrap_or(TURNS))?;
    Ok(format!("{rates}\n{sizes}\n{sweeps}"))
}

impl Bench {
    fn run(&self, words: &[&str]) -> Outcome<String> {
        let mut command = Command::new(&self.program);
        command.args(words);
        output_of(command)
    }

    /// Runs a command with an empty store, and removes the store.
    fn with_store(&self, what: &str, store: &str, words: &[&str]) -> Outcome<String> {
        let (path, url) = (self.folder.fresh(), self.redis.url());
        let place = if store == "redis" { &url } else { &path };
        let output = self.run(&[&[what, store, place], words].concat())?;
        self.redis.flush()?;
        self.folder.clear()?;
        Ok(output)
    }

    fn rates(&self, rounds: usize, seconds: u64) -> Outcome<String> {
        let seconds = seconds.to_string();
        let mut of = STORES.map(|_| CLIENTS.map(|_| (Spread::default(), Spread::default())));
        let mut disk = Spread::default();
        for _ in 0..rounds {
            for (row, store) in of.iter_mut().zip(STORES) {
                for ((commits, loads), clients) in row.iter_mut().zip(CLIENTS) {
                    let output = self.with_store("rates", store, &[&clients.to_string(), &seconds])?;
                    println!("{store} {clients} {}", output.trim());
                    let [commit, load] = numbers(&output)?;
                    commits.push(commit);
                    loads.push(load);
                }
            }
            let [appends] = numbers(&self.run(&["sync", self.folder.path(), "1"])?)?;
            disk.push(appends);
        }
        let columns =
            CLIENTS.map(|clients| if clients == 1 { "1 client".into() } else { format!("{clients} clients") });
        let columns = columns.each_ref().map(String::as_str);
        let (mut commits, mut loads) = (Table::new("commits/s", &columns), Table::new("loads/s", &columns));
        for (row, store) in of.iter().zip(STORES) {
            commits.row(store, row.each_ref().map(|(commits, _)| rate(commits)));
            loads.row(store, row.each_ref().map(|(_, loads)| rate(loads)));
        }
        Ok(format!(
            "{commits}\nEach client has its own session, increments a number in it and waits for `Session::save`. All run in one process, \
             on a runtime with one worker per processor; median of {rounds} runs of {seconds} s. redb and fjall make each commit durable \
             before they acknowledge it; sequential durable appends to a file reach {} per second on this disk. Redis runs on the same \
             machine, without persistence.\n\n\
             {loads}\nA load finds the session by its cookie and reads one number, through `Exchange::session` and `Session::get`.\n",
            rate(&disk).unwrap_or_default()
        ))
    }

    fn sizes(&self) -> Outcome<String> {
        let count = SESSIONS.to_string();
        let mut table = Table::new("store", &["bytes per session"]);
        for store in DISK_STORES {
            let [bytes] = numbers(&self.with_store("size", store, &[&count])?)?;
            table.row(store, [Some(plain(bytes))]);
        }
        let before = self.redis.number("used_memory")?;
        self.run(&["size", "redis", &self.redis.url(), &count])?;
        let bytes = self.redis.number("used_memory")?.saturating_sub(before) / SESSIONS;
        self.redis.flush()?;
        table.row("redis", [Some(plain(bytes as f64))]);
        Ok(format!(
            "{table}\n{} sessions of three small keys, written by 512 concurrent clients. Sizes on disk are those after the store was \
             closed, without its reserve; for Redis it is the growth of `used_memory`. For the memory store see the section `memory`.\n",
            plain(SESSIONS as f64)
        ))
    }

    fn sweeps(&self, rounds: usize) -> Outcome<String> {
        let columns = ["without", "while sweeping", "ratio", "swept/s meanwhile", "swept/s with no clients"];
        let mut table = Table::new("commits/s, 64 clients", &columns);
        for store in DISK_STORES {
            let output = self.with_store("sweep", store, &[&EXPIRED.to_string(), &rounds.to_string()])?;
            let (mut with, mut without, mut ratios, mut swept) = <(Spread, Spread, Spread, Spread)>::default();
            let mut alone = Spread::default();
            for line in output.lines() {
                println!("{store} {line}");
                if let Some(rate) = line.strip_prefix("alone ") {
                    alone.push(rate.parse()?);
                    continue;
                }
                let [while_sweeping, otherwise, records] = numbers(line)?;
                with.push(while_sweeping);
                without.push(otherwise);
                ratios.push(while_sweeping / otherwise);
                swept.push(records);
            }
            let ratio = ratios.show(|ratio| format!("{ratio:.3}"));
            table.row(store, [rate(&without), rate(&with), ratio, rate(&swept), rate(&alone)]);
        }
        Ok(format!(
            "{table}\nThe store has {} expired sessions to sweep. Turns of one second with and without sweeping alternate, {rounds} of each. \
             The ratio compares adjacent turns: the median, with the minimum and the maximum.\n",
            plain(EXPIRED as f64)
        ))
    }
}

fn numbers<const N: usize>(output: &str) -> Outcome<[f64; N]> {
    let numbers = output.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    numbers.try_into().map_err(|numbers| format!("{N} numbers, not {numbers:?}").into())
}

fn rate(of: &Spread) -> Option<String> {
    of.median().map(plain)
}
