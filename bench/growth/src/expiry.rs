//! Reads while a million sessions expire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hot::{login, read, sign_in, visit};
use pollster::block_on;
use sessions_core::store::{MemoryStore, Store};
use sessions_core::testing::ManualClock;
use sessions_core::{Sessions, SessionsBuilder};

use crate::reader::{Waits, read_until};

/// Number of sessions that stay alive and are read.
const LIVING: usize = 10_000;
const IDLE: Duration = Duration::from_secs(30 * 60);
const DAYS: Duration = Duration::from_secs(30 * 86_400);
/// Time between two deadlines if they are staggered.
const APART: Duration = Duration::from_millis(1);
/// Time in which a million sessions then expire.
const SPELL: Duration = Duration::from_secs(4);
const CONTROL: Duration = Duration::from_secs(3);

/// A store with sessions that expire and sessions that are read.
struct Population {
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    /// A manager without a sweeper.
    readers: Sessions,
    cookies: Vec<Vec<u8>>,
}

impl Population {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = MemoryStore::builder().max_sessions(usize::MAX).max_bytes(usize::MAX).build();
        let store: Arc<dyn Store> = Arc::new(store);
        let readers = manager(&clock, &store).idle(DAYS).absolute(None).touch_every(DAYS).sweep_every(None);
        let readers = readers.build().expect("the options are sound");
        let cookies = (0..LIVING).map(|_| sign_in(&readers, login)).collect();
        Self { clock, store, readers, cookies }
    }

    /// Fills the store with sessions that nobody uses, with `apart` between their deadlines.
    fn fill(&self, sessions: usize, apart: Duration) {
        let manager = manager(&self.clock, &self.store).idle(IDLE).sweep_every(None);
        let manager = manager.build().expect("the options are sound");
        for _ in 0..sessions {
            sign_in(&manager, login);
            self.clock.advance(apart);
        }
    }

    fn sessions(&self) -> u64 {
        block_on(self.store.count()).expect("the store counts")
    }

    /// Starts the sweeper that every manager has, ten times a second.
    fn sweep(&self) -> Sessions {
        let sweeping = manager(&self.clock, &self.store).sweep_every(Duration::from_millis(100));
        sweeping.build().expect("the options are sound")
    }

    /// Reads on all processors except one while `happening` runs.
    fn read_while(&self, happening: impl FnOnce()) -> Waits {
        let readers = (processors() - 1).max(1);
        watch(readers, |number, stop| self.read(number * LIVING / readers, stop), happening)
    }

    fn read(&self, from: usize, stop: &AtomicBool) -> Waits {
        let mut cookies = self.cookies.iter().cycle().skip(from);
        read_until(stop, || {
            let cookie = cookies.next().expect("a cycle has no end");
            drop(visit(&self.readers, Some(cookie), Some(read)));
        })
    }
}

fn manager(clock: &Arc<ManualClock>, store: &Arc<dyn Store>) -> SessionsBuilder {
    Sessions::builder().clock(Arc::clone(clock)).store(Arc::clone(store))
}

pub(crate) fn run(sessions: usize, rounds: usize) {
    let mut clock = Waits::default();
    let (mut nothing, mut staggered, mut at_once) = (Waits::default(), Waits::default(), Waits::default());
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        // Idle threads on all processors measure how long the system preempts them.
        clock.merge(&watch(processors(), |_, stop| read_until(stop, || ()), || thread::sleep(CONTROL)));
        let population = Population::new();
        population.fill(sessions, APART);
        nothing.merge(&population.read_while(|| thread::sleep(CONTROL)));
        staggered.merge(&expire_one_after_the_other(&population, sessions));
        population.fill(sessions, Duration::ZERO);
        let begin = Instant::now();
        at_once.merge(&expire_at_once(&population));
        seconds.push(begin.elapsed().as_secs_f64());
    }
    print("clock", &clock);
    print("nothing", &nothing);
    print("staggered", &staggered);
    print("at-once", &at_once);
    seconds.sort_unstable_by(f64::total_cmp);
    println!("seconds {:.2}", seconds[seconds.len() / 2]);
}

/// Runs `threads` readers until `happening` has returned.
fn watch(threads: usize, read: impl Fn(usize, &AtomicBool) -> Waits + Sync, happening: impl FnOnce()) -> Waits {
    let (stop, read) = (&AtomicBool::new(false), &read);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..threads).map(|number| scope.spawn(move || read(number, stop))).collect();
        happening();
        stop.store(true, Ordering::Relaxed);
        let mut waits = Waits::default();
        for reader in readers {
            waits.merge(&reader.join().expect("a reader does not panic"));
        }
        waits
    })
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn expire_one_after_the_other(population: &Population, sessions: usize) -> Waits {
    const STEPS: u32 = 400;
    let span = APART * u32::try_from(sessions).unwrap_or(u32::MAX);
    population.clock.advance(IDLE - span.min(IDLE));
    let _sweeping = population.sweep();
    population.read_while(|| {
        for _ in 0..STEPS {
            thread::sleep(SPELL / STEPS);
            population.clock.advance(span / STEPS);
        }
        population.clock.advance(IDLE);
        wait_for_the_sweep(population);
    })
}

fn expire_at_once(population: &Population) -> Waits {
    let _sweeping = population.sweep();
    population.read_while(|| {
        population.clock.advance(IDLE);
        wait_for_the_sweep(population);
    })
}

fn wait_for_the_sweep(population: &Population) {
    while population.sessions() > LIVING as u64 {
        thread::sleep(Duration::from_millis(5));
    }
}

/// Prints the count, the maximum with and without waiting for a processor, and percentiles.
fn print(what: &str, waits: &Waits) {
    print!("{what} {} {} {}", waits.reads, waits.longest, waits.longest_own);
    for many in [10, 100, 1000, 10_000, 100_000, 1_000_000] {
        print!(" {}", waits.one_in(many));
    }
    println!();
}
