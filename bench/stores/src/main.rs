//! The throughput of stores, with sessions of many clients and without a framework.

mod clients;
mod open;
mod rates;
mod size;
mod sweep;
mod sync;

use std::env;
use std::str::FromStr;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

const USAGE: &str = "\
usage: rates STORE WHERE CLIENTS SECONDS     commits and loads in a second
       size STORE WHERE SESSIONS             bytes on disk of a session
       sweep STORE WHERE EXPIRED ROUNDS      commits in a second with sweeping and without, and what was swept in a second
       sync FOLDER SECONDS                   appends to a file in a second, each made durable

STORE is memory, redb, fjall or redis; WHERE is a path that does not exist yet, or a URL";

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["rates", store, place, clients, seconds] => rates::run(store, place, number(clients), time(seconds)),
        ["size", store, place, sessions] => size::run(store, place, number(sessions)),
        ["sweep", store, place, expired, rounds] => sweep::run(store, place, number(expired), number(rounds)),
        ["sync", folder, seconds] => sync::run(folder, time(seconds)),
        _ => panic!("{USAGE}"),
    }
}

fn number<T: FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?}?\n{USAGE}"))
}

fn time(word: &str) -> Duration {
    Duration::from_secs_f64(number(word))
}

/// Returns a runtime as a server has it, with a worker per processor.
fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime can be created")
}
