//! Measurements of CPU time and memory.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Number of parts of a measurement; the result is their median.
const PARTS: usize = 5;

/// Returns the CPU nanoseconds of one call, without the time spent waiting for a processor.
pub(crate) fn nanoseconds(times: usize, mut call: impl FnMut()) -> f64 {
    let part = (times / PARTS).max(1);
    let mut parts = [0.0; PARTS];
    for spent in &mut parts {
        let before = cpu_nanoseconds();
        (0..part).for_each(|_| call());
        *spent = (cpu_nanoseconds() - before) as f64 / part as f64;
    }
    parts.sort_unstable_by(f64::total_cmp);
    parts[PARTS / 2]
}

fn cpu_nanoseconds() -> i64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec * 1_000_000_000 + spent.tv_nsec
}

/// Returns the resident memory of this process.
pub(crate) fn resident_bytes() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux tells");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("the kernel reports it");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kibibytes * 1024
}
