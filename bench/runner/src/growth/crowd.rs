//! A growing number of sessions in memory.

use std::fs;
use std::path::Path;

use super::{command, numbers};
use crate::Outcome;
use crate::plot::{Line, Plot, Scale, short};
use crate::table::Table;
use crate::valgrind::{of_one, two_at_a_time};

const SESSIONS: [u64; 5] = [1000, 10_000, 100_000, 1_000_000, 5_000_000];
/// Maximum number of sessions under valgrind, which creates them a hundred times slower.
const COUNTED: u64 = 100_000;
const TIMES: u64 = 10_000;
/// Upper bound for the size of a session and its visitor's cookie.
const BYTES: u64 = 500;

/// Results for a number of sessions; `None` if memory or time does not suffice.
struct Size {
    sessions: u64,
    times: Option<[f64; 3]>,
    counts: Option<[u64; 2]>,
}

pub(crate) fn run(program: &Path) -> Outcome<String> {
    let mut sizes = Vec::new();
    for sessions in SESSIONS {
        let fits = sessions * BYTES < available_bytes()?;
        let times = fits.then(|| numbers(program, &["crowd", &sessions.to_string()])).transpose()?;
        sizes.push(Size { sessions, times, counts: None });
    }
    count(program, &mut sizes)?;
    Ok(format!("{}\n{}", table(&sizes), plots(&sizes)?))
}

/// Returns the memory that is available to programs.
fn available_bytes() -> Outcome<u64> {
    let output = fs::read_to_string("/proc/meminfo")?;
    let line =
        output.lines().find_map(|line| line.strip_prefix("MemAvailable:")).ok_or("the kernel reports no memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn count(program: &Path, sizes: &mut [Size]) -> Outcome {
    let counted = || sizes.iter().map(|size| size.sessions).filter(|sessions| *sessions <= COUNTED);
    let jobs: Vec<_> = counted().flat_map(|sessions| ["read", "write"].map(|what| (what, sessions))).collect();
    let counts = two_at_a_time(&jobs, |(what, sessions)| {
        let walk = |times: u64| command(program, &["walk-crowd", what, &sessions.to_string(), &times.to_string()]);
        of_one(TIMES, walk).map_err(|error| error.to_string())
    });
    let counts = counts.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (size, counts) in sizes.iter_mut().zip(counts.chunks_exact(2)) {
        size.counts = Some([counts[0], counts[1]]);
    }
    Ok(())
}

fn table(sizes: &[Size]) -> String {
    let columns = ["read, ns", "write, ns", "read, instructions", "write, instructions", "resident bytes of a session"];
    let mut table = Table::new("sessions in memory", &columns);
    for Size { sessions, times, counts } in sizes {
        let time = |place: usize| times.map(|times| short(times[place]));
        let count = |place: usize| counts.map(|counts| short(counts[place] as f64));
        table.row(&short(*sessions as f64), [time(0), time(1), count(0), count(1), time(2)]);
    }
    format!(
        "{table}\nA request to sessions-core alone: it parses and hashes the cookie's token, finds the session, and reads two values, or \
         increments one and commits. Each request is for a different session, in random order, so CPU time grows as fewer sessions fit into \
         the caches. Instructions are counted up to {} sessions.\n",
        short(COUNTED as f64)
    )
}

fn plots(sizes: &[Size]) -> Outcome<String> {
    let points = |place: usize| {
        let point = |size: &Size| size.times.map(|times| (size.sessions as f64, times[place]));
        sizes.iter().filter_map(point).collect::<Vec<_>>()
    };
    let ticks = || SESSIONS.map(|sessions| (sessions as f64, short(sessions as f64))).to_vec();
    let times = Plot {
        title: "A request as sessions grow in number",
        x: "sessions in memory",
        y: "ns of CPU per request",
        scale: Scale::Linear,
        ticks: ticks(),
        lines: vec![Line { name: "read", points: points(0) }, Line { name: "write", points: points(1) }],
    };
    let bytes = Plot {
        title: "A session's memory as sessions grow in number",
        x: "sessions in memory",
        y: "resident bytes per session",
        scale: Scale::Linear,
        ticks: ticks(),
        lines: vec![Line { name: "three small keys", points: points(2) }],
    };
    Ok(format!("{}\n{}", times.write("sessions")?, bytes.write("bytes")?))
}
