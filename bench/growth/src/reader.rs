//! A reader that measures the time of its reads.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Nanoseconds from which a read is checked for time spent waiting for a processor.
const SLOW: u64 = 50_000;
/// Maximum number of reads between two checks.
const BETWEEN: u64 = 1024;

/// Reads until it is stopped.
///
/// Each read begins where the last one ended, so that every moment belongs to one.
pub(crate) fn read_until(stop: &AtomicBool, mut read: impl FnMut()) -> Waits {
    let (mut waits, mut queue) = (Waits::default(), Queue::open());
    let mut begin = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        read();
        let end = Instant::now();
        let took = u64::try_from((end - begin).as_nanos()).unwrap_or(u64::MAX);
        begin = end;
        waits.add(took);
        if took > SLOW {
            waits.longest_own = waits.longest_own.max(took.saturating_sub(queue.since_last_read()));
            begin = Instant::now();
        } else {
            waits.longest_own = waits.longest_own.max(took);
            if waits.reads.is_multiple_of(BETWEEN) {
                queue.since_last_read();
                begin = Instant::now();
            }
        }
    }
    waits
}

/// Time that this thread was ready to run but had no processor.
struct Queue {
    /// The kernel's `schedstat`, if there is one. The second of its three numbers is the waiting
    /// time.
    schedstat: Option<File>,
    last: u64,
}

impl Queue {
    fn open() -> Self {
        let mut queue = Self { schedstat: File::open("/proc/thread-self/schedstat").ok(), last: 0 };
        queue.since_last_read();
        queue
    }

    fn since_last_read(&mut self) -> u64 {
        let now = self.so_far().unwrap_or_default();
        now - std::mem::replace(&mut self.last, now)
    }

    fn so_far(&self) -> Option<u64> {
        let mut text = [0; 96];
        let length = self.schedstat.as_ref()?.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(&text[..length]).ok()?.split_whitespace().nth(1)?.parse().ok()
    }
}

/// Number of buckets per doubling of the time.
const FINENESS: usize = 16;

/// A histogram of the time of reads, in nanoseconds.
pub(crate) struct Waits {
    /// Number of reads per bucket. Each bucket begins a sixteenth above the previous one.
    places: Vec<u64>,
    pub(crate) reads: u64,
    pub(crate) longest: u64,
    /// Maximum time without waiting for a processor.
    pub(crate) longest_own: u64,
}

impl Default for Waits {
    fn default() -> Self {
        Self { places: vec![0; 64 * FINENESS], reads: 0, longest: 0, longest_own: 0 }
    }
}

impl Waits {
    fn add(&mut self, took: u64) {
        self.places[place(took)] += 1;
        self.reads += 1;
        self.longest = self.longest.max(took);
    }

    pub(crate) fn merge(&mut self, others: &Self) {
        for (place, other) in self.places.iter_mut().zip(&others.places) {
            *place += other;
        }
        self.reads += others.reads;
        self.longest = self.longest.max(others.longest);
        self.longest_own = self.longest_own.max(others.longest_own);
    }

    /// Returns the time that one of `many` reads exceeds, to a sixteenth.
    pub(crate) fn one_in(&self, many: u64) -> u64 {
        let mut above = self.reads / many;
        for (place, count) in self.places.iter().enumerate().rev() {
            if *count > above {
                return begin(place + 1).min(self.longest);
            }
            above -= count;
        }
        self.longest
    }
}

fn place(took: u64) -> usize {
    let took = took.max(FINENESS as u64);
    let doublings = took.ilog2() as usize;
    let part = (took >> (doublings - FINENESS.ilog2() as usize)) as usize - FINENESS;
    doublings * FINENESS + part
}

fn begin(place: usize) -> u64 {
    let (doublings, part) = (place / FINENESS, place % FINENESS);
    ((FINENESS + part) as u64) << (doublings.saturating_sub(FINENESS.ilog2() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_begins_at_most_a_sixteenth_below_its_times() {
        for took in [16, 17, 31, 32, 1000, 123_456_789, u64::from(u32::MAX)] {
            let begin = begin(place(took));
            assert!(begin <= took && took - begin <= took / 16, "{took}: {begin}");
        }
    }

    #[test]
    fn one_in_many_is_exact_to_a_sixteenth() {
        let mut waits = Waits::default();
        (1..=1000).for_each(|thousand| waits.add(thousand * 1000));
        let (tenth, thousandth) = (waits.one_in(10), waits.one_in(1000));
        assert!((900_000..=960_000).contains(&tenth), "{tenth}");
        assert!((999_000..=1_000_000).contains(&thousandth), "{thousandth}");
        assert_eq!(waits.longest, 1_000_000);
    }
}
