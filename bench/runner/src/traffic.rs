//! Traffic to and from Redis.

use crate::instructions::ROUTES;
use crate::redis::Redis;
use crate::subjects::{Subject, Subjects, output_of};
use crate::table::Table;
use crate::{Options, Outcome};

/// Number of requests. Twice as many are counted too, and the difference is their cost.
const REQUESTS: u64 = 500;

/// The server's counters: reads from sockets, commands, and bytes in both directions.
const COUNTS: [&str; 4] =
    ["total_reads_processed", "total_commands_processed", "total_net_input_bytes", "total_net_output_bytes"];

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let subjects = Subjects::build(options, |subject| subject.store() == "redis")?;
    let redis = subjects.redis.as_ref().ok_or("none of the subjects keeps its sessions in Redis")?;
    let mut trips = Table::new("round trips", &ROUTES);
    let mut commands = Table::new("commands", &ROUTES);
    let mut bytes = Table::new("bytes to Redis / from it", &ROUTES);
    for subject in subjects.with_sessions().filter(|subject| subject.store() == "redis") {
        let mut counts = [[0.0; COUNTS.len()]; ROUTES.len()];
        for (counts, route) in counts.iter_mut().zip(ROUTES) {
            *counts = of_one(&subjects, redis, subject, route)?;
            println!("{} {route} {}", subject.name, counts.map(|count| format!("{count:.2}")).join(" "));
        }
        trips.row(&subject.name, counts.map(|[reads, ..]| Some(format!("{reads:.1}"))));
        commands.row(&subject.name, counts.map(|[_, commands, ..]| Some(format!("{commands:.1}"))));
        bytes.row(&subject.name, counts.map(|[.., to, from]| Some(format!("{to:.0} / {from:.0}"))));
    }
    Ok(format!(
        "{trips}\nThe number of times that Redis reads from its sockets, per request; what arrives together counts once.\n\n\
         {commands}\nThe commands that Redis executes per request, including those in scripts.\n\n{bytes}"
    ))
}

fn of_one(subjects: &Subjects, redis: &Redis, subject: &Subject, route: &str) -> Outcome<[f64; COUNTS.len()]> {
    let once = caused(subjects, redis, subject, route, REQUESTS)?;
    let twice = caused(subjects, redis, subject, route, 2 * REQUESTS)?;
    let mut each = [0.0; COUNTS.len()];
    for (each, (once, twice)) in each.iter_mut().zip(once.into_iter().zip(twice)) {
        // Both counts include signing in, connecting and reading the counters.
        *each = (twice as f64 - once as f64).max(0.0) / REQUESTS as f64;
    }
    Ok(each)
}

fn caused(
    subjects: &Subjects,
    redis: &Redis,
    subject: &Subject,
    route: &str,
    requests: u64,
) -> Outcome<[u64; COUNTS.len()]> {
    let before = counts(redis)?;
    output_of(subjects.command(subject, &["run", &subject.name, route, &requests.to_string()]))?;
    let mut counts = counts(redis)?;
    counts.iter_mut().zip(before).for_each(|(count, before)| *count -= before);
    Ok(counts)
}

fn counts(redis: &Redis) -> Outcome<[u64; COUNTS.len()]> {
    let mut counts = [0; COUNTS.len()];
    for (count, name) in counts.iter_mut().zip(COUNTS) {
        *count = redis.number(name)?;
    }
    Ok(counts)
}
