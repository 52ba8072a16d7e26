//! Clients that share sessions on several servers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::check::owner;
use super::{Act, History, OWNER, Told};

/// Servers of one site, which share a store.
pub trait Site: Sync {
    /// Returns the number of servers.
    fn servers(&self) -> usize;

    /// Signs a user in at a server, and returns the token of the new session.
    ///
    /// Returns `None` if there is no answer.
    fn sign_in(&self, server: usize, user: &str) -> Option<String>;

    /// Makes a request of a session.
    fn perform(&self, server: usize, token: &str, act: &Act) -> Told;
}

/// Number of clients per session.
const CLIENTS: u64 = 4;

/// Number of requests of a client before the session is signed out, and after it.
const REQUESTS: (u64, u64) = (12, 4);

const KEYS: [&str; 2] = ["a", "b"];

/// Runs `crowds` of clients until `is_over`. Each crowd works on one session after the other.
pub fn work_until(is_over: &AtomicBool, history: &History, site: &impl Site, crowds: u64) {
    let sessions = AtomicUsize::new(0);
    thread::scope(|scope| {
        for crowd in 0..crowds {
            let sessions = &sessions;
            scope.spawn(move || {
                let mut random = Random(crowd + 1);
                while !is_over.load(Ordering::Relaxed) {
                    let session = sessions.fetch_add(1, Ordering::Relaxed);
                    live(session, &mut random, history, site, is_over);
                }
            });
        }
    });
}

/// Runs the clients of one session from its sign-in until a little after its sign-out.
fn live(session: usize, random: &mut Random, history: &History, site: &impl Site, is_over: &AtomicBool) {
    let server = random.below(site.servers());
    let Some(token) = site.sign_in(server, &format!("user-{session}")) else { return };
    let own = Act::Put { key: OWNER.to_owned(), value: owner(session) };
    // Without its name, a session cannot be distinguished from a new one.
    if site.perform(server, &token, &own) != Told::Done {
        return;
    }
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (token, seed) = (&token, random.next());
            scope.spawn(move || {
                let mut random = Random(seed | 1);
                let mut ask = |act| {
                    let server = random.below(site.servers());
                    history.record(session, act, |act| site.perform(server, token, act))
                };
                let mut choices = Random(seed | 1);
                for number in 0..REQUESTS.0 {
                    ask(choices.act(session, client, number));
                }
                if client == 0 {
                    // Bounded, since a site that stays down would never answer.
                    while ask(Act::SignOut) == Told::Unknown && !is_over.load(Ordering::Relaxed) {}
                }
                for number in REQUESTS.0..REQUESTS.0 + REQUESTS.1 {
                    ask(choices.act(session, client, number));
                }
            });
        }
    });
}

/// Xorshift: pseudorandom numbers, the same in each run.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    fn act(&mut self, session: usize, client: u64, number: u64) -> Act {
        let value = format!("{session}:{client}.{number}");
        match self.below(10) {
            0..3 => Act::Put { key: KEYS[self.below(KEYS.len())].to_owned(), value },
            3..5 => Act::Increment,
            5..8 => Act::Read,
            8 => Act::SetFlash { value },
            _ => Act::TakeFlash,
        }
    }
}
