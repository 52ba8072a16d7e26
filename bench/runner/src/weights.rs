//! The instructions that a session adds, by purpose, counted with callgrind.

mod profile;

use std::collections::BTreeMap;

use crate::subjects::{Subject, Subjects};
use crate::table::{Table, grouped};
use crate::valgrind::two_at_a_time;
use crate::{Options, Outcome};

const ROUTES: [&str; 4] = ["/plain", "/login", "/read", "/write"];

/// Number of requests. Twice as many are counted too.
const REQUESTS: u64 = 1000;

/// Purposes of functions by parts of their names. The first match counts.
///
/// An inlined function counts as part of its caller.
const WEIGHTS: [(&str, &[&str]); 11] = [
    ("hash of the secret", &["sha2::"]),
    ("allocating and freeing", &["malloc", "free", "realloc", "calloc", "unlink_chunk", "raw_vec"]),
    ("copying and comparing bytes", &["memcpy", "memmove", "memcmp", "memset"]),
    ("headers of the framework", &["http::header", "::headers::", "fields::", "HeaderMap"]),
    ("carrying the session in the request", &["http::extensions", "hashbrown::map", "::exchanges::"]),
    ("JSON and text", &["serde", "core::fmt", "alloc::fmt", "core::str", "itoa", "alloc::string"]),
    ("token and cookie", &["token::", "base64url::", "::cookie::", "memchr"]),
    ("store and record", &["sessions_store::memory", "sessions_store::contract", "dashmap", "::record::", "hashbrown"]),
    ("time and random bytes", &["time::", "::clock::", "::timestamp::", "fill_random", "getrandom"]),
    ("the session's life: load, view, commit", &["sessions_core", "sessions_store"]),
    ("the adapter", &["sessions_"]),
];
const REST: &str = "the framework: extractor, moving requests and responses";

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let subjects = Subjects::build(options, |subject| subject.name == "sessions-axum")?;
    let mut text = String::new();
    for subject in subjects.with_sessions() {
        text.push_str(&format!("{}\n", table(&subjects, subject)?));
    }
    text.push_str(
        "Instructions compared with the framework without sessions, counted by callgrind, which agrees with cachegrind. An inlined function \
         counts as part of the function that contains it. Negative figures are work that the framework does only without sessions.\n",
    );
    Ok(text)
}

fn table(subjects: &Subjects, subject: &Subject) -> Outcome<Table> {
    let bare = subject.bare().unwrap_or_default();
    let jobs: Vec<(&str, &str)> = ROUTES.iter().flat_map(|route| [(bare, *route), (&*subject.name, *route)]).collect();
    let profiles = two_at_a_time(&jobs, |(name, route)| {
        let run = |times: u64| subjects.command(subject, &["run", name, route, &times.to_string()]);
        profile::of_one(REQUESTS, &format!("{name}{}", route.replace('/', "-")), run).map_err(|error| error.to_string())
    });
    let mut columns = Vec::new();
    for pair in profiles.chunks_exact(2) {
        let [without, with] = pair else { continue };
        columns.push(weighed(with.as_ref().map_err(Clone::clone)?, without.as_ref().map_err(Clone::clone)?));
    }
    let mut table = Table::new(&subject.name, &ROUTES);
    for name in WEIGHTS.iter().map(|(name, _)| *name).chain([REST]) {
        let cell = |column: &BTreeMap<&str, i64>| Some(grouped(column.get(name).copied().unwrap_or_default()));
        table.row(name, [0, 1, 2, 3].map(|at| columns.get(at).and_then(cell)));
    }
    table.row("in all", [0, 1, 2, 3].map(|at| Some(grouped(columns.get(at)?.values().sum()))));
    Ok(table)
}

/// Sums the additional instructions of each purpose.
fn weighed(with: &profile::Profile, without: &profile::Profile) -> BTreeMap<&'static str, i64> {
    let mut weights = BTreeMap::new();
    for (sign, profile) in [(1, with), (-1, without)] {
        for (function, instructions) in profile {
            *weights.entry(weight(function)).or_default() += sign * instructions;
        }
    }
    weights
}

fn weight(function: &str) -> &'static str {
    let fits = |(_, parts): &&(_, &[&str])| parts.iter().any(|part| function.contains(part));
    WEIGHTS.iter().find(fits).map_or(REST, |(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_the_first_matching_weight() {
        let table = [
            ("sha2::sha256::compress256", "hash of the secret"),
            ("_int_free", "allocating and freeing"),
            (
                "<sessions_http::headers::Headers as sessions_core::exchange::response::ResponseHeaders>::add",
                "headers of the framework",
            ),
            ("sessions_core::cookie::token::Token::parse", "token and cookie"),
            ("sessions_core::exchange::lookup::Search::judge", "the session's life: load, view, commit"),
            ("sessions_store::view::View::set", "the session's life: load, view, commit"),
            ("<sessions_store::memory::MemoryStore as sessions_store::contract::Store>::load", "store and record"),
            ("<sessions_http::future::ResponseFuture<F> as Future>::poll", "the adapter"),
            ("<axum::routing::Router as Service>::call", REST),
        ];
        for (function, name) in table {
            assert_eq!(weight(function), name, "{function}");
        }
    }
}
