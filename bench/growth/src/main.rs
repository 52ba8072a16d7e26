//! The cost of requests as sessions, keys and values grow, without sockets.

mod crowd;
mod entries;
mod expiry;
mod measure;
mod reader;

use std::env;
use std::str::FromStr;

const USAGE: &str = "\
usage: crowd SESSIONS                        nanoseconds of CPU of a request, resident bytes of a session
       walk-crowd WHAT SESSIONS TIMES        for valgrind: what 2N requests take more than N
       entries KEYS BYTES                    nanoseconds of CPU of a request to a session of so many keys
       walk-entries WHAT KEYS BYTES TIMES    for valgrind
       expiry SESSIONS ROUNDS                how long reads wait while sessions expire
";

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["crowd", sessions] => crowd::time(number(sessions)),
        ["walk-crowd", what, sessions, times] => crowd::walk(what, number(sessions), number(times)),
        ["entries", keys, bytes] => entries::time(number(keys), number(bytes)),
        ["walk-entries", what, keys, bytes, times] => entries::walk(what, number(keys), number(bytes), number(times)),
        ["expiry", sessions, rounds] => expiry::run(number(sessions), number(rounds)),
        _ => panic!("{USAGE}"),
    }
}

fn number<T: FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?}?\n{USAGE}"))
}
