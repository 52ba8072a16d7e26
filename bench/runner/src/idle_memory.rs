//! The memory of an idle session.

use crate::subjects::{Subject, Subjects, output_of};
use crate::table::Table;
use crate::{Options, Outcome};

/// Numbers of sessions: a hash table that doubles has much spare room at some of them and little at
/// others.
const SESSIONS: [u64; 3] = [100_000, 140_000, 200_000];

/// Numbers for Redis, whose figures vary less.
const SESSIONS_IN_REDIS: [u64; 3] = [20_000, 28_000, 40_000];

/// Number of sessions that a subject creates before the first measurement.
const BEFORE: u64 = 101;

pub(crate) fn run(options: &Options) -> Outcome<String> {
    // The stores are the same in each framework.
    let subjects = Subjects::build(options, |subject| {
        let is_usual = matches!(subject.store(), "memory" | "redis") && !subject.is_router_layer();
        is_usual && (subject.is_peer || subject.family() == "axum-bare")
    })?;
    let mut resident = Table::new("resident bytes per session", &SESSIONS.map(headline).each_ref().map(String::as_str));
    let mut redis =
        Table::new("bytes per session in Redis", &SESSIONS_IN_REDIS.map(headline).each_ref().map(String::as_str));
    for subject in subjects.with_sessions() {
        match subject.store() {
            "memory" => {
                resident.row(&subject.name, row(subject, SESSIONS, |many| in_process(&subjects, subject, many))?)
            }
            "redis" => {
                redis.row(&subject.name, row(subject, SESSIONS_IN_REDIS, |many| in_redis(&subjects, subject, many))?)
            }
            _ => {}
        }
    }
    Ok(format!(
        "{resident}\nThe growth of the process's resident memory, at three sizes of the store, with sessions of three small keys (`user`, \
         `n` and `theme`) and each library's default lifetime.\n\n\
         {redis}\nThe growth of the server's `used_memory`, including indexes. Sessions in cookies take no memory on the server.\n"
    ))
}

fn headline(sessions: u64) -> String {
    format!("{},000 sessions", sessions / 1000)
}

fn row(subject: &Subject, sessions: [u64; 3], measure: impl Fn(u64) -> Outcome<u64>) -> Outcome<[Option<String>; 3]> {
    let mut cells = [None, None, None];
    for (cell, sessions) in cells.iter_mut().zip(sessions) {
        let bytes = measure(sessions)?;
        println!("{} {sessions} {bytes}", subject.name);
        *cell = Some(bytes.to_string());
    }
    Ok(cells)
}

fn in_process(subjects: &Subjects, subject: &Subject, sessions: u64) -> Outcome<u64> {
    let output = output_of(subjects.command(subject, &["memory", &subject.name, &sessions.to_string()]))?;
    Ok(output.trim().parse()?)
}

fn in_redis(subjects: &Subjects, subject: &Subject, sessions: u64) -> Outcome<u64> {
    let redis = subjects.redis.as_ref().ok_or("there is no Redis server")?;
    redis.flush()?;
    let before = redis.number("used_memory")?;
    output_of(subjects.command(subject, &["memory", &subject.name, &sessions.to_string()]))?;
    Ok(redis.number("used_memory")?.saturating_sub(before) / (sessions + BEFORE))
}
